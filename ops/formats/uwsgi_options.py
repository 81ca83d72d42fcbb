"""Options of uWSGI that the inventory may not set: they bypass Apache, hide other options, or break supervision.

The app trusts the headers that Apache sets. Whoever reaches uWSGI without Apache can impersonate anyone, so each
option that makes uWSGI listen takes a loopback address, or a socket in a folder of the account.
Source: the calls of bind_to_tcp, bind_to_unix, bind_to_udp and uwsgi_new_gateway_socket in uWSGI 2.0.30 (core and
plugins), and its tables of options (`uwsgi_options.txt`). What an address may be is a positive list, since uWSGI
takes many forms for one: `:80`, `0:80`, `*:80`, a host's name, `=0` (a shared socket), `fd://3`, `@abstract`.
"""

import re
from collections.abc import Callable, Iterator

from ops.formats import apps
from ops.formats.processes import value_of
from ops.formats.protected import is_protected, protected_places
from ops.formats.uwsgi import is_uwsgi, items_of, known_options
from ops.formats.uwsgi_command_line import on_command_line
from ops.schema import Host
from ops.value_types import UwsgiValue

Addresses = Callable[[str], list[str]]


def _whole(value: str) -> list[str]:
    return [value]


def _before_comma(value: str) -> list[str]:
    return [value.partition(",")[0]]


def _keyed(*keys: str) -> Addresses:
    """The values of `keys` in `key=value,key=value`; a value may be a list separated by semicolons."""

    def addresses(value: str) -> list[str]:
        pairs = [part.partition("=") for part in value.split(",")]
        return [address for key, _, text in pairs if key.strip() in keys for address in text.split(";")]

    return addresses


def _pool(value: str) -> list[str]:
    path, _, rest = value.partition(":")
    return [path, *rest.split(",")]


def _second_word(value: str) -> list[str]:
    return value.split()[1:2]


def _without_port(value: str) -> list[str]:
    """The path of a unix socket; any other value becomes one that no rule accepts."""
    return [value if value.startswith("/") else f"not a path: {value}"]


# Each option that makes uWSGI listen or receive listening sockets, and how to find the addresses in its value.
LISTENERS: dict[str, Addresses] = {
    **dict.fromkeys(
        [
            *("http-socket", "http11-socket", "fastcgi-socket", "fastcgi-nph-socket", "scgi-socket"),
            *("scgi-nph-socket", "raw-socket", "puwsgi-socket", "shared-socket", "undeferred-shared-socket"),
            *("http", "httprouter", "http-to-https", "fastrouter", "rawrouter"),
            *(f"{router}-subscription-server" for router in ("http", "fastrouter", "rawrouter", "sslrouter")),
            *("udp", "snmp", "cache-udp-server", "fastrouter-resubscribe-bind"),
            *("zerg", "http-zerg", "fastrouter-zerg", "rawrouter-zerg", "sslrouter-zerg"),
            *(
                f"{router}-{kind}"
                for router in ("http", "fastrouter", "rawrouter", "sslrouter")
                for kind in ("stats", "stats-server", "ss")
            ),
        ],
        _whole,
    ),
    **dict.fromkeys(["https", "https-socket", "suwsgi-socket", "ssl-socket", "sslrouter"], _before_comma),
    **dict.fromkeys(["https2", "sslrouter2"], _keyed("addr")),
    "cache2": _keyed("udp", "udp_servers", "udp_server", "udpservers", "udpserver"),
    **dict.fromkeys(["legion", "legion-mcast"], _second_word),
    **dict.fromkeys(["zerg-pool", "zergpool"], _pool),
    # They show the headers of running requests, or what the code does: only this account may connect.
    **dict.fromkeys(["stats", "stats-server", "py-tracebacker", "notify-socket"], _without_port),
}
_LISTENER = re.compile(r"(.+-)?socket|.+router2?|(.+-)?stats(-server)?|.+-(ss|zerg|subscription-server)")

