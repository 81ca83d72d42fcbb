"""Values of the inventory in a virtual host that poms-ops has written, beyond what an import takes from any.

Of another's host these are changed on purpose (reasons.py); in a file of our own a hand edit of them is a value.
"""

import re
from collections.abc import Callable

from ops.agent.apache_words import Directive
from ops.formats.locations import identity_headers
from ops.importing.imported import Imported
from ops.schema import Host

_CHECKS = {("leaf",): "required", ("leaf", "no_crl_for_cert_ok"): "where-listed"}
_CERTIFICATE = re.compile(
    r"%\{SSL_CLIENT_VERIFY\} == 'SUCCESS' && %\{SSL_CLIENT_I_DN\} =~ m#\^(?P<issuer>.*)\$#"
    r" && %\{SSL_CLIENT_S_DN\} =~ m#\^(?P<subject>.*)\$#"
)
_PERSON = re.compile(r"CN=UID:\((?P<user_id>.*)\),CN=\(\?:.*\),(?P<end>[^()]*)")
_CURVES = "curves"


def _number(words: list[str]) -> int | None:
    return int(words[0]) if re.fullmatch(r"[0-9]{1,9}", words[0]) else None


def _protocols(words: list[str]) -> list[str] | None:
    added = [word.removeprefix("+") for word in words[1:] if word.startswith("+")]
    return added if words[0].lower() == "-all" and len(added) == len(words) - 1 else None


# A directive directly in a virtual host: the key of [apache], and how to read its words.
VALUES: dict[str, tuple[str, Callable[[list[str]], object]]] = {
    "sslverifydepth": ("verify_depth", _number),
    "sslprotocol": ("protocols", _protocols),
    "sslciphersuite": ("ciphers", lambda words: words[0]),
    "sslcertificatechainfile": ("chain", lambda words: words[0]),
    "sslcarevocationpath": ("revocation_dir", lambda words: words[0]),
    "sslcarevocationcheck": ("revocation", lambda words: _CHECKS.get(tuple(words))),
    "serveralias": ("aliases", list),
}


def read(host: Host, found: list[Directive], into: Imported) -> None:
    """Add what the directives of one file say."""
    inside = [one for one in found if len(one.path) == 1 and one.words]
    for one in inside:
        key, value_of = VALUES.get(one.name, ("", list))
        if key and (value := value_of(one.words)) is not None:
            into.put(value, "apache", key)
        if one.name == "sslopensslconfcmd" and one.words[0].lower() == _CURVES:
            into.put(one.words[-1], "apache", _CURVES)
        if one.name == "setenvifexpr" and (certificate := _CERTIFICATE.fullmatch(one.words[0])):
            _read_certificate(certificate, one.words[1:], into)
    headers = [one.words for one in inside if one.name == "header" and one.words[:2] == ["always", "set"]]
    named = {words[2]: words[-1].replace("%%", "%") for words in headers if len(words) == 4}
    named.pop("Strict-Transport-Security", None)
    into.put(named, "apache", "response_headers")
    dropped = [one.words[1] for one in inside if one.name == "requestheader" and one.words[2:] == ["early"]]
    own = {*identity_headers(host), "Authorization"}
    into.put([name for name in dropped if name not in own], "identity", "dropped_headers")


def _read_certificate(found: re.Match[str], sets: list[str], into: Imported) -> None:
    """Whose certificates are accepted: people's by one rule, each service's by its own."""
    issuer, person = _unescaped(found["issuer"]), _PERSON.fullmatch(found["subject"])
    if person:
        into.put(issuer, "identity", "certificate_issuer")
        into.put(person["user_id"], "identity", "user_id")
        into.put(_unescaped(person["end"]), "identity", "certificate_subject_end")
        return
    row = {"issuer": issuer, "subject": _unescaped(found["subject"]), "user": sets[0].removeprefix("id_user=")}
    into.data.setdefault("identity", {}).setdefault("service_certificates", []).append(row)


def _unescaped(pattern: str) -> str:
    """The text that an expression matches, made by `regex_escape`."""
    return re.sub(r"\\(.)", r"\1", pattern.replace(r"\x23", "#"))
