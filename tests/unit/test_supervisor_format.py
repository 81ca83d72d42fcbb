"""supervisord's configuration: what the inventory says is what supervisor's own parser reads, or it is refused."""

import io
import signal
import warnings
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from supervisor.datatypes import (
    RestartUnconditionally,
    RestartWhenExitUnexpected,
)
from supervisor.options import ClientOptions, ProcessConfig, ServerOptions

from ops.formats.processes import log_files
from ops.formats.supervisor import unwritable_program, unwritable_supervisor
from ops.program_tables import Program
from ops.rendering.renderer import render
from ops.schema import Host
from tests.scale import TIMES
from tests.unit.hosts import host

SIZES = {"KB": 1024, "MB": 1024**2, "GB": 1024**3}
RESTARTS = {True: RestartUnconditionally, False: False, "unexpected": RestartWhenExitUnexpected}
AS_THEY_ARE = (
    *("command", "directory", "priority", "autostart", "startsecs", "startretries", "exitcodes", "stopwaitsecs"),
    *("stopasgroup", "killasgroup", "redirect_stderr", "stdout_logfile_backups"),
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home %d; #")  # supervisor wants the folders of logs to exist


def site(home: Path, programs: dict[str, Any], **supervisor: Any) -> Host:
    return host(
        home=str(home),
        log_dir=str(home),
        supervisor={"socket": "/run/100% up/s.sock"} | supervisor,
        programs=programs,
    )


def read(wanted: Host) -> ServerOptions:
    """What supervisord makes of the file as it is rendered."""
    path = Path(wanted.home) / "supervisord.conf"
    path.write_bytes(next(file.content for file in render(wanted) if file.path == str(path)))
    options = ServerOptions()
    options.stderr = io.StringIO()
    try:
        with warnings.catch_warnings(action="ignore"):
            options.realize(["-c", str(path)])
    except SystemExit:
        pytest.fail(f"{options.stderr.getvalue()}\n{path.read_text()}")
    finally:
        options.poller.close()
    return options


def processes(wanted: Host) -> list[ProcessConfig]:
    return [process for group in read(wanted).process_group_configs for process in group.process_configs]


def size(text: str) -> int:
    return int(text[:-2]) * SIZES[text[-2:]] if text[-2:] in SIZES else int(text)


def check(wanted: Host, name: str, process: ProcessConfig) -> None:
    program = wanted.programs[name]
    assert process.name == name
    for key in AS_THEY_ARE:
        assert getattr(process, key) == getattr(program, key), key
    assert process.autorestart is RESTARTS[program.autorestart]
    assert process.stopsignal == signal.Signals[f"SIG{program.stopsignal}"]
    assert process.umask == (int(program.umask, 8) if program.umask else None)
    assert process.environment == wanted.supervisor.environment | program.environment
    logs = {log.key: log.path for log in log_files(wanted, name)}
    assert process.stdout_logfile == logs["stdout_logfile"]
    assert process.stdout_logfile_maxbytes == size(program.stdout_logfile_maxbytes)
    assert process.stderr_logfile == logs.get("stderr_logfile")
    if not program.redirect_stderr:
        assert process.stderr_logfile_maxbytes == size(program.stderr_logfile_maxbytes)
        assert process.stderr_logfile_backups == program.stderr_logfile_backups


# ---- examples ----


@pytest.mark.parametrize(
    "value",
    [
        "",
        " blanks at both ends ",
        "commas, and = signs, and a [section]",
        "100% of %(here)s and %(ENV_HOME)s",
        "ends in a percent sign %",
        r"C:\back\slashes\\",
        "it's one kind of quotes",
        'say "the other" kind',
        "x'both\"kinds(in/one-word.",
        "; # not a comment; nor # this ;nor #that",
        "tab\t; and a no-break space\u00a0#",
        "größer, 日本",
    ],
)
def test_an_environment_holds(home: Path, value: str) -> None:
    wanted = site(home, {"a": {"command": "a", "environment": {"K": value, "LAST": "1"}}}, environment={"G": value})
    assert not [*unwritable_supervisor(wanted.supervisor), *unwritable_program("a", wanted.programs["a"])]
    (process,) = processes(wanted)
    assert process.environment == {"G": value, "K": value, "LAST": "1"}


@pytest.mark.parametrize(
    "command",
    [
        """sh -c 'date +%s; echo "$HOME"'""",
        "sh -c 'first ; second #third'",
        ";starts with a semicolon",
        "# ; ;; ## %",
        "=x:y [program:b]",
    ],
)
def test_a_command_holds(home: Path, command: str) -> None:
    wanted = site(home, {"a": {"command": command}})
    assert not list(unwritable_program("a", wanted.programs["a"]))
    assert [process.command for process in processes(wanted)] == [command]


@pytest.mark.parametrize(
    ("values", "key", "rule"),
    [
        ({"command": " a"}, "command", "blank"),
        ({"command": "echo it's"}, "command", "No closing quotation"),
        ({"directory": "/a "}, "directory", "blank"),
        ({"directory": "/a\nb"}, "directory", "one line"),
        ({"directory": "/a\rb"}, "directory", "one line"),
        ({"environment": {"A B": ""}}, "environment.A B", "name of a variable"),
        ({"environment": {"K": "'quoted'"}}, "environment.K", "begin or end with a quote"),
        ({"environment": {"K": 'it\'s "so" so'}}, "environment.K", "both kinds of quotes"),
        ({"environment": {"K": "a'b\"c,d"}}, "environment.K", "both kinds of quotes"),
        ({"environment": {"K": "a\nb"}}, "environment.K", "one line"),
        ({"stopasgroup": True, "killasgroup": False}, "killasgroup", "if stopasgroup is true"),
        ({"stderr_logfile": "/a"}, "stderr_logfile", "never written"),
    ],
)
def test_values_that_supervisord_would_alter_are_refused(values: dict[str, Any], key: str, rule: str) -> None:
    program = msgspec.convert({"command": "a"} | values, Program)
    ((found, text),) = unwritable_program("a", program)
    assert found == key
    assert rule in text


@pytest.mark.parametrize("socket", ["/a ;b.sock", "/a ", "/" + "a" * 99])
def test_a_socket_that_supervisord_cannot_open_is_refused(home: Path, socket: str) -> None:
    assert [key for key, _ in unwritable_supervisor(site(home, {}, socket=socket).supervisor)] == ["socket"]


def test_supervisord_itself_and_supervisorctl_read_their_sections(home: Path) -> None:
    values = {
        "pidfile": f"{home}/50% #1.pid",
        "logfile": f"{home}/a ;log",
        "logfile_maxbytes": "3KB",
        "logfile_backups": 4,
        "loglevel": "debug",
        "minfds": 99,
    }
    options = read(site(home, {}, **values))
    (server,) = options.server_configs
    assert (server["file"], server["chmod"]) == ("/run/100% up/s.sock", 0o700)
    assert (options.logfile, options.pidfile) == (values["logfile"], values["pidfile"])
    section = options.configroot.supervisord
    assert (section.logfile_maxbytes, section.logfile_backups, section.loglevel, section.minfds) == (3072, 4, 10, 99)
    client = ClientOptions()
    client.realize(["-c", f"{home}/supervisord.conf"])
    assert client.serverurl == "unix:///run/100% up/s.sock"


def test_programs_are_in_the_order_of_their_start(home: Path) -> None:
    programs = {"b": {"command": "b"}, "c": {"command": "c", "priority": 5}, "a": {"command": "a"}}
    (text,) = (file.content.decode() for file in render(site(home, programs)) if file.service == "supervisord")
    assert [line for line in text.splitlines() if line.startswith("[prog")] == [
        "[program:c]",
        "[program:a]",
        "[program:b]",
    ]


# ---- anything ----

NASTY = "ab1 \t'\"\\%;#,=:()[]{}$s\u00a0ü"
texts = st.one_of(
    st.text(NASTY, max_size=10),
    st.lists(st.sampled_from([" ;", " #", "%%", "%(here)s", "%s", "'", '"', ",", "a", "="]), max_size=5).map("".join),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5),
)
sizes = st.from_regex(r"[0-9]{1,4}(KB|MB|GB)?", fullmatch=True)
paths = texts.map(lambda name: "/x" + name.replace("/", "_"))
environments = st.dictionaries(st.text("A1_./+-():= '%ü", min_size=1, max_size=3), texts, max_size=4)


