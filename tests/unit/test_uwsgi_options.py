"""Options of uWSGI in the inventory: none opens a way past Apache, hides one, or cannot work under supervisord."""

from typing import Any

import pytest

from ops.formats.uwsgi import known_options
from ops.inventory.constraints import constraint_violations
from tests.unit.hosts import host

SAFE = (
    "127.0.0.1:8082",
    "127.1.2.3:8082",
    "localhost:8082",
    "[::1]:8082",
    "[0:0:0:0:0:0:0:1]:8082",
    "/home/poms/run/x",
)
OPEN = (
    ":8082",
    "*:8082",
    "0.0.0.0:8082",
    "[::]:8082",
    "[::ffff:127.0.0.1]:8082",
    "[fe80::1]:8082",
    "0:8082",
    "8082",
    8082,
    "127.1:8082",
    "127.*:8082",
    "0127.0.0.1:8082",
    "127.0.0.256:8082",
    "127.0.0.1.example.org:8082",
    "127.0.0.1",
    "127.0.0.1:0",
    "127.0.0.1:65536",
    "127.0.0.1:80x",
    "http://127.0.0.1:8082",
    "localhost.example.org:8082",
    "web1:8082",
    "=0",
    "fd://3",
    "@name",
    "\\0name",
    "name.sock",
    "./name.sock",
    "/tmp/name.sock",
    "/run/name.sock",
    "/home/poms2/name.sock",
    "/home/poms/../x/name.sock",
    "/home/poms/%(name)",
    "/home/poms/a:8082",
    "127.0.0.1:%(port)",
    "",
)
PLAIN = (
    *("http", "http-socket", "http11-socket", "http-to-https", "fastcgi-socket", "fastcgi-nph-socket"),
    *("scgi-socket", "scgi-nph-socket", "raw-socket", "puwsgi-socket", "shared-socket", "undeferred-shared-socket"),
    *("udp", "httprouter", "fastrouter", "rawrouter", "http-stats", "http-ss", "fastrouter-stats-server"),
    *("rawrouter-subscription-server", "http-subscription-server", "sslrouter-ss", "snmp", "cache-udp-server"),
    *("fastrouter-resubscribe-bind", "http-zerg", "fastrouter-zerg", "zerg"),
)
WITH_KEYS = ("https", "https-socket", "suwsgi-socket", "ssl-socket", "sslrouter")


def refused(**values: Any) -> set[str]:
    """The keys that the rules name."""
    return {".".join(loc) for loc, _ in constraint_violations(host(**values))}


def is_refused(option: str, value: Any) -> bool:
    return f"uwsgi.options.{option}" in refused(uwsgi={"options": {option: value}})


@pytest.mark.parametrize("option", PLAIN)
def test_uwsgi_listener_must_be_local_and_in_account_directories(option: str) -> None:
    assert [value for value in OPEN if not is_refused(option, value)] == []
    assert [value for value in SAFE if is_refused(option, value)] == []
    assert is_refused(option, ["127.0.0.1:8083", ":8082"])


@pytest.mark.parametrize("option", WITH_KEYS)
def test_uwsgi_listener_with_certificate_must_be_local_too(option: str) -> None:
    assert [value for value in OPEN if not is_refused(option, f"{value},/c.pem,/k.pem")] == []
    assert [value for value in SAFE if is_refused(option, f"{value},/c.pem,/k.pem,HIGH")] == []


@pytest.mark.parametrize(
    ("option", "safe", "opened"),
    [
        ("https2", "addr=127.0.0.1:8082,cert=/c,key=/k", "cert=/c,addr=:8082,key=/k"),
        ("sslrouter2", "cert=/c,key=/k,addr=[::1]:8082", "addr=0.0.0.0:8082,cert=/c,key=/k"),
        ("cache2", "name=a,items=9", "name=a,items=9,udp=127.0.0.1:8082;:8083"),
        ("cache2", "name=a,items=9,udpservers=127.0.0.1:8082", "name=a,items=9,udp_server=:8082"),
        ("legion", "a 127.0.0.1:8082 9 x:y", "a 225.1.1.1:8082 9 x:y"),
        ("zerg-pool", "/home/poms/z:127.0.0.1:8082", "/home/poms/z:127.0.0.1:8082,:8083"),
        ("zergpool", "/home/poms/z:/home/poms/y", "/tmp/z:/home/poms/y"),
        ("stats", "/home/poms/s", "/tmp/s"),
        ("stats-server", "/home/poms/s", "@s"),
        ("py-tracebacker", "/home/poms/t", "/tmp/t"),
        ("chmod-socket", "660", "666"),
        ("chmod", "600", "1"),
        ("chmod-socket", "640", True),
        ("umask", "022", "000"),
        ("abstract-socket", False, True),
        ("uid", "poms", "apache"),
        ("gid", "poms", "apache"),
    ],
)
def test_uwsgi_option_that_opens_access_is_refused(option: str, safe: Any, opened: Any) -> None:
    assert is_refused(option, opened)
    assert not is_refused(option, safe) or option == "abstract-socket"


@pytest.mark.parametrize("value", ["/run/poms/http.sock", "/srv/config/http.sock", "/home/poms/http.sock"])
def test_uwsgi_listener_may_use_directories_named_in_inventory(value: str) -> None:
    managed_directories = {"app": {"listen": "/run/poms/app.sock"}, "config_dir": "/srv/config"}
    assert not refused(uwsgi={"options": {"http-socket": value}}, **managed_directories)
    assert refused(uwsgi={"options": {"http-socket": "/run/other/http.sock"}}, **managed_directories)


