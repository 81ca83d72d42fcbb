"""The values that the inventory allows, as few deploys: each choice, the ends of each range, each form of a text.

`rows` are the deploys, each as what it changes in the lab's inventory; `required` reads from the schema what there
must be, and `NOT_DEPLOYED` has what a lab host cannot have, each with its reason.
"""

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import msgspec.inspect as schema

from ops.inventory.loader import NOT_GIVEN
from ops.schema import Fleet, Host

Table = dict[str, Any]


class Absent:
    """Stands for a key that is not written."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT, KEEP = Absent(), Absent()  # KEEP: as the lab's own inventory has it
LAB_HOST = "pomsgpvm01"

# ---- places that the test makes on the host -------------------------------------------------------------

HOME = "/home/poms"
ODD = """odd one's "100%" 50%s; #1 (é) $HOME &"""  # a name in a path, with what any tool could take for its own
ODD_HOME = f"{HOME}/private/{ODD}"
ODD_LISTEN = f"{HOME}/private/run/é-X_1.sock"
ODD_APACHE = f"/etc/{ODD}"
ODD_SOCKET = f"{HOME}/private/run/é'&;#$x.sock"
HOST_KEY = "ssh-ed25519 " + "A" * 68  # the test puts the lab host's in its place

# ---- forms of texts: what the rules allow, by the rule's own words --------------------------------------

_PLAIN_PATH, _ODD_PATH = r"[/\w.-]+", r".*[ ;#%].*"
FORMS: dict[str, tuple[str, ...]] = {
    "must not be empty": (".+",),
    "must be a name of letters, digits, dots and dashes": ("[a-z0-9]+", r".*[A-Z._-].*"),
    "must be the name of an account": ("[a-z]+",),
    "must be a version: letters, digits, dots, dashes, underscores or plus": ("[0-9.]+", "[a-z0-9_]+"),
    "must be the name of a chain, or false": ("[a-z]+",),
    "must be a name or IP address": ("[0-9.]+", "[A-Za-z].*", "[0-9a-f:]+", "[0-9a-f:]+%.+"),
    "must be the name of an attribute, and must not begin with HTTP_": ("[a-zA-Z]+", ".*[0-9_-].*"),
    "must be a host's public key, as ssh-keyscan prints it after the name: 'ssh-ed25519 AAAA…'": ("ssh-ed25519 .*",),
    "must be the name of a header: letters, digits, dashes": ("[A-Za-z]+", ".*[0-9-].*", ".{64}"),
    "must be printable ASCII, and must not begin with expr= (an Apache expression)": (r"\w+", '.*["%\\\\$ ].*'),
    "must be 'extension' or an address with {user} in it, such as {user}@example.org": (
        *("", "extension", r"\{user\}@.+"),
        r".+\{user\}.+@.+",
    ),
    "must be an absolute path without '..' or a trailing slash": (_PLAIN_PATH, _ODD_PATH),
    "must be a path such as /poms, with no trailing slash": ("/[a-z]+", "/.*[~._-].*/.*"),
    "must be / or a path such as /poms, with no trailing slash": ("/", "/[a-z]+", "/.*[~._-].*/.*"),
    "must be an IPv4 address of the host, not 127.…": ("[0-9.]+",),
    "must be a service of this host: http:// or uwsgi:// with a loopback address and port, such as "
    "http://127.0.0.1:3000/, or a unix socket, such as unix:/run/x.sock|http://x/": (
        *("http://127[.]0[.]0[.]1:[0-9]+/", "http://localhost:[0-9]+/.*[~._-].*", "uwsgi://[^/]+"),
        *(r"unix:/[^|]+\|http://.+/", r"unix:/[^|]+\|uwsgi://[^/]+"),
    ),
    "must be printable ASCII, and must not begin with '~' (mod_shib takes all that follow for patterns)": (
        r"\w+",
        '.*["%\\\\$ ].*',
    ),
    "must be a loopback address and port (127.0.0.1:8888) or the absolute path of a unix socket": (
        *(r"127\.0\.0\.1:[0-9]+", r"127\.255\.255\.254:[0-9]+", "localhost:[0-9]+", ".*:1", ".*:65535"),
        *("/[a-z./]+", "/.*[^a-z./].*"),
    ),
    "must be an address or a network, such as 131.225.0.0/16": (r"[0-9.]+/[0-9]+", "[0-9.]+", "[0-9a-f:]+"),
    "must be the name of a variable": ("[A-Z_]+",),
    "must be an OpenSSL cipher list": ("[A-Z0-9:-]+", ".*[!@+].*"),
    "must be names of curves separated by colons": ("[^:]+", ".+:.+"),
    "must be a path of printable characters": ("/[a-z]+", ".*[?%&].*"),
    "must be a size such as 50MB (0: no limit)": ("0", "[0-9]+KB", "[0-9]+MB", "[0-9]+GB"),
    "must be a time such as 90s, 5m or 1h": ("[0-9]+s",),
    "must be an octal mask such as 022": ("[0-7]{3}", "0[0-7]{3}", "000", "0?777"),
    "must be a name of small letters, digits and _, other than 'service', the name of [app]": (
        "[a-z]+",
        ".*[0-9_].*",
    ),
    "must be a loopback address and port (127.0.0.1:8888, [::1]:8888) or the absolute path of a unix socket": (
        *(r"127\.0\.0\.1:[0-9]+", r"\[::1\]:[0-9]+"),
        _PLAIN_PATH,
    ),
    "must be the name of a uWSGI option": ("[a-z-]+",),
    "must be a name of letters, digits and _, since templates say secrets.NAME": ("[a-z]+", ".*[A-Z0-9_].*"),
    "must be a name without blanks, : and /; %(program_name)s, %(group_name)s and %(process_num)02d stand for what "
    "supervisord knows, %% for a percent sign": (
        "[^%]+",
        r".*%\(group_name\)s.*",
        r".*%\(process_num\)02d.*",
        ".*%%.*",
    ),
    "must be an absolute path without '..'": (_PLAIN_PATH, _ODD_PATH, r"%\(here\)s"),
    "must be an absolute path without '..', or AUTO, NONE or syslog": (
        *("AUTO", "NONE", "syslog"),
        *(_PLAIN_PATH, _ODD_PATH),
    ),
    "must be tcp:// with a loopback address and port (tcp://127.0.0.1:9000), or unix:// with an absolute path": (
        *(r"tcp://127\.0\.0\.1:[0-9]+", "tcp://localhost:[0-9]+"),
        *(r"unix://[/\w.-]+", "unix://.*%.*"),
    ),
    "must be a loopback address and port, such as 127.0.0.1:9001": (r"127\.0\.0\.1:[0-9]+", "localhost:[0-9]+"),
    "must be a path, with * and ? in it, without blanks": ("[^*?]+", ".*[*?].*"),
    "must be the name of an event, such as PROCESS_STATE_EXITED": ("[A-Z0-9_]+",),
    "any text": (".*",),
}

