"""The script that starts a program: in the environment of its version, however rude that is, and nothing else."""

import subprocess
from pathlib import Path

import pytest

from ops.rendering.renderer import render_one
from tests.agent.shells import executable
from tests.agent.test_products import RUDE, one_line
from tests.unit.hosts import host

TEMPLATE = "home/private/config/poms/start-program.j2"
TOOL = '#!/bin/sh\nprintf "%s|" "$@"\necho\nexec /usr/bin/env -0\n'
CALLER = {
    "HOME": "/home/of/caller",
    "PATH": "/old/version/bin:/usr/bin:/bin",
    "SETUP_POMS": "poms v1",
    "LANG": "C.UTF-8",
    "UWSGI_RELOADS": "2",
    "UWSGI_DIR": "/old",
    "SUPERVISOR_PROCESS_NAME": "web",
    "TOKEN": "of the inventory",
    "POMS_OPS_OWN": "KEY|TOKEN",
    "BASH_FUNC_tool%%": "() { echo of the caller; }",
}


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "start-program"


def write(script: Path, activate: str) -> None:
    executable(script.parent / "bin/tool", TOOL)
    executable(script.parent / "bin/uwsgi", TOOL)
    made = host(
        activate=activate,
        software={"version": "v4_5_0", "product": "poms"},
        programs={"web": {"command": "tool", "environment": {"TOKEN": "x"}, "environment_secrets": {"KEY": "key"}}},
        secrets={"key": {"env": "KEY"}},
    )
    executable(script, render_one(made, TEMPLATE).content.decode())


def start(script: Path, *words: str) -> tuple[int, str, dict[str, str]]:
    """Exit code, the words that the command got (or the errors), its environment."""
    ended = subprocess.run([script, *words], env=CALLER, capture_output=True, text=True, check=False, timeout=30)
    line, _, rest = ended.stdout.partition("\n")
    environment = dict(entry.split("=", 1) for entry in rest.split("\0") if "=" in entry)
    return ended.returncode, line if ended.returncode == 0 else ended.stderr, environment


def test_a_program_gets_the_environment_of_its_version(script: Path) -> None:
    write(script, f"echo noise; export SETUP_POMS='poms {{version}}' UWSGI_DIR=/new PATH={script.parent}/bin:$PATH")
    code, words, found = start(script, "tool", "one", "two words", "$(x)")
    assert (code, words) == (0, "one|two words|$(x)|")
    assert found["SETUP_POMS"] == "poms v4_5_0"
    assert found["PATH"] == f"{script.parent}/bin:/usr/local/bin:/usr/bin:/bin"
    kept = ("HOME", "LANG", "UWSGI_RELOADS", "SUPERVISOR_PROCESS_NAME", "TOKEN")
    assert {name: found.get(name) for name in kept} == {name: CALLER[name] for name in kept}
    assert found.keys().isdisjoint({"UWSGI_DIR", "BASH_FUNC_tool%%"})


def test_the_inventory_s_variables_win_over_activate(script: Path) -> None:
    write(script, f"TOKEN=activate KEY=activate; export TOKEN KEY PATH={script.parent}/bin:$PATH # {{version}}")
    _, _, found = start(script, "tool")
    assert found["TOKEN"] == CALLER["TOKEN"]
    assert "KEY" not in found  # the caller did not set it


@pytest.mark.parametrize("old", [(), ("/releases/4.4.0/bin/uwsgi",), ("/releases/4.4.0/bin/pyuwsgi",)])
def test_a_reload_of_uwsgi_starts_that_of_the_version(script: Path, old: tuple[str, ...]) -> None:
    """The wheel names the file that it was started from, which is of the version before."""
    write(script, f"export PATH={script.parent}/bin:$PATH # {{version}}")
    assert start(script, *old, "--ini", "/a file")[:2] == (0, "--ini|/a file|")


def test_what_is_no_reload_starts_what_is_named(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(script, f"export PATH={script.parent}/bin:$PATH # {{version}}")
    monkeypatch.delitem(CALLER, "UWSGI_RELOADS")
    assert start(script, str(script.parent / "bin/uwsgi"), "--ini")[:2] == (0, "--ini|")


def test_names_of_another_program_give_way_to_activate(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(script, f"export TOKEN=activate PATH={script.parent}/bin:$PATH # {{version}}")
    monkeypatch.delitem(CALLER, "POMS_OPS_OWN")
    assert start(script, "tool")[2]["TOKEN"] == "activate"


def test_a_rude_activate_does_not_reach_the_command(script: Path) -> None:
    write(script, one_line(RUDE.replace("@BIN@", f"{script.parent}/bin")) + " # {version}")
    code, words, found = start(script, "tool", "one", "two words")
    assert (code, words) == (0, "one|two words|")
    assert found["GOOD"] == "two\nlines"
    assert [name for name in found if name.startswith("UWSGI_")] == ["UWSGI_RELOADS"]


@pytest.mark.parametrize("activate", ["false", "exit 0", "exit 3", "no-such-command-4711", "kill -9 $$"])
def test_nothing_is_started_if_activate_fails(script: Path, activate: str) -> None:
    write(script, f"{activate} # {{version}}")
    code, errors, _ = start(script, "tool")
    assert code == 1
    assert activate in errors
