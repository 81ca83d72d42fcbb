"""Taking over what runs: what is equal in effect changes nothing, and nothing that runs is dropped unnamed."""

import io
import warnings
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from supervisor.options import ServerOptions

from ops.deploy.plan import Plan, make_plan
from ops.deploy.snapshot import FoundFile, Snapshot
from ops.deploy.supervisor_changes import read_effect
from ops.rendering.rendered_file import RenderedFile
from ops.rendering.renderer import render
from ops.schema import Host
from tests.unit.hosts import host

INI = "/home/poms/private/config/poms/uwsgi-service.ini"
CONF, SSL = "/home/poms/supervisord.conf", "/etc/httpd/conf.d/ssl.conf"
WEB = {
    "command": f"uwsgi --ini {INI}",
    "directory": "/home/poms/poms",
    "stopsignal": "INT",
    "environment": {"A": "one, two", "B": "100%"},
    "reload_signal": "HUP",
}
SETTINGS: dict[str, Any] = {
    "programs": {"web": WEB, "agent": {"command": "python agent.py", "autorestart": True, "exitcodes": [0, 2]}},
    "supervisor": {"environment": {"PATH": "/usr/bin:/bin", "X": "a b"}},
}
BY_HAND = """\
; the production file
[supervisord]
environment = X='a b',PATH=/usr/bin:/bin ; quoted in another way
childlogdir=/tmp
pidfile=/home/poms/./supervisord.pid
logfile=%(here)s/private/logs/poms/supervisord.log
logfile_maxbytes = 52428800
loglevel = INFO
nodaemon = False
user = poms

[program:agent]
command=python agent.py
AutoRestart = YES
exitcodes = 2,0
redirect_stderr=on
stdout_logfile=~/private/logs/poms/%(program_name)s.log
stdout_logfile_maxbytes=50mb
stderr_logfile_maxbytes=1MB
numprocs=1

[supervisorctl]
serverurl=unix:///home/poms/supervisor.sock
prompt=poms

[unix_http_server]
file = /home/poms/supervisor.sock

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[program:web]
environment=B="100%%",A="one, two"
command=uwsgi --ini %(ENV_HOME)s/private/config/poms/uwsgi-service.ini
directory=/home/poms/poms/
stopsignal=SIGINT
stopwaitsecs=10
user=poms
redirect_stderr = 1
stdout_logfile = /home/poms/private/logs/poms/web.log
"""


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def there(path: str, text: str) -> FoundFile:
    return FoundFile(path, digest(text), "0640", False, text.encode())


def rendered(one: Host, path: str) -> RenderedFile:
    return next(file for file in render(one) if file.path == path)


def planned(
    one: Host,
    found: dict[str, str],
    *,
    deployed: dict[str, str] | None = None,
    programs: dict[str, str] | None = None,
    **more: Any,
) -> Plan:
    """The plan for the whole host, on which these files are found; all others are as they are wanted."""
    wanted = render(one)
    files = {file.path: FoundFile(file.path, file.digest, file.mode) for file in wanted}
    files |= {path: there(path, text) for path, text in found.items()}
    before = {path: digest(text) for path, text in (deployed or {}).items()}
    state = Snapshot(files, before, None, None, more.pop("supervisord", "up"), 1, 1000, **more)
    if programs is not None:
        object.__setattr__(state, "programs", programs)
    return make_plan(one, wanted, state)


