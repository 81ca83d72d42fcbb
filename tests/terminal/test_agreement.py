"""The question before a change, on a real terminal: what is shown, by which pager, and what each answer does."""

import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from ops.project import PROJECT

# Hosts a to d; of the words behind, each is what a host's file is to be. Hosts are "changed" by a word on the screen.
PROGRAM = textwrap.dedent(
    """
    import sys
    from ops.deploy import transaction
    from ops.deploy.releases import Release
    from ops.deploy.transaction import Outcome
    from tasks._confirm import Agreement
    from tasks._apply import Consent, carry_out_plan
    from tasks._rollout import change_rolling
    from tasks._task import task
    from tests.unit.hosts import host
    from tests.unit.test_plan_view import plan

    def carry_out(remote, plan, release, tell):
        print(f"CHANGED {plan.host.name}.")
        return Outcome("r1", [], [], [])

    transaction.carry_out = carry_out
    plans = {name: plan(name, ssl=("old\\n", eval(text))) for name, text in zip("abcd", sys.argv[1:])}
    consent = Consent(agreement=Agreement(list(plans)))

    @task()
    def change(context):
        def one(host):
            return carry_out_plan(None, plans[host.name], Release("r", "me"), consent)
        return change_rolling([host(name=name) for name in plans], one, yes=False, parallel=1)

    from invoke.exceptions import Exit
    try:
        change(__import__("invoke").Context())
    except Exit as end:
        sys.exit(end.code)
    """
)
SHORT, OTHER, LONG = "'new\\n'", "'newer\\n'", "''.join(f'line{n};\\n' for n in range(100))"
Ask = Callable[..., "pexpect.spawn[str]"]


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    """Hosts that would get these files, on a terminal of 24 lines; `pager` is $PAGER."""
    running: list[pexpect.spawn[str]] = []

    def start(*texts: str, pager: str | None = None, **more: str) -> "pexpect.spawn[str]":
        environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "PAGER")}
        environment |= {"TERM": "xterm", "LANG": "C.UTF-8", "PYTHONPATH": str(PROJECT), "HOME": str(tmp_path)} | more
        environment |= {} if pager is None else {"PAGER": pager}
        given: dict[str, Any] = {
            "cwd": str(PROJECT),
            "env": environment,
            "encoding": "utf-8",
            "dimensions": (24, 100),
        }
        running.append(pexpect.spawn(sys.executable, ["-c", PROGRAM, *texts], timeout=30, **given))
        return running[-1]

    yield start
    for one in running:
        one.close()


def end(terminal: "pexpect.spawn[str]") -> tuple[int | None, list[str], str]:
    """The exit code, which hosts were changed since the last answer, and what was said."""
    terminal.expect(pexpect.EOF)
    terminal.close()
    return terminal.exitstatus, re.findall(r"CHANGED (\w)\.", terminal.before), terminal.before


def answer(terminal: "pexpect.spawn[str]", host: str, word: str) -> str:
    """Answer the question about this host; what was said before it."""
    terminal.expect(f"Do this to {host}\\?[^\\[]*\\[[^]]*\\] ")
    before = str(terminal.before)
    terminal.sendline(word)
    return before


@pytest.mark.parametrize(("word", "code", "changed"), [("y", 0, ["a"]), ("yes", 0, ["a"]), ("n", 1, []), ("", 1, [])])
def test_answer_yes_applies_to_one_host(ask: Ask, word: str, code: int, changed: list[str]) -> None:
    terminal = ask(SHORT)
    before = answer(terminal, "a", word)
    assert before.index("+1 -1") < before.index("then Apache") < before.index("+new")
    assert "/a" not in terminal.after, "nobody follows"
    assert end(terminal)[:2] == (code, changed)


def test_invalid_answer_repeats_prompt(ask: Ask) -> None:
    terminal = ask(SHORT)
    answer(terminal, "a", "a")
    answer(terminal, "a", "yep")
    answer(terminal, "a", "y")
    assert end(terminal)[:2] == (0, ["a"])