# ---- the deploys ----------------------------------------------------------------------------------------

PAIRS: tuple[Table, ...] = ({"certificate": "certificates/jdoe.pem", "key": "certificates/jdoe.key"}, {"text": ""})
# Each key and its values: the n-th deploy has the n-th of them, and the first again after the last.
COLUMNS: dict[str, tuple[object, ...]] = {
    "deploy.limit": (5, 3600, ABSENT),
    "deploy.keep": (1, 1000, ABSENT),
    "deploy.validation": ("identity-probe", "none", ABSENT, "configtest", ABSENT, "trial-start", ABSENT, ABSENT),
    "deploy.validation_reason": (ABSENT, "é\"'%", ABSENT, "tried", ABSENT, "a b", ABSENT, ABSENT),
    "deploy.bake": (*[ABSENT] * 7, "20s"),
    "deploy.bake_needs_operator": (ABSENT, False, *[ABSENT] * 5, True),
    "certificates.warn_days": (1, 3650, ABSENT),
    "certificates.shibboleth_dir": (ABSENT, "/etc/shibboleth", f"{ODD_APACHE}/sp"),
    "ssh.connect_timeout": (1, 600, ABSENT),
    "ssh.answer_timeout": (600, ABSENT),
    "ssh.silence_timeout": (60, 3600, ABSENT),
    "ssh.kerberos": (ABSENT, True, False),
    "ssh.kerberos_host": (ABSENT, "a", "A9.x_y-z"),
    "ssh.host_keys": ([HOST_KEY], [], KEEP, [HOST_KEY], KEEP, [], KEEP, KEEP),  # where it is another port
    "port": (65535, ABSENT, ABSENT, 1, ABSENT, ABSENT, 22, ABSENT),
    "activate": (ABSENT, '. "$HOME/products/setup" && setup poms; export X="é \'%s\'"'),
    "identity.user_id": (ABSENT, "jdoe|pomsagent", "(?:[a-z]+[0-9]?)"),
    "identity.email_attribute": (ABSENT, "mail", "E-mail_2"),
    "identity.first_name_attribute": ("givenName", "First-Name_1", ABSENT),
    "identity.last_name_attribute": ("Last-Name_1", ABSENT, "sn"),
    "identity.certificate_email": ("", "extension", "{user}@poms.example", "a.{user}+b_c@poms.example"),
    "identity.service_certificates": (KEEP, [], ABSENT),
    "identity.several_values": ("first", "join", "omit", ABSENT),
    "identity.dropped_headers": (ABSENT, [], ["Xx", "X-9", "X" * 64]),
    "apache.reload": (ABSENT, ["sudo", "service", "httpd", "graceful"], False),
    "apache.restart": (ABSENT, ["sudo", "/usr/sbin/service", "httpd", "restart"]),
    "apache.configtest": (["/usr/sbin/httpd", "-t", "-D", ODD], ABSENT),
    "apache.log_dir": ("/var/log/httpd", f"/var/log/{ODD}"),
    "apache.certificate": (ABSENT, "/etc/grid-security/hostcert.pem", f"{ODD_APACHE}/host.pem"),
    "apache.key": (ABSENT, "/etc/grid-security/hostkey.pem", f"{ODD_APACHE}/host.key"),
    "apache.ca_dir": (ABSENT, f"{ODD_APACHE}/CAs", "/etc/httpd/TrustedCAs"),
    "apache.revocation_dir": (ABSENT, "/etc/httpd/TrustedCAs", f"{ODD_APACHE}/CAs"),
    "apache.revocation": ("where-listed", "required", "off", ABSENT),
    "apache.verify_depth": (1, 100, ABSENT),
    "apache.server_name": ("poms9", "pomsgpvm01.poms.example", "A-1.poms.example"),
    "apache.port": (443, 1, 65535),
    "apache.cert_port": (8443, 65535, 1),
    "apache.http2": (True, False),
    "apache.upload_limit": (1, 102_400),
    "apache.client_timeout": (1, 3600, ABSENT),
    "apache.hsts": (0, 63_072_000, ABSENT),
    "apache.response_headers": (ABSENT, {}, {"Xx": "a", "X-9": 'a "b" \\ %s $1 { x', "Y" * 64: "z"}),
    "apache.protocols": (["TLSv1.2", "TLSv1.3"], ["TLSv1.3"], ["TLSv1.2"], ABSENT),
    "apache.ciphers": (ABSENT, "HIGH:!aNULL:ECDHE+AESGCM:@STRENGTH", "ECDHE-RSA-AES128-GCM-SHA256"),
    "apache.curves": ("prime256v1:secp384r1", "X25519", ABSENT),
    "app.check_path": (ABSENT, "/poms", "/poms/a~b.c_d-e/F"),
    "app.check_headers": (ABSENT, {}, {"Xx": "a", "X-9": 'a "b" \\ %s $1', "Y" * 64: "z"}),
    "app.check_through_apache": (True, False, ABSENT),
    "app.check_status": ([], [100, 200, 404, 599], ABSENT),
    "app.listen": (
        *("127.0.0.1:8888", "localhost:1024", f"{HOME}/private/run/app.sock", "127.255.255.254:65535"),
        *(ODD_LISTEN, ABSENT, "127.0.0.1:1", "127.0.0.1:8888"),
    ),
    "app.cron_listen": (
        *(ABSENT, "127.0.0.1:8889", "localhost:8890", f"{HOME}/private/cron/app.sock", ABSENT),
        *(ODD_SOCKET.replace("/run/", "/cron/"), "127.0.0.1:65535", "127.255.255.254:8890"),
    ),
    "app.timeout": (1, 86_400, ABSENT),
    "app.start_seconds": (540, ABSENT),
    "maintenance.folder": (f"{HOME}/private/closed", f"{ODD_HOME}/closed", ABSENT),
    "maintenance.retry_after": (1, 86_400, ABSENT),
    "maintenance.paths": ([], ["/poms", "/poms/a~b.c_d-e/F"], ABSENT, []),
    "maintenance.allow": ([], ["10.0.0.0/8", "192.0.2.1", "2001:db8::1"], ABSENT),
    "checks": (
        [],
        ABSENT,
        [
            {"name": "é \"'%", "port": 1, "path": "/poms"},
            {"name": "a", "port": 65_535, "path": "/a?b=%20&c", "status": [0, 599], "text": "é", "seconds": 1},
            *({"name": "b", "port": 8443, "path": "/poms", "seconds": 60, "status": [200], **pair} for pair in PAIRS),
        ],
    ),
    "supervisor.logfile_maxbytes": ("0", "1KB", "50MB", "1GB", "999999999GB", ABSENT),
    "supervisor.logfile_backups": (0, 1000, ABSENT),
    "supervisor.loglevel": ("critical", "error", "warn", "info", "debug", "trace", "blather", ABSENT),
    "supervisor.minfds": (1, 1024, ABSENT),
    "supervisor.environment": ({}, {"A_1": "x y % %(here)s ; # 'q' é", "B": ""}, ABSENT),
    "uwsgi.sockets": ([], ABSENT, [f"{HOME}/private/cron/more.sock", "127.0.0.1:7001"]),
    "supervisor.expand": (ABSENT, False),
    "supervisor.directory": (ABSENT, "/tmp", ODD_HOME),
    "supervisor.umask": (ABSENT, "077", "0022", "000"),
    "supervisor.identifier": (ABSENT, "é \"'%"),
    "supervisor.include": (ABSENT, [], [f"{HOME}/private/extra/*.conf", "private/extra/%.conf"]),
    "supervisor.user": (ABSENT, "poms"),
    "supervisor.nodaemon": (ABSENT, False),
    "groups": ({}, ABSENT, ABSENT),
}