def test_install_over_equivalent_handwritten_file_restarts_nothing() -> None:
    plan = planned(host(**SETTINGS), {CONF: BY_HAND})
    assert [change.wanted.path for change in plan.changed] == [CONF], "the file is written all the same"
    assert (plan.supervisord, plan.replaced, plan.programs) == ("", [], [])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("chmod=0700\n", ""),
        ("chmod=0700\n", "chmod = 700\nchown=poms:poms\n"),
        ("minfds=1024\n", "minprocs=200\nsilent=off\numask=22\n"),
        ("logfile_maxbytes=50MB\nlogfile_backups=10\nloglevel=info\n", ""),
        ("[supervisorctl]\n", "[supervisorctl]\nhistory_file=/home/poms/h\n"),
        ("\n[program:web]\n", "\n; web\n[program:web]\npriority=999\n#x\nstartretries=03\n"),
        ("autostart=true\n", "autostart=On\n"),
    ],
)
def test_a_default_or_a_spelling_makes_no_difference(before: str, after: str) -> None:
    one = host(**SETTINGS)
    text = rendered(one, CONF).content.decode()
    assert before in text
    plan = planned(one, {CONF: text.replace(before, after)})
    assert len(plan.changed) == 1
    assert (plan.supervisord, plan.replaced) == ("", [])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("chmod=0700", "chmod=0770"),
        ("loglevel=info", "loglevel=debug"),
        ("minfds=1024", "minfds=4096"),
        ("minfds=1024", "umask=027"),
        ("minfds=1024", "identifier=poms"),
        ('X="a b"', 'X="a c"'),
        ("logfile_maxbytes=50MB", "logfile_maxbytes=0"),
        ("minfds=1024", "[inet_http_server]\nport=127.0.0.1:9001"),
        (
            "[rpcinterface:supervisor]",
            "[rpcinterface:other]\nsupervisor.rpcinterface_factory=a:b\n[rpcinterface:supervisor]",
        ),
    ],
)
def test_changed_supervisord_setting_needs_restart(before: str, after: str) -> None:
    one = host(**SETTINGS)
    text = rendered(one, CONF).content.decode()
    assert before in text
    assert planned(one, {CONF: text.replace(before, after, 1)}).supervisord == "restart"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("command=python agent.py", "command=python  agent.py"),
        ("command=python agent.py", "command=python agent.py %(ENV_MODE)s"),
        ("autorestart=true", "autorestart=unexpected"),
        ("exitcodes=0,2", "exitcodes=0"),
        ("private/logs/poms/agent.log", "private/logs/poms/old.log"),
        ("command=python agent.py", "command=python agent.py\nenvironment=A=1"),
        (
            "command=python agent.py",
            "command=python agent.py\nnumprocs=2\nprocess_name=%(program_name)s_%(process_num)d",
        ),
        ("command=python agent.py", "command=python agent.py\nuser=other"),
        ("command=python agent.py", "command=python agent.py\nsomething_new=1"),
    ],
)
def test_only_the_program_that_differs_in_effect_is_replaced(before: str, after: str) -> None:
    one = host(**SETTINGS)
    found = BY_HAND.replace("exitcodes = 2,0", "exitcodes=0,2").replace("AutoRestart = YES", "autorestart=true")
    found = found.replace("~/private/logs/poms/%(program_name)s.log", "/home/poms/private/logs/poms/agent.log")
    assert before in found
    plan = planned(one, {CONF: found.replace(before, after, 1)})
    assert (plan.supervisord, plan.replaced) == ("apply", ["agent"])


def test_unparsable_supervisord_file_needs_restart() -> None:
    assert planned(host(**SETTINGS), {CONF: "not [ a file"}).supervisord == "restart"


def supervisors(path: Path, text: str) -> list[dict[str, Any]]:
    """What supervisor's own parser makes of the programs."""
    path.write_text(text)
    options = ServerOptions()
    options.stderr = io.StringIO()
    with warnings.catch_warnings(action="ignore"):
        options.realize(["-c", str(path)])
    options.poller.close()
    processes = [one for group in options.process_group_configs for one in group.process_configs]
    leave = {"options", "uid"}
    return sorted(
        ({key: str(value) for key, value in vars(one).items() if key not in leave} for one in processes),
        key=lambda facts: facts["name"],
    )


@pytest.mark.parametrize(
    "change",
    [
        ("startsecs=1", "startsecs=01"),
        ("startsecs=1", "startsecs=2"),
        ("stopsignal=INT", "stopsignal=sigint"),
        ("stopsignal=INT", "stopsignal=2"),
        ("stopsignal=INT", "stopsignal=QUIT"),
        ("autorestart=unexpected", "AUTORESTART=Unexpected"),
        ("autorestart=unexpected", "autorestart=0"),
        ("stdout_logfile_maxbytes=50MB", "stdout_logfile_maxbytes=51200KB"),
        ("stdout_logfile_maxbytes=50MB", "stdout_logfile_maxbytes=50KB"),
        ("stopasgroup=false\nkillasgroup=false", "stopasgroup=true"),
        ("stopasgroup=false\nkillasgroup=false", "killasgroup=no"),
        ('environment=K="%%"', "environment=K='%%'"),
        ('environment=K="%%"', "environment=K='%%%%'"),
        ("redirect_stderr=true", "redirect_stderr=false"),
        ("command=run", "command=run %(program_name)s"),
        ("command=run", "command=run ; comment"),
        ("command=run", "command=run;comment"),
        ("command=run", "command=%(here).0srun"),
    ],
)
def test_effect_comparison_agrees_with_supervisor_parser(tmp_path: Path, change: tuple[str, str]) -> None:
    program = {"command": "run", "stopsignal": "INT", "environment": {"K": "%"}}
    one = host(home=str(tmp_path), log_dir=str(tmp_path), programs={"web": program})
    text = rendered(one, f"{tmp_path}/supervisord.conf").content.decode()
    assert change[0] in text
    other = text.replace(*change)
    path = tmp_path / "supervisord.conf"
    effects = [read_effect(each.encode(), one) for each in (text, other)]
    assert all(effects)
    same = supervisors(path, text) == supervisors(path, other)
    assert (effects[0] == effects[1]) == same


# ---- what is dropped ----

VHOST = """
Listen 9443 https
Listen 127.0.0.1:9444
# Listen 9999
<VirtualHost _default_:443>
    SSLEngine on
</VirtualHost>
<VirtualHost *:9443 \\
    127.0.0.1:9444>
    ServerName "https://old.example.org:9443"
</VirtualHost>
<VirtualHost *:443>
    ServerName other.example.org
</VirtualHost>
IncludeOptional /home/poms/more/*.conf
Listen 443 https
"""


def named(plan: Plan) -> set[tuple[str, str, bool]]:
    return {(removal.kind, removal.name, removal.planned) for removal in plan.removals}


