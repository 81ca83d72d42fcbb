"""Attacks on the front door: one table of requests, each with what must come of it.

Every request tries to be `root`, or to get somewhere it should not. Each kind of visitor sends it, over HTTP/1.1 and
over HTTP/2 where that can say it; then the status must be the one given here, and the app must take the visitor for
who they are. That makes most rows a control as well: a server that refuses everybody fails them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.lab.wire import CLOSED, WITHOUT_HEAD, Fields


@dataclass(frozen=True)
class Outcome:
    """The status for the holder of a certificate on 8443, for a stranger on 443, and (where that is another than the
    former) for one who is logged in there; and whether the app gets to see those who may use it.
    """

    certificate: int
    stranger: int
    app: bool = False
    session: int | None = None


NOTHING = -1  # no further answer comes
ONESELF = Outcome(200, 302, app=True)  # let in, as nobody else; without a login: sent to it
SESSION_SPOILED = Outcome(200, 302, app=True, session=302)  # two lines of cookies become one that says nothing
NO_PAGE = Outcome(404, 302, app=True)  # the same, for a page that the app does not have
NOT_SHOWN = Outcome(200, 302)  # the same, where the answer has no body that would show it
DENIED = Outcome(403, 403)
NOT_FOUND = Outcome(404, 404)  # by Apache: the app never sees it
NOT_ALLOWED = Outcome(405, 302)
BAD = Outcome(400, 400)
TOO_LARGE = Outcome(431, 431)
ENDED = Outcome(CLOSED, CLOSED)  # HTTP/2: the stream is reset
NO_CHUNKS = Outcome(411, 302)  # the app's proxy takes no body without a length,
UNKNOWN_CODING = Outcome(501, 302)  # nor one that is coded otherwise,
THEN_HANGS_UP = Outcome(NOTHING, 302)  # and hangs up; for a stranger Apache reads the body away and goes on


@dataclass(frozen=True)
class Stream:
    """One request of HTTP/2."""

    fields: Fields
    body: bytes | None = None
    trailers: Fields = ()


@dataclass(frozen=True)
class Attack:
    """One request, as the bytes of HTTP/1.1 and as a stream of HTTP/2; None where that cannot say it.

    HOST in it stands for the server's name, LENGTH for that of the request that comes last. `then` has one outcome
    for each answer that must come.
    """

    name: str
    http1: bytes | None
    http2: Stream | None
    then: tuple[Outcome, ...] = (ONESELF,)
    then_http2: Outcome = ONESELF


ROOT = (b"x-shib-userid", b"root")
SPOOF = b"X-Shib-Userid: root\r\n"


def _pseudo(path: bytes = b"/poms", **other: bytes) -> Fields:
    values = {"method": b"GET", "scheme": b"https", "authority": b"HOST"} | other
    return [*((b":" + name.encode(), value) for name, value in values.items()), (b":path", path)]


def _get(lines: bytes = b"", path: bytes = b"/poms", method: bytes = b"GET") -> bytes:
    return method + b" " + path + b" HTTP/1.1\r\nHost: HOST\r\n" + lines + b"\r\n"


def _shown(text: bytes) -> str:
    return text[:60].decode("latin-1").encode("unicode_escape").decode()


def _http1(request: bytes, *then: Outcome, name: str = "") -> Attack:
    return Attack(name or _shown(request), request, None, then or (ONESELF,))


def _http2(name: str, fields: Fields, then: Outcome = ENDED, body: bytes | None = None, last: Fields = ()) -> Attack:
    return Attack(name, None, Stream(fields, body, last), then_http2=then)


def _header(name: bytes, value: bytes = b"root", then: Outcome = ONESELF) -> Attack:
    """A header in both versions of HTTP."""
    request, stream = _get(name + b": " + value + b"\r\n"), Stream([*_pseudo(), (name.lower(), value)])
    return Attack(_shown(name + b": " + value), request, stream, (then,), then)


# ---- names -----------------------------------------------------------------------------------------------------

IDENTITY = (b"X-Shib-Userid", b"X-Shib-Email", b"X-Shib-Name-First", b"X-Shib-Name-Last")
# Characters that a header's name may have besides letters and digits (RFC 9110, "token"), and that it may not.
TOKEN_MARKS = [bytes([code]) for code in b"!#$%&'*+.^_`|~"]
NO_TOKEN_MARKS = [
    bytes([code]) for code in (*range(1, 9), 11, 12, *range(14, 33), *b'"(),/;<=>?@[\\]{}', 127, 128, 173, 255)
]
BELIEVED = b"""
    X-Shib-Userid Remote-User X-Remote-User X-Forwarded-User X-Forwarded-For Forwarded X-Scitoken-Sub Auth-User
    X-Scitoken-Scope X-Scitoken-Iss X-Poms-Agent X-Forwarded-Host X-Forwarded-Proto X-Forwarded-Server X-Original-URL
    X-Rewrite-URL
    Shib-Session-ID Shib-Identity-Provider Shib-Application-ID Shib-Handler uid eppn mail givenName sn id_user id-user
    REDIRECT_REMOTE_USER SSL_CLIENT_S_DN SSL-Client-S-DN SSL_CLIENT_VERIFY SSL-Client-Cert X-SSL-Client-S-DN Proxy
    Proxy-User Script-Name Path-Info Remote-Addr UWSGI_SCHEME wsgi.url_scheme X-HTTP-Method-Override
