"""What a word behind a task stands for, and what is said of one that stands for nothing."""

from pathlib import Path
from typing import Any

import fabric.main
import pytest
from invoke.exceptions import Exit

from ops.inventory.loader import read_inventory
from ops.project import PROJECT
from tasks._arguments import put_flags_for_words
from tasks._registry import collection

SMALL = """
[fleet]
default = "web1"
[fleet.groups]
front = ["web1", "web2"]
[defaults.programs.app]
command = "a"
[defaults.programs.agent]
command = "x"
[hosts.web1]
address = "www.example.org"
[hosts.web2]
[hosts.both.programs.both]
command = "b"
"""
RELEASE = "20261124T042758Z-2a6e"


@pytest.fixture(autouse=True)
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "hosts.toml"
    path.write_text(SMALL)
    monkeypatch.setenv("POMS_INVENTORY", str(path))
    return path


def placed(*words: str) -> list[str]:
    """The command line as invoke gets it."""
    import tasks.releases  # noqa: F401 - which says which flag a word of theirs is

    program: Any = fabric.main.make_program()
    program.create_config()
    program.parse_core(["fab", *words])
    program.collection = collection(words)
    put_flags_for_words(program)
    return list(program.core.unparsed)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("deploy web1", "deploy --hosts=web1"),
        ("deploy web1 web2 --yes", "deploy --yes --hosts=web1,web2"),
        ("status front", "status --hosts=front"),
        ("status web1,web2 --json", "status --json --hosts=web1,web2"),
        ("rollback web1", "rollback --hosts=web1"),
        (f"rollback {RELEASE}", f"rollback --to={RELEASE}"),
        (f"rollback {RELEASE} --yes web1", f"rollback --yes --to={RELEASE} --hosts=web1"),
        (f"releases web2 {RELEASE}", f"releases --release={RELEASE} --hosts=web2"),
        ("restart-programs app", "restart-programs --programs=app"),
        ("stop-programs app agent web2", "stop-programs --programs=app,agent --hosts=web2"),
        ("start-programs web1", "start-programs --hosts=web1"),
        ("tail-logs app apache --lines 3 web1", "tail-logs --lines 3 --programs=app,apache --hosts=web1"),
        ("fetch-logs --to web1 web2", "fetch-logs --to web1 --hosts=web2"),
        ("deploy -i web1", "deploy -i web1"),
        ("deploy --identity web1", "deploy --identity web1"),
        ("deploy --ssh-config=web1 -t 3", "deploy --ssh-config=web1 -t 3"),
        ("stop-programs -p app web1", "stop-programs -p app --hosts=web1"),
        ("rollback -t web1", "rollback -t web1"),
        ("adopt web1 web2", "adopt web1 --hosts=web2"),
        ("trust web1", "trust web1"),
        ("trust web1 web2", "trust web1,web2"),
        ("-H web1 shell", "shell web1"),
        ("shell -H web1", "shell -H web1 web1"),
        ("lab.up one two", "lab.up --hosts=one,two"),
        ("check-apache status", "check-apache status"),
        ("deploy --yes", "deploy --yes"),
    ],
)
def test_a_word_with_one_meaning_becomes_a_flag(words: str, expected: str) -> None:
    assert placed(*words.split()) == expected.split()


@pytest.mark.parametrize(
    ("words", "said", "command"),
    [
        ("deploy wbe1", "Nearest host: web1", "fab deploy web1"),
        ("deploy poms@web1", "Nearest host: web1", "fab deploy web1"),
        ("status www.example.org:22", "Nearest host: web1", "fab status web1"),
        ("stop-programs ap", "Nearest program: app", "fab stop-programs app"),
        ("stop-programs boths", "Nearest: host both, program both", ""),
        ("restart-programs both", "a host and a program", "fab -H both restart-programs, or"),
        ("stop-programs app -pagent", "--programs also names programs", ""),
        ("stop-programs app -p agent", "--programs also names programs", ""),
        ("stop-programs app --programs=app", "--programs also names programs", ""),
        ("-H web1 deploy web2", "-H also names hosts", "fab -H web1,web2 deploy"),
        ("deploy web2 -H web1", "-H also names hosts", "fab -H web1,web2 deploy"),
        ("deploy web2 -Hweb1", "-H also names hosts", "fab -H web1,web2 deploy"),
        ("check-apache web1 status", "the host of every task", "fab -H web1 check-apache status"),
        ("-H web2 shell web1", "name different hosts", "fab shell web1"),
        (f"diff {RELEASE}", "looks like a release", f"fab diff --to={RELEASE}"),
        (f"rollback {RELEASE} {RELEASE}", "It takes hosts", ""),
        ("deploy --yes stattus", "Nearest task: status", "fab deploy --yes status"),
        ("hosts web1", "It takes no words", ""),
        ("lab.down web1", "It takes no words", ""),
    ],
)
def test_an_ambiguous_word_is_refused_with_the_right_command(words: str, said: str, command: str) -> None:
    with pytest.raises(Exit) as refused:
        placed(*words.split())
    told = str(refused.value.message)
    assert (refused.value.code, said in told, "Try: " in told) == (3, True, bool(command)), told
    assert command in told


@pytest.mark.parametrize(
    ("given", "nearest"),
    [
        ("poms@web1", "web1"),
        ("ssh://poms@WEB2:22", "web2"),
        ("web1:22", "web1"),
        ("[web1]:2222", "web1"),
        ("Web1", "web1"),
        ("FRONT", "front"),
        ("www.example.org", "web1"),
        ("web2.example.org", "web2"),
        ("wbe2", "web2"),
        ("web1 web2", "web1,web2"),
        ("nothing-like-it", ""),
        ("", ""),
        ("::1", ""),
    ],
)
def test_the_nearest_host(inventory: Path, given: str, nearest: str) -> None:
    assert read_inventory(inventory).nearest(given) == nearest


def test_the_shipped_inventory_has_no_host_of_a_tasks_name() -> None:
    known = read_inventory(PROJECT / "hosts.toml")
    assert not {*known.hosts, *known.fleet.groups} & {*collection([]).task_names}