_NUMBERS = ("workers", "threads", "cheaper", "cheaper-initial", "reload-on-as", "evil-reload-on-as")
UWSGI: tuple[tuple[object, ...], ...] = (
    (1, 1, 0, ABSENT, 1, 1_048_576),
    (6, 10, 2, 4, 1400, 1800),
    (2, 1000, 1, 1, 1_048_575, 1_048_576),
    (2, 2, 0, 0, ABSENT, ABSENT),
    (100, 1, 1, 1, False, False),
)
OPTIONS: tuple[Table, ...] = (
    {},
    {"max-requests": 1000, "thunder-lock": True, "log-x-forwarded-for": False},
    {"env": ["LAB_A=é x%y", "LAB_B="], "procname-prefix": "lab #1", "buffer-size": 65_535},
)
OPTION_VALUES = {"socket-timeout": 60, "harakiri": [600], "vacuum": [True], "log-x-forwarded-for": [False], "env": []}
SLEEP = "sleep 100000"
SIGNALS = ("TERM", "HUP", "INT", "QUIT", "KILL", "USR1", "USR2")
_PROGRAM: dict[str, tuple[object, ...]] = {
    "command": (SLEEP, """bash -c "exec -a 'é %(x)s ;#' sleep 100000" """.strip()),
    "directory": (ABSENT, "/tmp", ODD_HOME),
    "priority": (0, 100_000, ABSENT),
    "autostart": (True, False),
    "autorestart": (True, False, "unexpected", ABSENT),
    "startsecs": (0, 86_400, 1),
    "startretries": (0, 1000),
    "exitcodes": ([], [0, 255], ABSENT),
    "stopsignal": (*SIGNALS, ABSENT),
    "stopwaitsecs": (0, 86_400, ABSENT),
    "stopasgroup": (True, False, False),
    "killasgroup": (True, False, True),
    "environment": ({}, {"A_1": "x y % %(here)s ; # 'q' é", "B": ""}, ABSENT),
    "environment_secrets": ({}, {}, ABSENT),
    "umask": ("000", "0777", "777", "0022", ABSENT),
    "redirect_stderr": (True, False),
    "stdout_logfile": (ABSENT,) * 8 + (f"{HOME}/private/logs/poms/plain.log", f"{ODD_HOME}/out.log"),
    "stdout_logfile_maxbytes": ("0", "1KB", "2047MB", "1GB", "999999999", ABSENT),
    "stdout_logfile_backups": (0, 1000),
    "stderr_logfile": (ABSENT,) * 7 + (f"{HOME}/private/logs/poms/plain.err", ABSENT, f"{ODD_HOME}/out.err"),
    "stderr_logfile_maxbytes": (ABSENT, "0", "1KB", "2047MB", "1GB", "999999999", ABSENT),
    "stderr_logfile_backups": (1000, 0, ABSENT),
    "reload_signal": (*SIGNALS, False, ABSENT),
    "reads": ([], [f"{HOME}/private/plain.ini", f"{ODD_HOME}/odd.ini"], ABSENT),
}
APP = {"command": f"uwsgi --ini {HOME}/private/config/poms/uwsgi-service.ini", "reload_signal": "HUP"}
PROGRAM_NAMES = ("a", "A9.x_y-z", *(f"p{number}" for number in range(8)))