"""


def names() -> Iterator[Attack]:
    """Identity headers in every case and with every separator, and what else an app or a module might believe."""
    for header in IDENTITY:
        by_turns = bytes((ord(chr(code).upper()) if at % 2 else code) for at, code in enumerate(header.lower()))
        for spelled in (header, header.lower(), header.upper(), header.swapcase(), by_turns, by_turns.swapcase()):
            yield _header(spelled)
            yield _header(spelled.replace(b"-", b"_"))
    for spelled in (b"X-Shib_Userid", b"X_Shib-Userid", b"XShibUserid", b"X--Shib-Userid", b"-X-Shib-Userid"):
        yield _header(spelled)
    for mark in TOKEN_MARKS:
        yield _header(IDENTITY[0].replace(b"-", mark))
        yield _header(IDENTITY[0] + mark)
    for mark in NO_TOKEN_MARKS:
        for spelled in (IDENTITY[0].replace(b"-", mark), IDENTITY[0] + mark):
            stream = Stream([*_pseudo(), (spelled.lower(), b"root")])
            yield Attack(_shown(spelled), _get(spelled + b": root\r\n"), stream, (BAD,), ENDED)
    for believed in BELIEVED.split():
        yield _header(believed)
        yield _header(b"HTTP_" + believed.upper().replace(b"-", b"_"))
        yield _header(b"HTTP-" + believed)


# ---- values and lines ------------------------------------------------------------------------------------------


def lines() -> Iterator[Attack]:
    """Duplicates, folding, blanks, control bytes, empty and very long values."""
    for value in b'jdoe root,jdoe (null) "root" \xff\xfe root\xa0 r\xc3\xb6\xc3\xb6t %{id_user}e'.split(b" "):
        yield _header(IDENTITY[0], value)
    yield _header(IDENTITY[0], b"")
    for spaced in (b":root", b":\troot \t", b":  root", b":", b":\r\n root", b":\r\n\troot", b":\r\n jdoe\r\n\troot"):
        yield _http1(_get(b"X-Shib-Userid" + spaced + b"\r\n"))
    yield _http1(_get(b"A: b\r\n " + SPOOF))
    yield _http1(_get(b"A: b\r\n\t\r\n " + SPOOF), BAD)
    for broken in (
        b"X-Shib-Userid :root",
        b"X-Shib-Userid\t:root",
        b"X-Shib-Userid\r\n :root",
        b"X-Shib-Userid",
        b":root",
    ):
        yield _http1(_get(broken + b"\r\n"), BAD)
    for glue in (b"\n", b"\r", b"\0", b"\0\r\n", b"\n\r", b"\x0b", b"\x0c", b"\x1a", b"\x7f"):
        yield _http1(_get(b"A: b" + glue + SPOOF), BAD)
        yield _http1(_get(b"X-Shib-Userid: ro" + glue + b"ot\r\n"), BAD)
        yield _http2(f"a value with {_shown(glue)}", [*_pseudo(), (b"a", b"b" + glue + b"x-shib-userid: root")])
        yield _http2(f"a name with {_shown(glue)}", [*_pseudo(), (b"a: b" + glue + b"x-shib-userid", b"root")])
        yield _http2(f"a user with {_shown(glue)}", [*_pseudo(), (ROOT[0], b"ro" + glue + b"ot")])
    yield _http1(_get(SPOOF * 2))
    yield _http1(_get(SPOOF + b"X-Shib-Userid: jdoe\r\n"))
    yield _http1(_get(b"X-Shib-Userid: jdoe\r\n" + SPOOF + b"x-shib-userid: root\r\nX_Shib_Userid: root\r\n"))
    yield _http1(_get(SPOOF * 98), name="98 times")
    yield _http1(_get(b"A: b\r\n" * 97 + SPOOF), name="behind 97 others")
    yield _http1(_get(b"A: b\r\n" * 101 + SPOOF), BAD, name="behind 101 others")
    yield _http1(_get(b"X-Shib-Userid: " + b"r" * 8000 + b"\r\n"), name="8000 bytes")
    yield _http1(_get(b"X-Shib-Userid: " + b"r" * 9000 + b"\r\n"), BAD, name="9000 bytes")
    yield _http1(_get(b"A: " + b"r" * 20000 + b"\r\n" + SPOOF), BAD, name="behind 20000 bytes")
    yield _http2("twice", [*_pseudo(), ROOT, (ROOT[0], b"jdoe")], ONESELF)
    yield _http2("98 times", [*_pseudo(), *[ROOT] * 98], ONESELF)
    yield _http2("behind 97 others", [*_pseudo(), *[(b"a", b"b")] * 97, ROOT], ONESELF)
    yield _http2("behind 101 others", [*_pseudo(), *[(b"a", b"b")] * 101, ROOT], TOO_LARGE)
    yield _http2("8000 bytes", [*_pseudo(), (ROOT[0], b"r" * 8000)], ONESELF)
    yield _http2("9000 bytes", [*_pseudo(), (ROOT[0], b"r" * 9000)], TOO_LARGE)
    yield _http2("over several frames", [*_pseudo(), (b"a", b"r" * 70000), ROOT], TOO_LARGE)


def hop_by_hop() -> Iterator[Attack]:
    """Headers about the connection, which a proxy strips together with what they name."""
    for value in (b"X-Shib-Userid", b"close, X-Shib-Userid", b"x-shib-userid, x-shib-email", b"X-Shib-Userid,Host"):
        yield _http1(_get(b"Connection: " + value + b"\r\n"))
        yield _http1(_get(b"Connection: " + value + b"\r\n" + SPOOF))
        yield _http2(f"connection {_shown(value)}", [*_pseudo(), (b"connection", value)])
    yield _http1(_get(b"Connection: keep-alive\r\nConnection: X-Shib-Userid\r\n"))
    for header in b"Keep-Alive Proxy-Connection TE Trailer Upgrade Proxy-Authorization Proxy-Authenticate".split():
        yield _http1(_get(header + b": X-Shib-Userid\r\n" + SPOOF))
    for header in b"te upgrade keep-alive proxy-connection transfer-encoding".split():
        yield _http2(f"{header.decode()}", [*_pseudo(), (header, b"x-shib-userid"), ROOT])
    yield _http2("te trailers", [*_pseudo(), (b"te", b"trailers"), ROOT], ONESELF)
    yield _http1(_get(b"Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n" + SPOOF))
    yield _http1(_get(b"Connection: upgrade\r\nUpgrade: websocket\r\n" + SPOOF))
    yield _header(b"Authorization", b"Basic cm9vdDpyb290")
    false = b"_shibsession_64656661756c74=_root; _shibsession_=_root"
    stream = Stream([*_pseudo(), (b"cookie", false)])
    yield Attack("a false session", _get(b"Cookie: " + false + b"\r\n"), stream, (SESSION_SPOILED,))
    yield _header(b"Expect", b"100-continue")
    yield _header(b"Expect", b"X-Shib-Userid", Outcome(417, 417))


# ---- where to --------------------------------------------------------------------------------------------------

_SSO = Outcome(403, 200, session=200)  # mod_shib's own pages, on 443 only
_SSO_ASTRAY = Outcome(200, 403, app=True, session=403)  # mod_shib would take it for a page of its own
_NO_PAGE_ASTRAY = Outcome(404, 403, app=True, session=403)
_SSO_UNKNOWN = Outcome(403, 500, session=500)  # mod_shib's own answer
PATHS: Sequence[tuple[Outcome, bytes]] = (
    (
        ONESELF,
        b"/poms /poms/ /poms? /poms?x /poms?X-Shib-Userid=root /poms/?a=/../.. /%70oms /p%6Fms/ //poms ///poms//",
    ),
    (ONESELF, b"/./poms /x/../poms /%2e/poms /x/%2e%2e/poms /poms/../poms /poms/. /poms/x/.. /server-status/../poms"),
    (
        NO_PAGE,
        b"/poms/x /poms/%252e%252e/ /poms/..;/x /poms/;/../x /poms//x /poms/Shibboleth.sso /poms/server-status",
    ),
    (
        DENIED,
        b"/ /poms;x /poms;/x /POMS /Poms/ /%50oms /poms. /pomsx /poms- /poms%20 /poms%09 /poms\\ /poms%5c /\\poms",
    ),
    (DENIED, b"/poms%0d%0aX-Shib-Userid:%20root /poms%3fx /poms/.. /poms/../ /poms/%2e%2e/ /poms/.%2e/x /x/poms"),
    (DENIED, b"/poms/../server-status /%c0%afpoms /poms%c0%af /poms\xff /%20poms //HOST/poms /index.html /icons/"),
    (DENIED, b"/server-status /server-info /.htaccess /cgi-bin/x /secure /secure/x /Shibboleth.ssox"),
    (DENIED, b"/shibboleth.sso/Session /Shibboleth.sso/Status /shibboleth-sp/main.css"),
    (NOT_FOUND, b"/poms%2f /poms%2Fx /poms/..%2f /poms%00 /poms/%00/x /%2fpoms"),
    (BAD, b"/% /%zz /poms% /%u0070oms /poms#x /poms%%20"),
    (_SSO, b"/Shibboleth.sso/Session /Shibboleth.sso/Metadata"),
    (Outcome(403, 404, session=404), b"//Shibboleth.sso/Session"),
    (_SSO_ASTRAY, b"/Shibboleth.sso/../poms /Shibboleth.sso/%2e%2e/poms /Shibboleth.sso/x/../../poms"),
    (_SSO_ASTRAY, b"/Shibboleth.sso/Session/../../poms /Shibboleth.sso/.%2E//poms /Shibboleth.sso/../poms?x"),
    (_SSO_ASTRAY, b"/Shibboleth.ssox/../poms /Shibboleth.sso/./../poms /Shibboleth.sso/;/../../poms"),
    (ONESELF, b"//Shibboleth.sso/../poms /%53hibboleth.sso/../poms /poms?/Shibboleth.sso/../x"),
    (ONESELF, b"/Shibboleth%2esso/../poms /x/../Shibboleth.sso/../poms"),
    (DENIED, b"/Shibboleth.sso /Shibboleth.sso/ /Shibboleth.sso?/../poms /Shibboleth.sso/../Shibboleth.sso/Session"),
    (DENIED, b"/Shibboleth.sso/.. /Shibboleth.sso/../server-status"),
    (DENIED, b"/Shibboleth.sso/Session/. /Shibboleth.sso/Session/.."),
    (_NO_PAGE_ASTRAY, b"/Shibboleth.sso/../poms/x"),
    (_SSO_UNKNOWN, b"/Shibboleth.sso/Nothing /Shibboleth.sso/Session/x /Shibboleth.sso/.../poms"),
)
URIS: Sequence[tuple[Outcome, bytes]] = (
    (ONESELF, b"https://HOST/poms http://HOST/poms HTTPS://HOST/poms https://other.example/poms https:///poms"),
    (ONESELF, b"https://HOST/Shibboleth.sso/../poms https:///Shibboleth.sso/Session/../../poms"),
    (ONESELF, b"http://127.0.0.1:8888/poms https://HOST:8443/poms https://HOST:443/poms http://[::1]/poms"),
    (BAD, b"uwsgi://127.0.0.1:8888/poms unix:/poms https://root@HOST/poms https://HOST\\@x/poms ftp://HOST/poms"),
)


def paths() -> Iterator[Attack]:
    """Tricks against `/poms`, and doors beside it."""
    for then, found in PATHS:
        for path in found.split(b" "):
            yield Attack(_shown(path), _get(SPOOF, path), Stream([*_pseudo(path), ROOT]), (then,), then)
    for then, found in URIS:
        yield from (_http1(_get(SPOOF, uri), then) for uri in found.split())
    for path in (
        b"poms",
        b"",
        b"*",
        b"\\poms",
        b"/poms HTTP/1.1",
        b"/poms\tx",
        b"/poms\x0b",
        b"/poms\0",
        b"/poms\x7f",
    ):
        yield _http1(_get(SPOOF, path), BAD)
        yield _http2(f"path {_shown(path)}", [*_pseudo(path), ROOT])
    for path in (b"/poms x", b"/poms\nx", b"/poms HTTP/1.1\r\n" + SPOOF + b"A: b", b"https://HOST/poms", b"?x"):
        yield _http2(f"path {_shown(path)}", [*_pseudo(path), ROOT])
    yield _http1(_get(SPOOF, b"/" + b"a" * 8000), DENIED, name="a path of 8000 bytes")
    yield _http1(_get(SPOOF, b"/poms?" + b"a" * 8000), name="a query of 8000 bytes")
    yield _http1(_get(SPOOF, b"/poms?" + b"a" * 8200), Outcome(414, 414), name="a query of 8200 bytes")


def heads() -> Iterator[Attack]:
    """Methods, versions, hosts, and what pretends to be the end of a line."""
    for method in b"POST PUT DELETE OPTIONS PATCH PROPFIND FOO get SOURCE TRACK".split():
        yield _http1(_get(SPOOF, method=method))
        yield _http2(f"method {method.decode()}", [*_pseudo(method=method), ROOT], ONESELF)
    yield _http1(_get(SPOOF, method=b"TRACE"), NOT_ALLOWED)
    yield _http2("method TRACE", [*_pseudo(method=b"TRACE"), ROOT], NOT_ALLOWED)
    yield _http1(_get(SPOOF, method=b"HEAD"), NOT_SHOWN)
    yield _http1(_get(SPOOF, b"*", b"OPTIONS"), Outcome(200, 200))
    for target in b"127.0.0.1:8888 HOST:443 127.0.0.1:22".split():
        yield _http1(_get(SPOOF, target, b"CONNECT"), DENIED)
    yield _http1(_get(SPOOF, method=b"CONNECT"), BAD)
    yield _http2("CONNECT", [(b":method", b"CONNECT"), (b":authority", b"127.0.0.1:8888")], DENIED)
    host = b"\r\nHost: HOST\r\n" + SPOOF + b"\r\n"
    yield from (_http1(b"GET /poms HTTP/" + version + host) for version in (b"1.0", b"1.2", b"2.0"))
    yield from (
        _http1(b"GET /poms " + version + host, BAD) for version in b"HTTP/0.9 HTTP/3 HTTP/1. http/1.1".split()
    )
    yield from (_http1(b"GET /poms HTTP/1.1" + end + host, BAD) for end in (b"x", b" ", b"\r", b"\0", b"\r" + SPOOF))
    for start in (b"GET  /poms", b"GET\t/poms", b" GET /poms", b"G\0ET /poms", b"GET /poms ", b"GET *"):
        yield _http1(start + b" HTTP/1.1" + host, BAD)
    yield _http1(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BAD)
    yield _http1(b"GET /poms" + host, Outcome(WITHOUT_HEAD, WITHOUT_HEAD))
    yield _http1(b"\r\n\r\n" + _get(SPOOF))
    for ending in (b"\n", b"\r", b"\n\r"):
        yield _http1(_get(SPOOF).replace(b"\r\n", ending) + b"\r\n\r\n", BAD)
    for named in b"evil.example 127.0.0.1 HOST:80 HOST:8443 HOST. [::1]".split():
        yield _http1(b"GET /poms HTTP/1.1\r\nHost: " + named + b"\r\n" + SPOOF + b"\r\n")
        yield _http2(f"authority {_shown(named)}", [*_pseudo(authority=named), ROOT], ONESELF)
    for named in (
        b"HOST evil",
        b"HOST\r\nHost: x",
        b"",
        b"HOST,x",
        b"HOST/poms",
        b"a\0b",
        b"HOST\r\n " + SPOOF,
        b"root@HOST",
    ):
        yield _http1(b"GET /poms HTTP/1.1\r\nHost: " + named + b"\r\n" + SPOOF + b"\r\n", BAD)
    for before in (b"", b" X-Shib-Userid: root\r\nHost: HOST\r\n", b"Host : HOST\r\n"):
        yield _http1(b"GET /poms HTTP/1.1\r\n" + before + SPOOF + b"\r\n", BAD)
    yield from (_http2(name, fields) for name, fields in _FALSE_PSEUDO.items())
    yield _http2("another host", [*_pseudo(), (b"host", b"evil.example"), ROOT], ONESELF)
    yield _http2("host alone", [*_pseudo()[:2], _pseudo()[3], (b"host", b"HOST"), ROOT], ONESELF)
    yield _http2("an authority with a name", [*_pseudo(authority=b"root@HOST"), ROOT], BAD)
    yield _http2("scheme http", [*_pseudo(scheme=b"http"), ROOT], ONESELF)
    yield _http2("scheme uwsgi", [*_pseudo(scheme=b"uwsgi"), ROOT], BAD)


_FALSE_PSEUDO: dict[str, Fields] = {
    "CONNECT with a path": _pseudo(method=b"CONNECT"),
    "CONNECT websocket": [*_pseudo(method=b"CONNECT"), (b":protocol", b"websocket")],
    "a pseudo-field of our own": [*_pseudo(), (b":x-shib-userid", b"root")],
    "pseudo-fields last": [ROOT, *_pseudo()],
    "two paths": [*_pseudo(), (b":path", b"/")],
    "two methods": [*_pseudo(), (b":method", b"POST")],
    "no path": [*_pseudo()[:3], ROOT],
    "no host": [*_pseudo()[:2], _pseudo()[3], ROOT],
    "no scheme": [*_pseudo()[:1], *_pseudo()[2:], ROOT],
    "upper case": [*_pseudo(), (b"X-Shib-Userid", b"root")],
    "a name that is empty": [*_pseudo(), (b"", b"root")],
    "a name with a line": [*_pseudo(), (b"x-shib-userid: root\r\na", b"b")],
    "a scheme with a line": _pseudo(scheme=b"https\r\n" + SPOOF),
    "a scheme that is empty": _pseudo(scheme=b""),
    "a host with a line": _pseudo(authority=b"HOST\r\n" + SPOOF),
    "a host with a blank": _pseudo(authority=b"HOST evil"),
    "a host that is empty": _pseudo(authority=b""),
    "a method with a line": _pseudo(method=b"GET /poms HTTP/1.1\r\n" + SPOOF + b"A:"),
    "a method with a blank": _pseudo(method=b"GET /poms"),
    "a method that is empty": _pseudo(method=b""),
}

# ---- bodies ----------------------------------------------------------------------------------------------------

LAST = b"GET /poms HTTP/1.1\r\nHost: HOST\r\nX-Shib-Userid: root\r\nConnection: close\r\n\r\n"


def _post(head: bytes, body: bytes, *then: Outcome, start: bytes = b"POST /poms HTTP/1.1") -> Attack:
    """A request with a body, and another behind it; `then` is what must come of both, in order."""
    return Attack(
        _shown(head + b"+ " + body), start + b"\r\nHost: HOST\r\n" + head + b"\r\n" + body + LAST, None, then
    )


def bodies() -> Iterator[Attack]:
    """Requests hidden in bodies, and fields behind them. What follows is a request of the visitor's own, no more."""
    both = (ONESELF, ONESELF)
    yield _post(b"Content-Length: LENGTH\r\n", LAST, *both)
    yield _post(b"Content-Length: LENGTH\r\n", LAST, *both, start=b"GET /poms HTTP/1.1")
    yield _post(b"Content-Length: LENGTH\r\n", LAST, DENIED, ONESELF, start=b"POST / HTTP/1.1")
    yield _post(b"Content-Length: 4\r\n", b"root", *both)
    yield _post(b"Content-Length: 4 \r\n", b"root", *both)
    yield _post(b"Content_Length: 4\r\n", b"", *both)
    yield _post(b"Connection: X-Shib-Userid, keep-alive\r\n", b"", *both, start=b"GET /poms HTTP/1.1")
    for length in (b"+4", b"0x4", b"", b"4 4", b"4, 4", b"-1", b"9" * 20, b"0\r\nContent-Length: LENGTH"):
        yield _post(b"Content-Length: " + length + b"\r\n", b"root", BAD)
    yield from _chunked()
    post = _pseudo(method=b"POST")
    yield _http2("trailers", post, NO_CHUNKS, b"abc", [ROOT])
    yield _http2("trailers alone", _pseudo(), NO_CHUNKS, None, [ROOT])
    yield _http2("false trailers", post, ENDED, b"abc", [(b":path", b"/")])
    sized = [*post, (b"content-length", b"3")]
    yield _http2("a body", [*sized, ROOT], ONESELF, b"abc")
    yield _http2("a body and trailers", [*sized, (b"trailer", ROOT[0])], ONESELF, b"abc", [ROOT])
    yield _http2("a body too long", sized, ENDED, b"abcd")
    yield _http2("a body too short", sized, ENDED, b"ab")
    yield _http2("two lengths", [*sized, (b"content-length", b"4")], ENDED, b"abc")