_HIDES = "loads options that are not in the inventory: write them into uwsgi.options"
_RUNS_OTHERS = "runs further uWSGIs with options that are not in the inventory: make each a program of its own"
_SHELL = "gives a shell of the account to whoever connects"
_FEEDS = "takes requests from a message queue, past Apache: whoever writes to it can impersonate anyone"
_LEAVES = "leaves the foreground: supervisord sees the program as ended and starts another one"
_ENDS = "ends uWSGI, or keeps it from serving: the program would not stay up under supervisord"
_ROOT = "needs root, and uWSGI runs as the account: it would be ignored, or stop the start"
REFUSED = {
    **dict.fromkeys(
        [
            *("ini", "include", "inherit", "config", "fallback-config", "inject-before", "inject-after"),
            *("json", "js", "yaml", "yml", "xml", "xmlconfig", "sqlite", "sqlite3", "ldap"),
            *("ini-paste", "ini-paste-logged", "pypy-ini-paste", "set", "declare-option", "declare-option2"),
        ],
        _HIDES,
    ),
    **dict.fromkeys(
        ["pty-socket", "forkptyrouter", "forkpty-router", "forkptyurouter", "forkpty-urouter", "forkptyrouter-zerg"],
        _SHELL,
    ),
    **dict.fromkeys(["zeromq", "zmq", "zeromq-socket", "zmq-socket", "mongrel2"], _FEEDS),
    **dict.fromkeys(["daemonize", "daemonize2"], _LEAVES),
    **dict.fromkeys(
        [
            *("die-on-idle", "no-server", "exit", "version", "help", "usage", "stop", "reload", "pause", "suspend"),
            *("resume", "connect-and-read", "extract", "cflags", "dot-h", "config-py", "build-plugin", "get", "ping"),
            *("nagios", "test", "print-sym", "print-symbol", "dump-options"),
        ],
        _ENDS,
    ),
    **dict.fromkeys(
        [
            *("chroot", "pivot-root", "pivot_root", "namespace", "namespace-net", "ns", "ns-net", "unshare"),
            *("unshare2", "setns", "setns-socket", "setns-preopen", "cap", "master-as-root", "immediate-uid"),
            *("immediate-gid", "add-gid", "jail", "jail2", "libjail", "tuntap-router", "tuntap-router-stats"),
            *("tuntap-device",),
        ],
        _ROOT,
    ),
}
_EMPEROR = re.compile(r"(early-)?emperor(-.+)?|vassals?-.+|imperial-.+")

# Options whose names look like a listener's, and are none: they connect, count, set a mode or a form of output.
KNOWN_HARMLESS = frozenset(
    [
        *("abstract-socket", "cache-udp-node", "chmod-socket", "chown-socket", "exec-as-emperor"),
        *("hook-as-emperor", "call-as-emperor", "call-as-emperor1", "call-as-emperor2", "call-as-emperor4"),
        *("mount-as-emperor", "umount-as-emperor", "hook-emperor-lost", "hook-emperor-reload"),
        *("hook-emperor-start", "hook-emperor-stop", "log-socket", "log-zeromq", "map-socket", "master-fifo"),
        *("php-server-software", "rpc-max", "setns-skip", "setns-socket-skip", "shutdown-sockets"),
        *("socket-protocol", "socket-rcvbuf", "socket-send-timeout", "socket-sndbuf", "socket-timeout"),
        *("socket-write-timeout", "subscription-notify-socket", "wait-for-socket", "wait-for-socket-timeout"),
        *("websocket-max-size", "websocket-ping-freq", "websocket-pong-tolerance", "websockets-max-size"),
        *("websockets-ping-freq", "websockets-pong-tolerance", "stats-http", "stats-min", "stats-minified"),
        *("stats-no-cores", "stats-no-metrics", "stats-push", "stats-pusher-default-freq"),
        *("stats-pushers-default-freq", "zerg-fallback", "router-list", "routers-list", "ssl-enable-sslv3"),
        *("cron-legion", "cron-curl-legion", "curl-cron-legion", "unique-cron-legion", "unique-legion-cron"),
    ]
)
# Settings of a router or of the protocol; the router itself is above.
_SETTING = re.compile(
    r"(http|https|http-socket|https-socket|fastrouter|rawrouter|sslrouter|forkpty-?router|tuntap-router|legion)-.+"
)


def is_assessed(name: str) -> bool:
    """Whether this module has a decision about the option; see the tests."""
    written = ("socket", "uwsgi-socket", "zerg-server")
    known = name in LISTENERS or name in REFUSED or name in KNOWN_HARMLESS or name in written
    return known or bool(_EMPEROR.fullmatch(name) or _SETTING.fullmatch(name))