# What only some programs can have.
_MORE_PROGRAMS: dict[str, Table] = {
    "several": {
        "numprocs": 2,
        "numprocs_start": 100_000,
        "process_name": "%(group_name)s-%(process_num)02d",
        "expand": True,
        "command": "sleep 1000%(process_num)d",
        "directory": "%(here)s",
        "environment": {"A": "%(ENV_HOME)s 100%% %(program_name)10s"},
        "stdout_logfile": f"{HOME}/private/logs/%(program_name)s-%(process_num)02d.log",
        "stdout_events_enabled": True,
        "user": "poms",
    },
    "one": {"numprocs": 1, "numprocs_start": 0, "process_name": "other", "expand": False, "kind": "program"},
    "percent": {"process_name": "100%%", "stdout_logfile": "AUTO", "stdout_events_enabled": False},
    "Listener": {
        "kind": "eventlistener",
        "events": ["PROCESS_STATE_EXITED", "TICK_60"],
        "buffer_size": 1,
        "priority": -1,
        "stderr_logfile": "NONE",
        "stderr_events_enabled": True,
    },
    "listener": {
        "kind": "eventlistener",
        "events": ["EVENT"],
        "buffer_size": 1_000_000,
        "stdout_logfile": "NONE",
        "stderr_logfile": "syslog",
        "stderr_events_enabled": False,
    },
    "tcp": {
        "kind": "fcgi-program",
        "socket": "tcp://127.0.0.1:9000",
        "socket_backlog": 1,
        "stdout_logfile": "syslog",
        "redirect_stderr": False,
        "stderr_logfile": "AUTO",
        "events": [],
    },
    "local": {"kind": "fcgi-program", "socket": "tcp://localhost:9001", "socket_backlog": 65_535},
    "unix": {
        "kind": "fcgi-program",
        "socket": f"unix://{HOME}/private/run/fcgi.sock",
        "socket_mode": "700",
        "socket_owner": "poms",
    },
    "percented": {
        "kind": "fcgi-program",
        "expand": True,
        "socket": "unix://%(here)s/private/run/%(program_name)s.sock",
        "socket_mode": "0660",
    },
    "nobodys": {
        "kind": "fcgi-program",
        "socket": f"unix://{HOME}/private/run/nobodys.sock",
        "socket_mode": "000",
    },
}
GROUPS: Table = {
    "p9": {"programs": ["several"], "priority": 0},
    "A_group": {"programs": ["one", "A9.x_y-z"], "priority": 100_000},
    "other": {"programs": ["percent"]},
}


