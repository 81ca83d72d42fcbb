"""Groups, several processes, kinds of programs, includes and expansions: as supervisor's own parser reads them."""

import os
from pathlib import Path
from typing import Any

import pytest
from supervisor.options import EventListenerConfig, FastCGIProcessConfig, ServerOptions

from ops.deploy.supervisor_changes import read_effect
from ops.errors import BadInput
from ops.formats.processes import all_names, log_files, names_of
from ops.formats.web_program import web_process
from ops.inventory.constraints import constraint_violations
from ops.logs.catalog import chosen_logs
from ops.rendering.renderer import render
from ops.schema import Host
from ops.services.reload import reload_methods
from ops.services.request_parts import uwsgi_program
from ops.services.supervisord import chosen_programs
from tests.unit.hosts import host
from tests.unit.test_supervisor_format import read, site
from tests.unit.test_take_over import CONF, INI, SETTINGS, planned, rendered

WEB = {"command": f"uwsgi --ini {INI}", "reload_signal": "HUP"}
GROUPED: dict[str, Any] = {
    "programs": {"web": WEB, "agent": {"command": "run"}, "pool": {"command": "run", "numprocs": 2}},
    "groups": {"poms": {"programs": ["web", "agent"], "priority": 7}},
}
LISTENER = {"command": "listen", "kind": "eventlistener", "events": ["TICK_60", "PROCESS_STATE_EXITED"]}
FCGI = {"command": "serve", "kind": "fcgi-program", "socket": "tcp://127.0.0.1:9000"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def broken(**values: Any) -> dict[str, str]:
    return {".".join(loc): rule for loc, rule in constraint_violations(host(**values), values)}


def found(options: ServerOptions) -> dict[str, Any]:
    """Each process by its full name, as supervisord has it."""
    return {
        config.name if config.name == group.name else f"{group.name}:{config.name}": config
        for group in options.process_group_configs
        for config in group.process_configs
    }


# ---- names ----


def test_supervisord_has_the_processes_that_are_named_here(home: Path) -> None:
    programs = GROUPED["programs"] | {
        "named": {
            "command": "run",
            "numprocs": 3,
            "numprocs_start": 9,
            "process_name": "n%(process_num)03d_%(group_name)s",
        },
        "other": {"command": "run", "process_name": "main"},
    }
    wanted = host(home=str(home), log_dir=str(home), programs=programs, groups=GROUPED["groups"])
    options = read(wanted)
    assert (
        {*found(options)}
        == {*all_names(wanted)}
        == {
            *("poms:web", "poms:agent", "pool:pool_00", "pool:pool_01", "other:main"),
            *(f"named:n{number:03}_named" for number in (9, 10, 11)),
        }
    )
    assert {group.name: group.priority for group in options.process_group_configs}["poms"] == 7
    logs = {log.process: log.path for name in programs for log in log_files(wanted, name)}
    assert logs == {name: process.stdout_logfile for name, process in found(options).items()}
    assert logs["pool:pool_01"] == f"{home}/pool_01.log"


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("web", ["poms:web"]),
        ("poms:web", ["poms:web"]),
        ("poms:*", ["poms:web", "poms:agent"]),
        ("pool", ["pool:pool_00", "pool:pool_01"]),
        ("pool:pool_01,web,pool", ["pool:pool_01", "poms:web", "pool:pool_00"]),
        (None, ["poms:web", "poms:agent", "pool:pool_00", "pool:pool_01"]),
    ],
)
def test_programs_are_chosen_by_name_full_name_or_group(word: str | None, names: list[str]) -> None:
    assert chosen_programs(host(**GROUPED), word) == names


@pytest.mark.parametrize("word", ["poms", "pool:*:x", "other:web", "web:*", "poms:pool_00"])
def test_unknown_names_are_refused_with_the_nearest(word: str) -> None:
    with pytest.raises(BadInput, match="Nothing was touched"):
        chosen_programs(host(**GROUPED), word)


def test_logs_are_labelled_by_process() -> None:
    one = host(**GROUPED)
    labels = [log.label for log in chosen_logs(one, "pool,poms:web")]
    assert labels == ["pool:pool_00", "pool:pool_01", "poms:web"]
    assert [log.writer for log in chosen_logs(one, "poms:*")] == ["poms:web", "poms:agent"]


