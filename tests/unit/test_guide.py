"""Every command in README and the guide is one that fab or make knows; a test runs it, or a reason is given."""

import re
import shlex
from collections.abc import Callable
from typing import Any

import fabric.main
import pytest

from ops.inventory.loader import read_inventory
from ops.logs.catalog import names_of
from ops.project import PROJECT
from tests import guide
from tests.guide import NOT_RUN, PAGES, RUNS, Command, commands

COMMANDS = {each.text: each for each in commands()}
FAB = [each for each in COMMANDS.values() if each.words[0] == "fab"]
INVENTORY = read_inventory(PROJECT / "hosts.toml")
PLACEHOLDER = re.compile("[A-Z]+")
Parsed = tuple[str, dict[str, Any]]


@pytest.fixture
def parse(monkeypatch: pytest.MonkeyPatch) -> Callable[[Command], tuple[str, list[Parsed]]]:
    """What fab understands: the value of -H, and each task with its flags."""

    def read(command: Command) -> tuple[str, list[Parsed]]:
        program = fabric.main.make_program()
        monkeypatch.setattr(fabric.main, "program", program)
        monkeypatch.chdir(PROJECT)
        known = {"HOST": "pomsgpvm01", "NAME": "poms_webservice"}
        words = [known.get(word, re.sub(r"=N$", "=2", word)) for word in command.words]
        program.create_config()
        program.parse_core(words)
        program.parse_collection()
        program.parse_tasks()
        found = [(each.name, {name: arg.value for name, arg in each.args.items()}) for each in program.tasks]
        return program.core[0].args.hosts.value or "", found

    monkeypatch.delenv("POMS_INVENTORY", raising=False)
    return read


@pytest.mark.parametrize("command", FAB, ids=lambda command: command.text)
def test_fab_knows_the_task_its_flags_and_the_host(
    command: Command, parse: Callable[[Command], tuple[str, list[Parsed]]]
) -> None:
    if "--" in command.words:  # fab's own, and no task
        return
    hosts, tasks = parse(command)
    if "--list" in command.words:
        return
    if "--help" not in command.words:
        assert len(tasks) == 1, command
    named = [*hosts.split(","), *(str(tasks[0][1]["host"]) for _ in tasks[:1] if tasks[0][1].get("host"))]
    for name in filter(None, named):
        assert PLACEHOLDER.fullmatch(name) or INVENTORY.choose(name, everywhere=False), command
    for _, flags in tasks:
        for name in filter(None, str(flags.get("programs") or "").split(",")):
            known = names_of(INVENTORY.choose("pomsgpvm01", everywhere=False)[0])
            assert PLACEHOLDER.fullmatch(name) or name in known, command


def test_make_knows_the_target() -> None:
    targets = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert {each.words[1] for each in COMMANDS.values() if each.words[0] == "make"} <= set(targets)


def test_guide_commands_are_all_run_or_excused() -> None:
    """One that is new goes into RUNS of tests/guide.py with its exit code, or into NOT_RUN with a reason."""
    assert not RUNS.keys() & NOT_RUN.keys()
    assert {*RUNS, *NOT_RUN} == set(COMMANDS)
    assert guide.CHANGES_FROM in RUNS


def test_the_index_names_every_page_and_no_link_leads_nowhere() -> None:
    index = (PROJECT / "docs/guide/README.md").read_text()
    for page in PAGES[1:]:
        assert page.name == "README.md" or f"({page.name})" in index, page
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / link).exists(), (page, link)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("    fab status           every host", ["fab status"]),
        ("    fab releases, fab rollback      the way back", ["fab releases", "fab rollback"]),
        ("    rm -rf .venv && make setup     the packages", ["make setup"]),
        ("    $ fab -H a deploy --yes", ["fab -H a deploy --yes"]),
        ("see `fab\ndoctor`, or `fab status \\| head`; `x`", ["fab doctor", "fab status"]),
        ("```\nfab diff\n```", ["fab diff"]),
        ("    A=b fab diff", ["A=b fab diff"]),
        ("    fab: no command\nfab is a tool, `fabric` too", []),
    ],
)
def test_commands_are_found(text: str, found: list[str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.md").write_text(text)
    monkeypatch.setattr(guide, "PAGES", [tmp_path / "page.md"])
    assert [each.text for each in commands()] == found
    assert all(shlex.split(each) for each in found)