def programs() -> Table:
    """Programs that sleep, with every value of each key, beside the app."""
    found: Table = {"poms_webservice": APP}
    for number, name in enumerate(PROGRAM_NAMES):
        found[name] = {key: values[number % len(values)] for key, values in _PROGRAM.items()}
    return found | {name: {"command": SLEEP} | values for name, values in _MORE_PROGRAMS.items()}


FURTHER_APPS: Table = {
    "agent": {"path": "/a", "listen": "127.0.0.1:9003", "uwsgi": {"workers": 1}},
    "b_2": {"check_path": "/b", "listen": f"{HOME}/private/run/b/b.sock", "uwsgi": {}},
}
FURTHER_PROGRAMS: Table = {
    app: {"command": f"uwsgi --ini {HOME}/private/config/poms/uwsgi-{app}.ini", "reload_signal": "HUP"}
    for app in FURTHER_APPS
}


ODD_CONFIG, ODD_LOGS = f"{ODD_HOME}/config", f"{ODD_HOME}/logs"
ODD_STATE = f"{HOME}/private/é'\"&;#$%x"
PLAIN_CONFIG, PLAIN_LOGS = f"{HOME}/private/config/plain", f"{HOME}/private/logs/plain"
PLAIN_STATE = f"{HOME}/private/plain-ops"
# What some of these deploys have besides, by their number.
MORE: dict[int, Table] = {
    0: {
        "uwsgi.workers": 1,
        "uwsgi.threads": 1,
        "uwsgi.cheaper": 0,
        "uwsgi.cheaper-initial": ABSENT,
        "app.path": "/poms",
        "fleet.database_connections": 1,
        "fleet.groups": {"all": [LAB_HOST]},
        **{f"uwsgi.options.{name}": value for name, value in OPTION_VALUES.items()},
    },
    3: {
        "programs": programs() | FURTHER_PROGRAMS,
        "apps": FURTHER_APPS,
        "locations": {"of_agent": {"path": "/c", "app": "agent"}, "of_b": {"path": "/d", "app": "b_2"}},
        "groups": GROUPS,
        "secrets.P_1": {"command": ["printf", "é 100%% é"]},
        "supervisor.inet_http_server": {"port": "localhost:9002", "username": "é %", "password": "P_1"},
    },
    4: {"apps": {}},
    5: {
        "address": LAB_HOST,
        "ssh.known_hosts": ABSENT,
        "ssh.identity_file": ABSENT,
        "ssh.host_keys": [HOST_KEY],
        "apache.server_name": ABSENT,
    },
    6: {
        "secrets.a": {"command": ["printf", "é b"], "seconds": 1},
        "secrets.B_1": {"file": "secret file"},
        "secrets.c": {"env": "LAB_SECRET"},
        "secrets.d": {"command": ["./command"], "seconds": 3600},
        "secrets.e": {"command": ["printf", "e"]},
        "programs.poms_webservice.environment_secrets": {"S_1": "a", "T/.+()": "B_1", "U": "d"},
        "supervisor.inet_http_server": {"port": "127.0.0.1:9001", "username": "a", "password": "a"},
    },
    7: {
        **{f"uwsgi.{key}": ABSENT for key in _NUMBERS},
        "app.path": "/~a/B.c_d-e",
        "fleet.groups": {},
        "fleet.database_connections": 1_000_000,
    },
}
PLACES: dict[str, Table] = {
    "places": {
        "name": "A9.x_y-z",
        "account": "poms",
        "home": ODD_HOME,
        "config_dir": ODD_CONFIG,
        "log_dir": ODD_LOGS,
        "state_dir": ODD_STATE,
        "apache.account": "apache",
        "apache.server_root": "/etc/httpd",
        "apache.conf_d": "/etc/httpd/conf.d",
        "supervisor.file": f"{ODD_HOME}/own.conf",
        "supervisor.socket": ODD_SOCKET.replace("/run/", "/own/"),
        "supervisor.pidfile": f"{ODD_HOME}/own.pid",
        "supervisor.logfile": f"{ODD_HOME}/own.log",
        "app.listen": f"{HOME}/private/run/app.sock",
        "uwsgi.options.stats": f"{HOME}/private/run/stats.sock",  # its own rule allows fewer characters
        "fleet.groups": {"A9.x_y-z2": ["A9.x_y-z"], "e": []},
        "uwsgi.file": f"{ODD_CONFIG}/own.ini",
        "programs.poms_webservice.command": f"uwsgi --ini {shlex.quote(f'{ODD_CONFIG}/own.ini')}",
    },
    "plain places": {
        "home": HOME,
        "config_dir": PLAIN_CONFIG,
        "log_dir": PLAIN_LOGS,
        "state_dir": PLAIN_STATE,
        "supervisor.file": f"{HOME}/private/own/plain.conf",
        "supervisor.socket": f"{HOME}/private/own/plain.sock",
        "supervisor.pidfile": f"{HOME}/private/own/plain.pid",
        "supervisor.logfile": f"{HOME}/private/own/plain.log",
        "app.cron_listen": "127.0.0.1:1",
        "supervisor.expand": True,
        "supervisor.environment": {"A_1": "%(here)s and %(ENV_HOME)s, 100%%"},
        "uwsgi.file": f"{PLAIN_CONFIG}/own.ini",
        "programs.poms_webservice.command": f"uwsgi --ini {PLAIN_CONFIG}/own.ini",
    },
}