def without_refused(values: dict[str, Any]) -> dict[str, Any]:
    """The same program without the values that are refused; what is left must hold."""
    refused = {key for key, _ in unwritable_program("x", msgspec.convert(values, Program))}
    kept = {"command": "true"} | {key: value for key, value in values.items() if key not in refused}
    if "environment" in kept:
        kept["environment"] = {k: v for k, v in kept["environment"].items() if f"environment.{k}" not in refused}
    if "killasgroup" in refused:
        kept["killasgroup"] = True
    assert not list(unwritable_program("x", msgspec.convert(kept, Program)))
    return kept


programs = st.fixed_dictionaries(
    {"command": texts.map(lambda command: command.replace("\n", "") or "true")},
    optional={
        "directory": paths,
        "priority": st.integers(0, 100_000),
        "autostart": st.booleans(),
        "autorestart": st.sampled_from([True, False, "unexpected"]),
        "startsecs": st.integers(0, 86_400),
        "startretries": st.integers(0, 1000),
        "exitcodes": st.lists(st.integers(0, 255), max_size=3),
        "stopsignal": st.sampled_from(["TERM", "HUP", "INT", "QUIT", "KILL", "USR1", "USR2"]),
        "stopwaitsecs": st.integers(0, 86_400),
        "stopasgroup": st.booleans(),
        "killasgroup": st.booleans(),
        "environment": environments,
        "umask": st.from_regex(r"0?[0-7]{3}", fullmatch=True),
        "redirect_stderr": st.booleans(),
        "stdout_logfile": paths,
        "stdout_logfile_maxbytes": sizes,
        "stdout_logfile_backups": st.integers(0, 1000),
        "stderr_logfile": paths,
        "stderr_logfile_maxbytes": sizes,
        "stderr_logfile_backups": st.integers(0, 1000),
    },
).map(without_refused)
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,8}", fullmatch=True)


@settings(derandomize=True, deadline=None, database=None, max_examples=60 * TIMES, report_multiple_bugs=False)
@given(drawn=st.dictionaries(names, programs, max_size=4), common=environments)
def test_supervisord_reads_back_all_accepted_values(
    home: Path, drawn: dict[str, dict[str, Any]], common: dict[str, str]
) -> None:
    refused = {key for key, _ in unwritable_supervisor(site(home, {}, environment=common).supervisor)}
    kept = {name: value for name, value in common.items() if f"environment.{name}" not in refused}
    wanted = site(home, drawn, environment=kept)
    found = processes(wanted)
    assert sorted(process.name for process in found) == sorted(wanted.programs)
    for process in found:
        check(wanted, process.name, process)