def test_answer_all_applies_only_to_hosts_with_same_diff(ask: Ask) -> None:
    terminal = ask(SHORT, SHORT, OTHER, SHORT)
    answer(terminal, "a", "a")
    before = answer(terminal, "c", "y")
    assert re.findall(r"CHANGED (\w)\.", before) == ["a", "b"]
    assert "+newer" in before
    assert before.count("+new\x1b") == 0, "the diff of b is that of a"
    assert end(terminal)[:2] == (0, ["c", "d"])


def test_second_all_adds_hosts_and_answer_no_stops_run(ask: Ask) -> None:
    terminal = ask(SHORT, OTHER, OTHER, "'third\\n'")
    answer(terminal, "a", "y")
    answer(terminal, "b", "a")
    assert re.findall(r"CHANGED (\w)\.", answer(terminal, "d", "n")) == ["b", "c"]
    code, changed, said = end(terminal)
    assert (code, changed) == (1, [])
    assert re.search(r"d +\x1b\[[^m]*mnot done", said)


def test_ctrl_c_at_prompt_stops_and_reports_each_host(ask: Ask) -> None:
    terminal = ask(SHORT, SHORT, SHORT)
    answer(terminal, "a", "y")
    terminal.expect("Do this to b")
    terminal.sendintr()
    code, changed, said = end(terminal)
    assert (code, changed) == (130, [])
    assert re.search(r"a +committed", said)
    assert "not tried" in said
    assert "Traceback" not in said


def test_long_diff_opens_in_less_before_prompt(ask: Ask) -> None:
    terminal = ask(LONG)
    terminal.expect("\\+100 -1")
    terminal.expect("line10;")
    assert "Do this" not in terminal.before
    assert "\x1b[32m" in terminal.before, "in colours"
    terminal.send("G")
    terminal.expect("line99;")
    terminal.send("q")
    answer(terminal, "a", "y")
    assert end(terminal)[:2] == (0, ["a"])


def test_ctrl_c_in_pager_changes_nothing(ask: Ask) -> None:
    terminal = ask(LONG, LONG)
    terminal.expect("line10;")
    terminal.sendintr()
    code, changed, said = end(terminal)
    assert (code, changed) == (130, [])
    assert "not tried" in said
    assert "Traceback" not in said
    assert "Do this" not in said


def test_operator_pager_is_used_in_secure_mode(ask: Ask, tmp_path: Path) -> None:
    pager = tmp_path / "my pager"
    pager.write_text(f'#!/bin/sh\n{{ echo "$1 $LESSSECURE $LESSOPEN"; cat; }} >{tmp_path}/read\n')
    pager.chmod(0o755)
    answer(terminal := ask(LONG, pager=f"'{pager}' -x", LESSOPEN="|evil"), "a", "y")
    assert end(terminal)[:2] == (0, ["a"])
    first, *rest = (tmp_path / "read").read_text().splitlines()
    assert first.split() == ["-x", "1"]
    assert len([line for line in rest if "line" in line]) == 100


@pytest.mark.parametrize("pager", ["", "false", "cat", "no-format"])
def test_diff_is_printed_if_pager_fails(ask: Ask, tmp_path: Path, pager: str) -> None:
    (tmp_path / "no-format").write_bytes(b"\0")
    (tmp_path / "no-format").chmod(0o755)
    pager = str(tmp_path / pager) if pager == "no-format" else pager
    before = answer(terminal := ask(LONG, pager=pager), "a", "y")
    assert "line99;" in before
    assert end(terminal)[:2] == (0, ["a"])


@pytest.mark.parametrize("pager", ["no-such-pager", "/dev/null", "'unbalanced"])
def test_less_replaces_missing_pager(ask: Ask, pager: str) -> None:
    terminal = ask(LONG, pager=pager)
    terminal.expect("line10;")
    terminal.send("q")
    answer(terminal, "a", "n")
    assert end(terminal)[:2] == (1, [])


def test_diff_is_printed_without_pager_or_on_dumb_terminal(ask: Ask, tmp_path: Path) -> None:
    for environment in ({"PATH": str(tmp_path)}, {"TERM": "dumb"}):
        before = answer(terminal := ask(LONG, **environment), "a", "n")
        assert "line99;" in before
        assert end(terminal)[:2] == (1, [])