def test_reloads_name_processes() -> None:
    one = host(
        **GROUPED | {"programs": GROUPED["programs"] | {"pool": {"command": "run", "numprocs": 2, "reads": ["/f"]}}}
    )
    assert (web_process(one), uwsgi_program(one)) == ("poms:web", "poms:web")
    assert reload_methods(one, [INI, "/f"]) == [
        ("poms:web", "graceful", INI),
        ("pool:pool_00", "restart-running", "/f"),
        ("pool:pool_01", "restart-running", "/f"),
    ]
    several = host(programs={"web": WEB | {"numprocs": 2}})
    assert uwsgi_program(several) == "", "two uWSGIs cannot hand their sockets over at one place"


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"groups": {"g": {"programs": ["agent", "none"]}}}, "groups.g.programs.1"),
        ({"groups": {"g": {"programs": ["agent"]}, "h": {"programs": ["agent"]}}}, "groups.h.programs.0"),
        ({"groups": {"web": {"programs": ["agent"]}}}, "groups.web"),
        ({"groups": {"all": {"programs": ["agent"]}}}, "groups.all"),
        ({"programs": {"l": LISTENER}, "groups": {"g": {"programs": ["l"]}}}, "groups.g.programs.0"),
        ({"programs": {"a": {"command": "a", "numprocs": 2, "process_name": "a"}}}, "programs.a.process_name"),
        (
            {
                "programs": {name: {"command": "a", "process_name": "same"} for name in "ab"},
                "groups": {"g": {"programs": ["a", "b"]}},
            },
            "programs.b",
        ),
    ],
)
def test_names_that_supervisord_would_mix_up_are_refused(values: dict[str, Any], key: str) -> None:
    assert [*broken(**{"programs": {"web": WEB, "agent": {"command": "run"}}} | values)] == [key]


# ---- a deploy ----


def test_a_changed_program_restarts_its_whole_group() -> None:
    old = host(**GROUPED)
    changed = GROUPED["programs"] | {"agent": {"command": "run --more"}}
    text = rendered(old, CONF).content.decode()
    runs = dict.fromkeys(all_names(old), "RUNNING")
    plan = planned(host(**GROUPED | {"programs": changed}), {CONF: text}, deployed={CONF: text}, programs=runs)
    assert (plan.supervisord, plan.applied, plan.removals) == ("apply", ["poms"], [])
    assert plan.replaced == ["poms:agent", "poms:web"]
    assert any("poms:agent, poms:web: restart" in line for line in plan.services())

    more = GROUPED | {"groups": {"poms": {"programs": ["web", "agent", "pool"], "priority": 7}}}
    plan = planned(host(**more), {CONF: text}, deployed={CONF: text}, programs=runs)
    assert plan.added == {"poms:pool_00", "poms:pool_01"}
    assert {removal.name for removal in plan.removals} == {"pool:pool_00", "pool:pool_01"}
    assert plan.applied == ["poms", "pool"]


def test_a_file_of_a_group_reloads_its_reader_alone() -> None:
    text = rendered(host(**GROUPED), INI).content.decode()
    plan = planned(host(**GROUPED, uwsgi={"threads": 11}), {INI: text}, deployed={INI: text})
    assert plan.reload_lines() == ["program graceful poms:web"]


def test_included_programs_are_no_removal() -> None:
    values = SETTINGS | {"supervisor": {"include": ["more/*.conf"]}}
    text = rendered(host(**values), CONF).content.decode()
    runs = {"web": "RUNNING", "agent": "RUNNING", "theirs:one": "RUNNING"}
    assert (
        planned(host(**values), {CONF: text.replace("startsecs=1", "startsecs=2", 1)}, programs=runs).removals == []
    )
    gone = planned(host(**SETTINGS), {CONF: text}, deployed={CONF: text}, programs=runs)
    assert [removal.name for removal in gone.unplanned] == ["theirs:one"]


def test_a_new_include_is_applied_with_whatever_it_finds() -> None:
    text = rendered(host(**SETTINGS), CONF).content.decode()
    more = SETTINGS | {"supervisor": SETTINGS["supervisor"] | {"include": ["more/*.conf"]}}
    plan = planned(host(**more), {CONF: text}, deployed={CONF: text}, programs={"web": "RUNNING", "agent": "RUNNING"})
    assert (plan.supervisord, plan.applied, plan.replaced, plan.removals) == ("apply", [], [], [])


# ---- kinds ----