def _chunked() -> Iterator[Attack]:
    chunks, coded, on = b"4\r\nroot\r\n0\r\n\r\n", b"Transfer-Encoding: chunked\r\n", (NO_CHUNKS, THEN_HANGS_UP)
    yield _post(coded, chunks, *on)
    yield _post(coded, chunks, *on, start=b"GET /poms HTTP/1.1")
    yield _post(coded + b"Connection: keep-alive\r\n", chunks, *on, start=b"POST /poms HTTP/1.0")
    yield _post(coded + b"Trailer: X-Shib-Userid\r\n", b"4\r\nroot\r\n0\r\n" + SPOOF + b"\r\n", *on)
    yield _post(coded, b"4;X-Shib-Userid: root\r\nroot\r\n0\r\n\r\n", *on)
    for spelled in (b":\tchunked", b": CHUNKED", b":\r\n chunked"):
        yield _post(b"Transfer-Encoding" + spelled + b"\r\n", chunks, *on)
    for coding in (b"identity, chunked", b"chunked, chunked"):
        yield _post(b"Transfer-Encoding: " + coding + b"\r\n", chunks, UNKNOWN_CODING, THEN_HANGS_UP)
    for coding in (b"xchunked", b"chunked, identity", b"\x0bchunked", b'"chunked"', b"identity", b"chunked;q=1", b""):
        yield _post(b"Transfer-Encoding: " + coding + b"\r\n", chunks, BAD)
    yield _post(b"Transfer-Encoding : chunked\r\n", chunks, BAD)
    for broken in (b"0x0\r\n\r\n", b"0\n\n", b"-1\r\n\r\n", b"g\r\n", b"4;\n" + SPOOF + b"root\r\n0\r\n\r\n"):
        yield _post(coded, broken, Outcome(411, 400))
    for length in (b"5", b"LENGTH"):
        yield _post(coded + b"Content-Length: " + length + b"\r\n", b"0\r\n\r\n", NO_CHUNKS)
    yield _post(b"Content-Length: 5\r\n" + coded, b"0\r\n\r\n", NO_CHUNKS)
    hidden = b"%x\r\n" % len(LAST) + LAST + b"\r\n0\r\n\r\n"
    yield _post(coded + b"Content-Length: 4\r\n", hidden, NO_CHUNKS)
    yield _post(b"Content-Length: 3\r\n" + coded, b"0\r\n\r\n", DENIED, start=b"POST / HTTP/1.1")