# Doors and locations, in deploys of their own: they take ports.
DOORS: dict[str, Table] = {
    "doors": {
        "app.path": "/",
        "token.port": 1,
        "token.checked_by": "app",
        "apache.redirect_from": 65_535,
        "apache.other_ports": [],
        "apache.aliases": ["a", "A9.x_y-z"],
        "apache.chain": "/etc/grid-security/hostcert.pem",
        "identity.attributes": {"Xx": "mail", "X-9": "E-mail_2", "X" * 64: "sn"},
        "uwsgi.open_to_anyone": {},
        "locations": {
            "a": {"path": "/l", "app": True, "on": ["login", "token"]},
            "A9.x_y-z": {
                "path": "/poms/a~b.c_d-e/F",
                "url": "http://127.0.0.1:3000/",
                "app": False,
                "allow": "anyone",
                "reason": "é \"'%",
                "status": [100, 599],
                "addresses": [],
                "require_attributes": {},
            },
            "c": {
                "path": "/c",
                "on": ["login", "certificate"],
                "url": "uwsgi://127.0.0.1:3001",
                "allow": "certificate",
            },
            "d": {"path": "/d", "url": "http://localhost:3002/a~b.c_d-e/F", "allow": "user"},
            "e": {
                "path": "/e",
                "on": ["login"],
                "url": "unix:/run/x_1.y/z-a.sock|http://x/",
                "require_attributes": {"mail": ["jdoe"], "E-mail_2": ['a "b" \\ %s $1', "b"]},
            },
            "f": {
                "path": "/f",
                "url": "unix:/run/x.sock|uwsgi://x",
                "allow": "anyone",
                "addresses": ["10.0.0.0/8", "192.0.2.1", "2001:db8::1"],
            },
            "g": {"path": "/g", "folder": "/srv/www"},
            "h": {"path": "/h", "folder": f"/srv/{ODD}"},
        },
    },
    "other doors": {
        "token.port": 65_535,
        "apache.redirect_from": 1,
        "apache.other_ports": [81, 82],
        "apache.aliases": [],
        "apache.chain": f"{ODD_APACHE}/host.pem",
        "identity.attributes": {},
        "locations": {"a": {"path": "/poms", "app": True, "on": ["token"], "status": []}},
        "uwsgi.options.http-socket": ":8082",
        "uwsgi.open_to_anyone": {"http-socket": "é \"'%"},
    },
    "a door by default": {"token": {}, "locations": {"a": {"path": "/poms", "app": True, "on": ["token"]}}},
    "no locations": {"locations": {}},
}