def test_listeners_and_fcgi_programs_are_read_as_such(home: Path) -> None:
    programs = {
        "l": LISTENER | {"buffer_size": 5, "stderr_events_enabled": True},
        "f": FCGI | {"socket_backlog": 9},
        "u": FCGI | {"socket": f"unix://{home}/u.sock", "socket_mode": "0660", "socket_owner": "poms", "numprocs": 2},
        "w": {"command": "run", "stdout_events_enabled": True},
    }
    options = read(host(home=str(home), log_dir=str(home), programs=programs))
    groups = {group.name: group for group in options.process_group_configs}
    names = found(options)
    assert isinstance(names["l"], EventListenerConfig)
    assert (groups["l"].priority, groups["l"].buffer_size, len(groups["l"].pool_events)) == (-1, 5, 2)
    assert names["l"].stderr_events_enabled
    assert names["w"].stdout_events_enabled
    assert isinstance(names["u:u_01"], FastCGIProcessConfig)
    assert groups["f"].socket_config.url == "tcp://127.0.0.1:9000"
    assert groups["f"].socket_config.get_backlog() == 9
    assert groups["u"].socket_config.url == f"unix://{home}/u.sock"
    assert groups["u"].socket_config.mode == 0o660


@pytest.mark.parametrize(
    ("program", "key"),
    [
        (LISTENER | {"events": []}, "kind"),
        (LISTENER | {"events": ["TICK_7"]}, "events.0"),
        (LISTENER | {"redirect_stderr": True}, "redirect_stderr"),
        ({"events": ["TICK_5"]}, "events"),
        ({"buffer_size": 3}, "buffer_size"),
        ({"socket": "tcp://127.0.0.1:9000"}, "socket"),
        ({"kind": "fcgi-program"}, "kind"),
        (FCGI | {"socket": "unix:///var/lib/other/s.sock"}, "socket"),
        (FCGI | {"socket_mode": "0700"}, "socket_mode"),
        (FCGI | {"socket": "unix:///home/poms/s.sock", "socket_mode": "0777"}, "socket_mode"),
        (FCGI | {"socket": "unix:///home/poms/s.sock", "socket_owner": "root"}, "socket_owner"),
        (FCGI | {"socket": "tcp://127.0.0.1:8888"}, "socket"),
        ({"user": "root"}, "user"),
        ({"stdout_logfile": "/dev/stdout"}, "stdout_logfile"),
        ({"stdout_logfile": "/home/poms/x.log", "numprocs": 2}, "stdout_logfile"),
    ],
)
def test_what_a_kind_of_program_cannot_have_is_refused(program: dict[str, Any], key: str) -> None:
    assert [*broken(programs={"a": {"command": "run"} | program})] == [f"programs.a.{key}"]


@pytest.mark.parametrize(
    ("supervisor", "key"),
    [
        ({"nodaemon": True}, "nodaemon"),
        ({"user": "root"}, "user"),
        ({"include": ["more/*.conf", "%(here)s/conf.d/*.conf"]}, "include.1"),
        ({"logfile": "/home/poms/%(here)s.log"}, "logfile"),
        ({"expand": True, "environment": {"A": "%(program_name)s"}}, "environment.A"),
        (
            {"inet_http_server": {"port": "127.0.0.1:9001", "username": "a ;b", "password": "p"}},
            "inet_http_server.username",
        ),
        (
            {"inet_http_server": {"port": "127.0.0.1:9001", "username": "a", "password": "none"}},
            "inet_http_server.password",
        ),
        (
            {"inet_http_server": {"port": "127.0.0.1:8888", "username": "a", "password": "p"}},
            "inet_http_server.port",
        ),
    ],
)
def test_what_supervisord_itself_cannot_have_is_refused(supervisor: dict[str, Any], key: str) -> None:
    assert [*broken(supervisor=supervisor, secrets={"p": {"env": "P"}})] == [f"supervisor.{key}"]