@pytest.mark.parametrize(
    "option",
    [
        *("ini", "include", "inherit", "json", "js", "yaml", "yml", "xml", "xmlconfig", "sqlite", "sqlite3", "ldap"),
        *("config", "fallback-config", "inject-before", "inject-after", "ini-paste", "ini-paste-logged", "set"),
        *("declare-option", "declare-option2", "emperor", "early-emperor", "vassals-include", "vassals-set"),
        *("emperor-stats", "emperor-proxy-socket", "emperor-on-demand-dir"),
        *("pty-socket", "forkptyrouter", "forkpty-router", "forkptyurouter", "forkpty-urouter"),
        *("zeromq", "zmq", "zeromq-socket", "zmq-socket", "mongrel2"),
        *("daemonize", "daemonize2", "die-on-idle", "no-server", "exit", "version", "stop", "reload"),
        *("chroot", "pivot-root", "pivot_root", "namespace", "ns", "unshare", "setns", "cap", "master-as-root"),
        *("immediate-uid", "immediate-gid", "tuntap-router", "setns-socket"),
    ],
)
def test_uwsgi_option_that_hides_options_or_cannot_serve_is_refused(option: str) -> None:
    values: list[Any] = ["/home/poms/x", "127.0.0.1:8082", "http-socket=:8082", "a", "1", True]
    assert option in known_options()
    assert [value for value in values if not is_refused(option, value)] == []


def test_ordinary_options_are_not_refused() -> None:
    options: dict[str, Any] = {
        "master": True,
        "vacuum": True,
        "set-placeholder": "current=/home/poms",
        "carbon": "graphite.example.org:2003",
        "subscribe-to": "10.0.0.1:4000:poms.example.org",
        "http-to": "/home/poms/x",
        "http-timeout": 60,
        "import": "poms_app.start",
        "master-fifo": "/home/poms/fifo",
        "logger": "socket:10.0.0.1:514",
        "pidfile": "/home/poms/p",
        "chown-socket": "poms:apache",
        "idle": 60,
    }
    assert refused(uwsgi={"options": options}) == set()


@pytest.mark.parametrize("option", ["quicquic-socket", "own-router", "own-stats", "own-zerg", "h3-socket"])
def test_unknown_uwsgi_option_named_like_listener_is_checked_as_one(option: str) -> None:
    assert option not in known_options()
    assert is_refused(option, ":8082")
    assert not is_refused(option, "127.0.0.1:8082")


@pytest.mark.parametrize("option", ["http_socket", "https_socket", "shared_socket", "chmod_socket"])
def test_uwsgi_option_with_underscores_is_refused(option: str) -> None:
    assert is_refused(option, "127.0.0.1:8082")


INI = "/home/poms/private/config/poms/uwsgi-service.ini"


@pytest.mark.parametrize(
    ("words", "bad"),
    [
        ("", False),
        ("--http-socket 127.0.0.1:8082 --master", False),
        ("--http-socket /home/poms/x", False),
        ("-s /home/poms/x -p 4 -MT", False),
        ("--http-socket :8082", True),
        ("--http-socket=:8082", True),
        ("--http-so :8082", True),
        ("--master --http=0.0.0.0:8082", True),
        ("-s :8082", True),
        ("-s:8082", True),
        ("-Ms :8082", True),
        ("-S http-socket=:8082", True),
        ("--set=http-socket=:8082", True),
        ("--daemonize /home/poms/log", True),
        ("-d /home/poms/log", True),
        ("--abstract-socket", True),
        ("-a", True),
        ("-C666", True),
        ("-C", True),
        ("--chmod-socket --http :8082", True),
        ("--need-app --http :8082", True),
        ("--master --enable-threads -s :8082", True),
        ("--cron '-1 -1 -1 -1 -1 date' --log-format '- %(uri) -s x'", False),
        ("--chmod-socket=660 --logto /home/poms/-d", False),
        ("'--http-socket' ':8082'", True),
        ("--json /home/poms/more.json", True),
        ("--https2 addr=:8082,cert=/c,key=/k", True),
    ],
)
def test_options_on_the_command_line_are_options(words: str, bad: bool) -> None:
    command = f"uwsgi --ini {INI} {words}".strip()
    assert ("programs.web.command" in refused(programs={"web": {"command": command}})) == bad
    assert not refused(programs={"web": {"command": f"another-{command}"}})


def test_options_in_the_environment_are_options() -> None:
    web = {"command": f"uwsgi --ini {INI}", "environment": {"UWSGI_HTTP_SOCKET": ":8082"}}
    assert refused(programs={"web": web}) == {"programs.web.environment.UWSGI_HTTP_SOCKET"}
    assert not refused(programs={"web": web | {"command": "another"}})
    own = {"environment": {"UWSGI_HTTP": ":8082"}}
    assert refused(supervisor=own) == {"supervisor.environment.UWSGI_HTTP"}


SOUNDS_OPEN = ("socket", "router", "server", "http", "stats", "-ss", "udp", "zerg", "emperor", "zmq", "mq", "legion")


def test_every_option_that_may_open_access_was_assessed() -> None:
    """One that a later uWSGI brings has to be looked at before the list of its options is renewed."""
    from ops.formats.uwsgi_options import KNOWN_HARMLESS, is_assessed

    names = [name for name in known_options() if any(part in name for part in SOUNDS_OPEN)]
    assert [name for name in names if not is_assessed(name)] == []
    assert sorted(KNOWN_HARMLESS - known_options().keys()) == []