# What is not deployed, by key and value or form, and why.
NO_IPV6 = "the lab's hosts have IPv4 alone; tests/unit has the forms of IPv6"
ONE_APACHE = "a host has one Apache, whose own configuration names the place"
OWN_CA = "the lab has a CA of its own, and not that of the default"
BY_UPS = {"activate": '. "$HOME/products/setup" && setup poms {version}', "software.product": "poms"}
BY_FOLDER = {"activate": '. "$HOME/releases/{version}/bin/activate"', "software.folder": f"{HOME}/releases"}
SOFTWARE: dict[str, Table] = {
    "a product": {**BY_UPS, "software.version": "v4_5_0", "software.install_seconds": 1},
    "a product without a chain": {**BY_UPS, "software.version": "v4_4_0", "software.chain": False},
    "another chain": {
        **BY_UPS,
        "software.version": "v4_4_0",
        "software.setup": '. "$HOME/products/setup" >/dev/null',
        "software.chain": "test",
        "software.install": "upd install poms {version}",
        "software.uninstall": "ups undeclare -Y poms {version}",
        "software.install_seconds": 86_400,
    },
    "a release folder": {**BY_FOLDER, "software.version": "4.5.0", "software.link": f"{HOME}/current"},
    "a release folder without a link": {**BY_FOLDER, "software.version": "4.4.0"},
}
PORTS = "is one of the list, of which tests/unit has both ends"
ONE_PRODUCT = "the lab's app is one product, poms, or in one folder of releases"
NOT_DEPLOYED: dict[tuple[str, object], str] = {
    ("address", "[0-9a-f:]+"): NO_IPV6,
    ("address", "[0-9a-f:]+%.+"): NO_IPV6,
    ("apache.server_root", _ODD_PATH): ONE_APACHE,
    ("apache.conf_d", _ODD_PATH): ONE_APACHE,
    ("apache.addresses", "[]"): "the default, and the lab gives a host its address",
    ("apache.addresses.*", "[0-9.]+"): "the lab gives a host its address",
    ("apache.other_ports.*", 1): PORTS,
    ("token.checked_by", "apache"): "the lab's Apache has no module that checks tokens",
    ("apache.other_ports.*", 65_535): PORTS,
    ("ssh.answer_timeout", 1): "the shell of a busy machine may take longer, and the host is given up then",
    ("app.start_seconds", 1): "an app of a busy machine may take longer, and is refused then",
    ("identity.certificate_issuer", ABSENT): OWN_CA,
    ("identity.certificate_subject_end", ABSENT): OWN_CA,
    ("uwsgi.options", ABSENT): "uWSGI needs to know its app",
    ("uwsgi.options", "{}"): "uWSGI needs to know its app",
    ("programs", ABSENT): "the app is one of them",
    ("uwsgi.sockets.*", r"\[::1\]:[0-9]+"): NO_IPV6,
    ("uwsgi.workers", 1000): "uWSGI opens several files for each, more than an account's limit is",
    ("uwsgi.cheaper", 1000): "must be under workers, of which there are 1000 at the most",
    ("uwsgi.cheaper-initial", 1000): "would start 1000 processes",
    ("uwsgi.reload-on-as", 1_048_576): "must be under evil-reload-on-as, which ends there",
    ("uwsgi.evil-reload-on-as", 1): "must be over reload-on-as, which begins there",
    ("software.product", ".*[A-Z._-].*"): ONE_PRODUCT,
    ("software.chain", ".*[A-Z._-].*"): ONE_PRODUCT,
    ("software.folder", _ODD_PATH): ONE_PRODUCT,
    ("software.link", _ODD_PATH): ONE_PRODUCT,
    ("supervisor.nodaemon", True): "is refused: nothing would wait for it",
    ("supervisor.umask", "0?777"): "supervisord could not open its own log again",
    ("programs.*.numprocs", 1000): "would start 1000 processes",
    ("programs.*.socket_mode", "0?777"): "is refused: anybody could connect",
    ("supervisor.minfds", 1_048_576): "is more than the hard limit of the machine may be",
}


def rows() -> dict[str, Table]:
    """Each deploy: its name, and the dotted keys that it writes; ABSENT takes one out of the lab's inventory."""
    made: dict[str, Table] = {}
    for number in (0, 3, 6, 1, 4, 7, 2, 5):  # so that none takes a port which the one before it gives to another
        row: Table = {key: values[number % len(values)] for key, values in COLUMNS.items()}
        row |= {f"uwsgi.{key}": value for key, value in zip(_NUMBERS, UWSGI[number % len(UWSGI)], strict=True)}
        row |= {f"uwsgi.options.{key}": value for key, value in OPTIONS[number % len(OPTIONS)].items()}
        made[f"columns {number}"] = row | MORE.get(number, {})
        if number == 6:
            made |= PLACES | SOFTWARE | DOORS
    return {name: {"programs.poms_webservice.startsecs": 1} | row for name, row in made.items()}


def inventory(lab: Table, row: Table) -> Table:
    """The lab's inventory with one host, `LAB_HOST`, and what the row writes."""
    host = merged(lab["defaults"], lab["hosts"][LAB_HOST])
    fleet: Table = {}
    name = LAB_HOST
    for key, value in row.items():
        if key == "name":
            name = value
        elif value is not KEEP:
            _put(fleet if key.startswith("fleet.") else host, key.removeprefix("fleet.").split("."), value)
    return {"fleet": {"default": name} | _written(fleet), "hosts": {name: _written(host)}}