# ---- the page where the host asks itself -------------------------------------------------------------------------

OWN = b"/poms-ops/poms"


def own() -> Iterator[Attack]:
    """Nobody but the host itself gets an answer of the app there, wherever a request says that it comes from."""
    from_here = b"""
        X-Forwarded-For Forwarded X-Real-IP X-Client-IP True-Client-IP X-Remote-Addr Remote-Addr CONN_REMOTE_ADDR Via
        X-Forwarded-Host X-Forwarded-Server X-Original-URL X-Rewrite-URL X-Shib-Userid X-HTTP-Method-Override
    """
    for method in (b"HEAD", b"GET"):
        for header in (b"A", *from_here.split()):
            for value in (b"127.0.0.1", b"::1, 127.0.0.1", b"for=127.0.0.1;host=localhost"):
                request = _get(header + b": " + value + b"\r\n", OWN, method)
                stream = Stream([*_pseudo(OWN, method=method), (header.lower(), value)])
                name = _shown(method + b" " + OWN + b" " + header + b": " + value)
                yield Attack(name, request, stream, (DENIED,), DENIED)
    for named in (b"127.0.0.1", b"localhost", b"[::1]"):
        request = b"HEAD " + OWN + b" HTTP/1.1\r\nHost: " + named + b"\r\n" + SPOOF + b"\r\n"
        stream = Stream([*_pseudo(OWN, method=b"HEAD", authority=named), ROOT])
        yield Attack(_shown(b"HEAD, host " + named), request, stream, (DENIED,), DENIED)
    ways = [OWN + end for end in (b"/", b"/x", b"?x", b"/..", b"/.", b"//", b";x", b"%20", b"%3f")]
    ways += [b"/" + OWN, b"/./poms-ops/poms", b"/%70oms-ops/poms", b"/poms-ops/%70oms", b"/poms-ops//poms"]
    ways += [b"/poms/../poms-ops/poms", b"/x/../poms-ops/poms", b"/poms-ops", b"/poms-ops/", b"/POMS-OPS/poms"]
    for way in ways:
        request, stream = _get(SPOOF, way, b"HEAD"), Stream([*_pseudo(way, method=b"HEAD"), ROOT])
        yield Attack(_shown(b"HEAD " + way), request, stream, (DENIED,), DENIED)


CONTROL = Attack("control", _get(), Stream(_pseudo()))
ASKS_TO_BE_ROOT = _header(IDENTITY[0])
ATTACKS: tuple[Attack, ...] = (*names(), *lines(), *hop_by_hop(), *paths(), *heads(), *bodies(), *own())