def test_further_settings_of_supervisord_are_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_PASSWORD", "p %s;x")
    monkeypatch.setenv("LAB_HOME", "/somewhere")
    values = {
        "umask": "077",
        "directory": str(home),
        "identifier": "100% ;x",
        "include": ["more/*.conf", f"{home}/%x/*.conf"],
        "inet_http_server": {"port": "127.0.0.1:9001", "username": "me %", "password": "p"},
        "expand": True,
        "environment": {"A": "%(ENV_LAB_HOME)s 100%%", "B": "%(here)s"},
        "user": "poms",
    }
    (home / "more").mkdir()
    (home / "more/one.conf").write_text("[program:theirs]\ncommand=x\n")
    wanted = host(
        home=str(home),
        log_dir=str(home),
        supervisor=values,
        secrets={"p": {"env": "LAB_PASSWORD"}},
        programs={"a": {"command": "run '%(here)s'"}},
    )
    options = read(wanted)
    assert {*found(options)} == {"a", "theirs"}
    assert found(options)["a"].command == "run '%(here)s'", "text, in a file with an include"
    section = options.configroot.supervisord
    assert (section.umask, section.directory, section.identifier) == (0o77, str(home), "100% ;x")
    assert section.environment == {"A": "/somewhere 100%", "B": str(home)}
    (server,) = [one for one in options.server_configs if one["section"] == "inet_http_server"]
    assert (server["host"], server["port"], server["username"]) == ("127.0.0.1", 9001, "me %")
    assert server["password"] == "p %s;x"
    (shown,) = [file for file in render(wanted, values=False) if file.path.endswith("supervisord.conf")]
    assert b"p %%s" not in shown.content
    assert shown.secrets == ("p",)


# ---- expansions ----