def merged(one: Table, other: Table) -> Table:
    """`other` before `one`, table by table."""
    both = {
        key: merged(one[key], other[key])
        for key in one.keys() & other.keys()
        if isinstance(one[key], dict) and isinstance(other[key], dict)
    }
    return one | other | both


def _put(table: Table, keys: list[str], value: object) -> None:
    *path, last = keys
    for key in path:
        table[key] = dict(table.get(key, {}))
        table = table[key]
    table[last] = value


def _written(value: Any) -> Any:
    """Without what is ABSENT."""
    if isinstance(value, dict):
        return {key: _written(inner) for key, inner in value.items() if not isinstance(inner, Absent)}
    return value


def toml(data: Table) -> str:
    """An inventory as a file."""
    return "".join(f"[{head}]\n{_lines(table)}" for head, table in _heads(data))


def _heads(data: Table) -> Iterator[tuple[str, Table]]:
    yield "fleet", data["fleet"]
    for name, table in data["hosts"].items():
        yield f"hosts.{json.dumps(name)}", table


def _lines(table: Table) -> str:
    return "".join(f"{json.dumps(key)} = {_value(value)}\n" for key, value in table.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_value(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


# ---- what there must be ---------------------------------------------------------------------------------


def required() -> Iterator[tuple[str, object]]:
    """(key, value) for each value that has to be deployed; of a text the value is a pattern, a form of its rule.

    A key of a table in a list, or of one that has a name, has "*" for it. Raises LookupError for a
    rule without forms.
    """
    yield from _of_struct(schema.type_info(Host), "")
    yield from _of_struct(schema.type_info(Fleet), "fleet.")


def _of_struct(kind: Any, prefix: str) -> Iterator[tuple[str, object]]:
    """Of a further app only what `app` and `uwsgi` do not have: the same code writes its values."""
    if prefix == "apps.*.":
        yield f"{prefix}path", ABSENT
        return
    for field in kind.fields:
        key = f"{prefix}{field.encode_name}"
        if key in NOT_GIVEN and key != "name":
            continue
        follows = key in ("home", "config_dir", "log_dir", "state_dir", "apache", "supervisor", "address", "name")
        if not field.required and not isinstance(_bare(field.type), schema.StructType) and not follows:
            yield key, ABSENT
        yield from _of(field.type, key)


def _bare(kind: Any) -> Any:
    return _bare(kind.type) if isinstance(kind, schema.Metadata) else kind


def _of(kind: Any, key: str) -> Iterator[tuple[str, object]]:
    rule = (kind.extra_json_schema or {}).get("description") if isinstance(kind, schema.Metadata) else None
    kind = _bare(kind)
    match kind:
        case schema.StructType():
            yield from _of_struct(kind, f"{key}.")
        case schema.UnionType():
            for one in kind.types:
                yield from _of(one, key)
        case schema.LiteralType():
            yield from ((key, value) for value in kind.values)
        case schema.BoolType():
            yield from ((key, value) for value in (True, False))
        case schema.IntType():
            yield from ((key, value) for value in (kind.ge, kind.le) if value is not None)
        case schema.StrType():
            yield from ((key, form) for form in FORMS[rule or "any text"])
        case schema.ListType():
            yield from ((key, []) for _ in range(not kind.min_length))
            yield from _of(kind.item_type, f"{key}.*")
        case schema.DictType():
            if key not in ("programs", "secrets"):
                yield key, {}
            yield from _of(kind.key_type, f"{key}.(name)")
            yield from _of(kind.value_type, f"{key}.*")
        case schema.NoneType():
            pass
        case _:
            raise LookupError(f"{key}: {kind}")


def is_deployed(key: str, value: object, deployed: list[Table]) -> bool:
    """Whether one of the inventories has that value, or a text of that form, at the key."""
    found = [one for table in deployed for one in _at(table, key)]
    if isinstance(value, Absent):
        return any(isinstance(one, Absent) for one in found)
    forms = {form for rule in FORMS.values() for form in rule}
    for one in found:
        if isinstance(one, str) and isinstance(value, str) and value in forms:
            if re.fullmatch(value, one):
                return True
        elif type(one) is type(value) and one == value:
            return True
    return False


def _at(data: Table, key: str) -> Iterator[object]:
    """Each value at the key; ABSENT where the table is there, and the key not."""
    (name, host), *_ = data["hosts"].items()
    if key.startswith("fleet."):
        yield from _inside(data["fleet"], key.split(".")[1:])
    else:
        yield from _inside({"name": name} | host, key.split("."))


def _inside(value: Any, keys: list[str]) -> Iterator[object]:
    if not keys:
        yield value
        return
    first, *rest = keys
    if first == "(name)":
        yield from value if isinstance(value, dict) else ()
    elif first == "*":
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from _inside(inner, rest)
    elif isinstance(value, dict):
        if first in value:
            yield from _inside(value[first], rest)
        elif not rest:
            yield ABSENT
