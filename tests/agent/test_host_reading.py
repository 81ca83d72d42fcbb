"""A host that is read by the agent: a real supervisord with its own file, and nothing is changed."""

import json
import os
from pathlib import Path

import pytest

from ops.agent import apache_reading, host_reading, supervisord_process
from ops.agent.apache_messages import WantedFile
from ops.agent.apache_words import directives_of, in_effect, words_of
from ops.agent.host_reading_messages import (
    AccountReading,
    ApacheReading,
    ImportRequest,
    SupervisordReading,
    UwsgiReading,
)
from ops.agent.service_messages import SupervisordPlace
from ops.agent.supervisord_state import state_of
from ops.agent.supervisord_surroundings import surroundings
from tests.agent.shells import executable
from tests.agent.supervised import ACTIVATE, Supervised, running

INI = "[uwsgi]\nsocket = 127.0.0.1:1\nmaster\nprocesses = 2 # two\n"
ROOT = """ServerRoot "ROOT"
Include more/*.conf
<IfModule ssl_module>
    Listen 443 \\
        https
</IfModule>
<VirtualHost _default_:443>
    ServerName 'a b'
</VirtualHost>
"""


def request(supervised: Supervised, **more: object) -> ImportRequest:
    given = {"conf": supervised.place.conf, "activate": ACTIVATE, "httpd": "/none", "server_root": "/none"}
    return ImportRequest(**(given | more))  # type: ignore[arg-type] # a dict of mixed values


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests run other supervisords of this account."""
    every = supervisord_process.own_processes

    def own() -> list[int]:
        return [pid for pid in every() if any(f"{tmp_path}/" in path for path in supervisord_process.files_of(pid))]

    monkeypatch.setattr(host_reading, "own_processes", own)


@pytest.fixture
def by_hand(tmp_path: Path) -> Path:
    (tmp_path / "more").mkdir()
    (tmp_path / "app.ini").write_text(INI)
    (tmp_path / "more/app.conf").write_text(
        f"[program:app]\ncommand=uwsgi --ini %(here)s/../app.ini\ndirectory={tmp_path}/not-there\nautostart=false\n"
        'environment=WHERE="%(ENV_HOME)s"\n'
    )
    return tmp_path


def test_running_supervisord_is_found_by_its_command_and_read_by_its_own_parser(by_hand: Path) -> None:
    other = "command=sleep 600\n[include]\nfiles=more/*.conf"
    with running(by_hand, other=other) as supervised:
        before = {path: path.stat().st_mtime_ns for path in by_hand.rglob("*.conf")}
        found = list(host_reading.answer(request(supervised, conf="/none/supervisord.conf")))
        assert {path: path.stat().st_mtime_ns for path in by_hand.rglob("*.conf")} == before
    account = next(one for one in found if isinstance(one, AccountReading))
    assert (account.number, account.activates) == (os.getuid(), ACTIVATE)
    read = next(one for one in found if isinstance(one, SupervisordReading))
    assert (read.conf, read.pid > 0, read.problem) == (supervised.place.conf, True, "")
    programs = {group["name"]: group["processes"][0] for group in json.loads(read.parsed)["groups"]}
    assert programs["other"]["command"] == "sleep 600"
    assert programs["app"]["environment"]["WHERE"] == os.environ["HOME"]
    uwsgi = next(one for one in found if isinstance(one, UwsgiReading))
    assert ("processes", "2 # two") in [tuple(pair) for pair in uwsgi.options]


def test_wanted_files_are_read_in_place_of_those_there(by_hand: Path) -> None:
    supervised = Supervised(by_hand, web="command=sleep 1")
    text = Path(supervised.place.conf).read_bytes().replace(b"sleep 1", b"sleep %(here)s")
    wanted = [
        WantedFile(path="/home/poms/supervisord.conf", mode="0640", content=text),
        WantedFile(path="/home/poms/app.ini", mode="0640", content=b"[uwsgi]\nno-such-option = 1\n"),
    ]
    supervisord, uwsgi = host_reading.answer(request(supervised, wanted=wanted))
    assert isinstance(supervisord, SupervisordReading)
    assert isinstance(uwsgi, UwsgiReading)
    assert not json.loads(supervisord.parsed)["groups"][0]["processes"][0]["command"].startswith(
        "sleep /tmp/poms-ops"
    )
    assert (uwsgi.path, "no-such-option" in uwsgi.problem) == ("/home/poms/app.ini", True)


def test_file_that_supervisor_refuses_is_named(by_hand: Path) -> None:
    supervised = Supervised(by_hand, web="priority=1")
    read = next(one for one in host_reading.answer(request(supervised)) if isinstance(one, SupervisordReading))
    assert (read.parsed, "command" in read.problem) == ("", True)


def test_surroundings_are_included_files_and_used_variables(by_hand: Path) -> None:
    with running(by_hand, other="command=sleep 600\n[include]\nfiles=more/*.conf") as supervised:
        found = surroundings(supervised.place.conf, supervised.programs.process_of("other"))
    assert [path for path, _ in found.included] == [f"{by_hand}/more/app.conf"]
    assert found.variables == {"HOME": os.environ["HOME"]}


def test_supervisord_set_up_by_hand_is_elsewhere_and_not_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with running(tmp_path, web="command=sleep 600") as supervised:
        place = SupervisordPlace(
            conf=f"{tmp_path}/ours.conf", socket=f"{tmp_path}/ours.sock", state_dir=str(tmp_path)
        )
        found = state_of(place)
        assert (found.state, found.conf, found.detail) == (
            "elsewhere",
            supervised.place.conf,
            supervised.place.socket,
        )
        Path(place.conf).write_text("")
        assert state_of(place).state == "down", "this account has two of them"


def apache(root: Path, says: str, code: int = 0) -> ApacheReading:
    """What is read of an Apache that says this when it is asked for its configuration."""
    (root / "more").mkdir(exist_ok=True)
    (root / "httpd.conf").write_text(ROOT.replace("ROOT", str(root)))
    (root / "more/a.conf").write_text("Alias /a /b\n")
    (root / "said").write_text(says)
    executable(
        root / "httpd",
        f"#!/bin/sh\ncase $* in *-V*) echo 'HTTPD_ROOT=\"{root}\"'; echo 'SERVER_CONFIG_FILE=\"httpd.conf\"' ;;\n"
        f"*LoadModule*DUMP_CONFIG*) cat {root}/said; exit {code} ;; *) echo Syntax OK >&2 ;; esac\n",
    )
    found = apache_reading.read(str(root / "httpd"), str(root))
    assert found
    return found


def test_apaches_own_dump_is_preferred_and_its_module_loaded_if_need_be(tmp_path: Path) -> None:
    found = apache(
        tmp_path, "# In file: /etc/x.conf\n#   1:\n<VirtualHost *:443>\n  #   2:\n  ServerName a\n</VirtualHost>\n"
    )
    (_, name) = found.directives
    assert (found.how, name.file, name.path, name.name, name.words) == (
        *("dump", "/etc/x.conf", ["virtualhost *:443"], "ServerName", ["a"]),
    )


def test_without_a_dump_apaches_files_are_read_and_the_reason_is_told(tmp_path: Path) -> None:
    found = apache(tmp_path, "httpd: Could not open the key\n", 1)
    assert (found.how, bool(found.problem)) == ("files", True)
    read = {one.name: one for one in found.directives}
    assert read["Alias"].file == f"{tmp_path}/more/a.conf"
    assert read["Listen"].words == ["443", "https"]
    assert (read["ServerName"].path, read["ServerName"].words) == (["virtualhost *:443"], ["a b"])


def test_words_are_split_as_apache_does() -> None:
    assert words_of(r'''a "b \" c" 'd "e' f\\g "h \n"''') == ["a", 'b " c', 'd "e', "f\\g", r"h \n"]
    assert words_of('Require expr "%{X} =~ m#a b#"') == ["Require", "expr", "%{X} =~ m#a b#"]
    (one,) = in_effect(directives_of("<IfModule x>\nA b\n</IfModule>\n"))
    assert (one.path, one.name, one.words) == ((), "a", ["b"])