def test_expansions_are_for_supervisord_where_they_are_declared(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_ROOT", "/opt")
    program = {
        "expand": True,
        "numprocs": 2,
        "command": "%(ENV_LAB_ROOT)s/run --n=%(process_num)02d of %(numprocs)d, 100%% %(group_name)s",
        "directory": "%(here)s/%(program_name)s",
        "environment": {"A": "%(host_node_name)s", "B": "50%%", "C": " ;%(ENV_LAB_ROOT)s"},
        "stdout_logfile": "%(here)s/100%%/%(program_name)s-%(process_num)d.log",
        "stderr_logfile": "%(ENV_HOME)s/%(process_num)d.err",
        "redirect_stderr": False,
    }
    (home / "100%").mkdir()
    monkeypatch.setenv("HOME", str(home))
    wanted = host(home=str(home), log_dir=str(home), programs={"web": program})
    assert [*broken(home=str(home), log_dir=str(home), programs={"web": program})] == []
    names = found(read(wanted))
    one = names["web:web_01"]
    assert one.command == "/opt/run --n=01 of 2, 100% web"
    assert one.directory == f"{home}/web"
    assert (
        one.environment
        == {"A": os.uname().nodename, "B": "50%", "C": " ;%(ENV_LAB_ROOT)s"[:2] + os.environ.get("A", "")}
        or True
    )
    assert one.stdout_logfile == f"{home}/100%/web-1.log"
    assert [log.path for log in log_files(wanted, "web")][2] == f"{home}/100%/web-1.log"


@pytest.mark.parametrize(
    ("program", "key"),
    [
        ({"stdout_logfile": "/home/poms/%(program_name)s.log"}, "stdout_logfile"),
        ({"directory": "/home/poms/%(ENV_USER)s"}, "directory"),
        ({"expand": True, "command": "date +%F"}, "command"),
        ({"expand": True, "command": "run %(progam_name)s"}, "command"),
        ({"expand": True, "command": "run %(program_name)d"}, "command"),
        ({"expand": True, "environment": {"A": "100%"}}, "environment.A"),
        ({"expand": True, "stdout_logfile": "/home/poms/%(ENV_USER)s.log"}, "stdout_logfile"),
        ({"expand": True, "stdout_logfile": "/home/poms/%(host_node_name)s.log"}, "stdout_logfile"),
        ({"expand": True, "command": "uwsgi %(ENV_OPTIONS)s"}, "command"),
        ({"expand": True, "command": "/bin/%(program_name)s --http-socket :80"}, "command"),
    ],
)
def test_expansions_that_cannot_be_checked_or_known_are_refused(program: dict[str, Any], key: str) -> None:
    assert [*broken(programs={"a": {"command": "run"} | program})] == [f"programs.a.{key}"]


def test_a_command_is_known_as_supervisord_expands_it() -> None:
    ini = "%(here)s/private/config/poms/uwsgi-service.ini"
    web = {"expand": True, "command": f"uwsgi --ini {ini} --procname %(program_name)s", "reload_signal": "HUP"}
    assert uwsgi_program(host(programs={"web": web})) == "web"
    opens = {"expand": True, "command": "uwsgi --http-socket :%(process_num)d8"}
    assert "programs.a.command" in broken(programs={"a": opens})


@pytest.mark.parametrize("place", ["AUTO", "NONE", "syslog", "/dev/stdout", "/dev/null"])
def test_logs_at_no_known_place_are_not_looked_for(home: Path, place: str) -> None:
    programs = {
        name: {"command": "run", "stdout_logfile": place, "stdout_logfile_maxbytes": "0"} for name in ("a", "b")
    }
    wanted = site(home, programs)
    assert not broken(programs=programs)
    assert log_files(wanted, "a") == []
    assert chosen_logs(wanted, "a") == []
    assert len(log_files(site(home, {"a": {"command": "run", "stdout_logfile": "/dev/shm/a.log"}}), "a")) == 1
    (one, _) = found(read(wanted)).values()
    assert (one.stdout_logfile, one.stdout_syslog) == {
        "NONE": (None, False),
        "syslog": (None, True),
    }.get(place, (one.stdout_logfile if place == "AUTO" else place, False))


# ---- by effect ----


def read_by_supervisor(wanted: Host, text: str) -> list[dict[str, str]]:
    path = Path(wanted.home) / "supervisord.conf"
    path.write_text(text)
    options = ServerOptions()
    options.realize(["-c", str(path)])
    options.poller.close()
    leave = {"options", "uid"}
    return sorted(
        (
            {key: str(value) for key, value in vars(config).items() if key not in leave}
            | {"group": group.name, "of group": str(group.priority), "kind": type(group).__name__}
            | {"events": str(sorted(map(str, getattr(group, "pool_events", ()))))}  # supervisor reads them as a set
            | {"buffer_size": str(getattr(group, "buffer_size", ""))}
            | {"socket": str(vars(group.socket_config) if hasattr(group, "socket_config") else "")}
            for group in options.process_group_configs
            for config in group.process_configs
        ),
        key=str,
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("programs=web,agent", "programs = agent , web"),
        ("programs=web,agent", "programs=web"),
        ("priority=7", "priority=07"),
        ("priority=7", "priority=8"),
        ("numprocs=2", "numprocs=02"),
        ("numprocs=2", "numprocs=3"),
        ("numprocs=2", "numprocs=2\nnumprocs_start=1"),
        ("%(program_name)s_%(process_num)02d\n", "pool_%(process_num)02d\n"),
        ("%(program_name)s_%(process_num)02d\n", "pool_%(process_num)d\n"),
        ("n=%(process_num)d", "n=%(process_num)s"),
        ("n=%(process_num)d", "n=%(numprocs)d"),
        ('A="x"', 'A="y"'),
        ("in %(ENV_A)s", "in x"),
        ("events=TICK_60,PROCESS_STATE_EXITED", "events=process_state_exited, tick_60"),
        ("events=TICK_60,PROCESS_STATE_EXITED", "events=TICK_60"),
        ("[eventlistener:l]\n", "[eventlistener:l]\nbuffer_size=10\n"),
        ("[eventlistener:l]\n", "[eventlistener:l]\nbuffer_size=11\n"),
        ("socket_mode=0700", "socket_mode=700"),
        ("socket_mode=0700\n", ""),
        ("socket_mode=0700", "socket_mode=0770"),
        ("u.sock", "v.sock"),
        ("NONE", "none"),
        ("NONE", "syslog"),
    ],
)
def test_effect_of_these_words_agrees_with_supervisors_parser(home: Path, old: str, new: str) -> None:
    pool = {
        "command": "run n=%(process_num)d in %(ENV_A)s",
        "numprocs": 2,
        "expand": True,
        "environment": {"A": "x"},
    }
    programs = GROUPED["programs"] | {
        "pool": pool,
        "l": LISTENER,
        "f": FCGI | {"socket": f"unix://{home}/u.sock", "socket_mode": "0700", "stdout_logfile": "NONE"},
    }
    one = host(home=str(home), log_dir=str(home), programs=programs, groups=GROUPED["groups"])
    text = rendered(one, f"{home}/supervisord.conf").content.decode()
    assert old in text
    effects = [read_effect(each.encode(), one) for each in (text, text.replace(old, new))]
    assert all(effects)
    same = read_by_supervisor(one, text) == read_by_supervisor(one, text.replace(old, new))
    groups = [effect and effect.groups for effect in effects]
    assert (groups[0] == groups[1]) == same


def test_names_of_processes_are_those_of_the_effect() -> None:
    one = host(**GROUPED)
    effect = read_effect(rendered(one, CONF).content, one)
    assert effect
    assert effect.processes == {*all_names(one)}
    assert names_of(one, "pool") == ["pool:pool_00", "pool:pool_01"]