def listening(name: str, value: UwsgiValue) -> list[str]:
    """The addresses that the option makes uWSGI listen on; none for any other option."""
    addresses = LISTENERS.get(name)
    if addresses is None and name not in known_options() and _LISTENER.fullmatch(name):
        addresses = _whole  # an option of a plugin or of a newer uWSGI
    if addresses is None:
        return []
    return [address for item in items_of(value) for address in addresses(str(item))]


def unsafe_options(host: Host) -> Iterator[tuple[tuple[str, ...], str]]:
    """(path of keys, rule) for each forbidden option of uWSGI in the inventory: in options, variables or commands."""
    for view in apps.views(host):
        for name, value in view.uwsgi.options.items():
            if not (name in view.uwsgi.open_to_anyone and is_open(view, name)):
                yield from ((apps.uwsgi_key(view, "options", name), rule) for rule in _rules(host, name, value))
        for name in view.uwsgi.open_to_anyone:
            if not is_open(view, name):
                rule = "must be left out: no such option of uwsgi.options listens where others can connect"
                yield apps.uwsgi_key(view, "open_to_anyone", name), rule
        for number, address in enumerate(view.uwsgi.sockets):
            if not is_protected(host, address):
                yield apps.uwsgi_key(view, "sockets", str(number)), rule_for("socket", host)
    for name in host.supervisor.environment:
        yield from ((("supervisor", "environment", name), rule) for rule in _variable_rules(name))
    for program, settings in host.programs.items():
        if not is_uwsgi(settings):
            continue
        for name in settings.environment:
            yield from ((("programs", program, "environment", name), rule) for rule in _variable_rules(name))
        for option, text in on_command_line(value_of(host, program, settings.command), [*LISTENERS, *REFUSED]):
            if option != "ini":  # it names uWSGI's own file
                for rule in _rules(host, option, text):
                    yield ("programs", program, "command"), f"--{option} {rule}"


def is_open(host: Host, name: str) -> bool:
    """Whether that option of the inventory lets other accounts or hosts connect to the app.

    Never one that shows the headers of requests, or that a reason cannot excuse.
    """
    if name in REFUSED or _EMPEROR.fullmatch(name) or LISTENERS.get(name) is _without_port:
        return False
    return not all(is_protected(host, one) for one in listening(name, host.uwsgi.options.get(name, [])))


def _rules(host: Host, name: str, value: UwsgiValue) -> Iterator[str]:
    if name in REFUSED:
        yield REFUSED[name]
    elif _EMPEROR.fullmatch(name):
        yield _RUNS_OTHERS
    elif name in ("uid", "gid") and any(str(item) != host.account for item in items_of(value)):
        yield f"must be {host.account} or be left out: uWSGI runs as the account and cannot change to another"
    elif name == "abstract-socket" and value is not False:
        yield "must not be set: a socket without a file is open to every account of the host"
    elif name in ("chmod-socket", "chmod") and not _all_match("[0-7]{2}[0145]", value):
        yield "must be three octal digits that do not let others write ('660'): who may write a socket may connect"
    elif name == "umask" and not _all_match("0?[0-7]{2}[2367]", value):
        yield "must keep others from writing ('022'): who may write a socket may connect"
    else:
        if listening(name, value) and any("%(" in str(item) for item in items_of(value)):
            yield "must be written out, without a placeholder: where uWSGI listens is checked here"
        elif not all(is_protected(host, address) for address in listening(name, value)):
            yield rule_for(name, host)


def _all_match(pattern: str, value: UwsgiValue) -> bool:
    return all(re.fullmatch(pattern, str(item)) for item in items_of(value))


def rule_for(name: str, host: Host) -> str:
    """The rule that an unprotected address of the option breaks."""
    path = f"path of a unix socket in a folder of the account ({', '.join(protected_places(host))})"
    if LISTENERS.get(name) is _without_port:
        return f"must be the {path}: it shows data that others must not see, such as the headers of requests"
    return (
        f"must listen on a loopback address and port (127.0.0.1:8082, [::1]:8082), or on the {path}: "
        "whoever reaches the app without Apache can impersonate anyone"
    )


def _variable_rules(name: str) -> Iterator[str]:
    if name.startswith("UWSGI_"):
        yield "is read by uWSGI as an option: write it into uwsgi.options"