def test_install_names_running_programs_missing_from_inventory() -> None:
    runs = {"web": "RUNNING", "agent": "RUNNING", "legacy": "RUNNING", "pool:one": "STOPPED", "twin:twin_1": "FATAL"}
    found = BY_HAND + "[program:legacy]\ncommand=x\n[include]\nfiles = more/*.conf\n"
    plan = planned(host(**SETTINGS), {CONF: found}, programs=runs)
    gone = {("program", name, False) for name in ("legacy", "pool:one", "twin:twin_1")}
    assert named(plan) == gone
    assert (plan.supervisord, plan.replaced) == ("apply", [])
    assert plan.applied == ["legacy", "pool", "twin"]
    assert {removal.name for removal in plan.unplanned} == {name for _, name, _ in gone}
    for name in ("legacy", "pool:one", "twin:twin_1"):
        assert any(name in line for line in plan.services())


def test_program_dropped_from_inventory_is_planned_removal() -> None:
    fewer = host(**SETTINGS | {"programs": {"web": WEB}})
    before = rendered(host(**SETTINGS), CONF).content.decode()
    runs = {"web": "RUNNING", "agent": "RUNNING"}
    plan = planned(fewer, {CONF: before}, deployed={CONF: before}, programs=runs)
    assert (named(plan), plan.unplanned) == ({("program", "agent", True)}, [])
    assert (plan.supervisord, plan.applied) == ("apply", ["agent"])

    stray = planned(fewer, {CONF: before}, deployed={CONF: before}, programs=runs | {"by-hand": "RUNNING"})
    assert [removal.name for removal in stray.unplanned] == ["by-hand"]

    edited = planned(fewer, {CONF: before + "; by hand\n"}, deployed={CONF: before}, programs=runs)
    assert [removal.name for removal in edited.unplanned] == ["agent"], "whose it was cannot be told"


def test_removal_needs_consent_if_supervisord_hides_running_programs() -> None:
    plan = planned(host(**SETTINGS), {CONF: BY_HAND + ";\n"}, untold="HTTP/1.0 401 Unauthorized")
    assert [removal.kind for removal in plan.unplanned] == ["program"]
    assert "401" in plan.unplanned[0].describe()


def test_install_reads_programs_from_file_if_supervisord_is_down() -> None:
    found = BY_HAND + "[program:legacy]\ncommand=x\nnumprocs=2\nprocess_name=l%(process_num)d\n"
    plan = planned(host(**SETTINGS), {CONF: found}, supervisord="down")
    assert named(plan) == {("program", "legacy:l0", False), ("program", "legacy:l1", False)}
    assert plan.supervisord == "start"


def test_supervisord_restart_names_programs_and_ports_it_drops() -> None:
    found = BY_HAND.replace("loglevel = INFO", "loglevel = debug") + "[inet_http_server]\nport=*:9001\n"
    plan = planned(host(**SETTINGS), {CONF: found}, programs={"web": "RUNNING", "legacy": "RUNNING"})
    assert plan.supervisord == "restart"
    assert named(plan) == {("program", "legacy", False), ("port", "9001", False)}


def test_install_names_ports_virtual_hosts_and_includes_it_removes() -> None:
    plan = planned(host(**SETTINGS), {SSL: VHOST})
    assert named(plan) == {
        ("port", "9443", False),
        ("port", "127.0.0.1:9444", False),
        ("virtual host", "old.example.org:9443", False),
        ("virtual host", "old.example.org:9444", False),
        ("virtual host", "other.example.org:443", False),
        ("include", "/home/poms/more/*.conf", False),
    }


def test_install_over_distribution_file_names_no_removal() -> None:
    found = "Listen 443 https\n<VirtualHost _default_:443>\nSSLEngine on\n</VirtualHost>\n"
    assert named(planned(host(**SETTINGS), {SSL: found})) == set()


def test_changed_port_is_planned_removal_and_moved_port_is_not() -> None:
    old = host(**SETTINGS)
    text = rendered(old, SSL).content.decode()
    moved = host(**SETTINGS, apache={"port": 10443})
    plan = planned(moved, {SSL: text}, deployed={SSL: text})
    assert named(plan) == {("port", "443", True), ("virtual host", "web1:443", True)}
    assert plan.unplanned == []

    gone = "/etc/httpd/conf.d/second.conf"
    plan = planned(old, {gone: "Listen 8443\n"}, deployed={gone: "Listen 8443\n"})
    assert [change.gone for change in plan.changed] == [True]
    assert named(plan) == set()


def test_install_names_ports_of_replaced_uwsgi_file() -> None:
    found = "[uwsgi]\nsocket = 127.0.0.1:3031\nhttp = :8080\nhttps = :8081,/c,/k\nstats = /home/poms/s\n"
    plan = planned(host(**SETTINGS), {INI: found})
    assert named(plan) == {("port", "127.0.0.1:3031", False), ("port", "8080", False), ("port", "8081", False)}


def test_nothing_is_named_where_nothing_changes() -> None:
    plan = planned(host(**SETTINGS), {}, programs=None)
    assert (plan.is_empty, plan.removals) == (True, [])
