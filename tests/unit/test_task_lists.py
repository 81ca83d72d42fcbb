"""What the pages list of the tasks is what the tasks themselves say and do."""

import re
from typing import Any

import pytest

from ops.errors import BadInput
from ops.inventory.loader import Inventory
from ops.project import PROJECT
from tasks._registry import MODULES, collection
from tests.unit.conftest import Fab

TASKS = {one.name.replace("_", "-"): " ".join((one.__doc__ or "").split()) for one in collection([]).tasks.values()}
GUIDE = (PROJECT / "docs/guide/README.md").read_text()
NEEDED = {
    "maintenance": ["off"],
    "run": ["true"],
    "adopt": ["/etc/httpd/conf.d/ssl.conf"],
    "uninstall": ["v1"],
}
OTHERS = {"compare", "hosts", "import", "init", "shell", "trust"}  # of no host, or of one that must be named


def test_registry_knows_every_task() -> None:
    assert {name for names in MODULES.values() for name in names} == {*TASKS, "lab.up", "lab.down", "lab.status"}


def test_inventory_page_lists_the_tasks_for_all_hosts() -> None:
    (listed,) = re.findall(r"Tasks that change nothing \(([^)]*)\)", (PROJECT / "docs/inventory.md").read_text())
    of_all = {name for name, text in TASKS.items() if "Without -H: all hosts" in text}
    assert set(re.findall(r"`([\w-]+)`", listed)) == of_all


def test_guide_lists_the_tasks_that_end_with_code_2() -> None:
    (row,) = re.findall(r"^\| 2 \|(.*)$", GUIDE, re.MULTILINE)
    assert set(re.findall(r"`([\w-]+)`", row)) == {name for name, text in TASKS.items() if "xit code 2" in text}


@pytest.mark.parametrize("name", sorted(TASKS.keys() - OTHERS))
def test_help_says_where_a_task_goes_without_host(name: str, fab: Fab, monkeypatch: pytest.MonkeyPatch) -> None:
    goes: list[bool] = []

    def choose(_: Inventory, given: str | None, *, everywhere: bool) -> Any:
        goes.append(everywhere)
        raise BadInput("nowhere")

    monkeypatch.setattr(Inventory, "choose", choose)
    done = fab(name, *NEEDED.get(name, []))
    assert (done.returncode, len(goes)) == (3, 1), done
    assert ("Without -H: all hosts" if goes[0] else "Without -H: the default host") in TASKS[name]


@pytest.mark.parametrize("name", sorted(TASKS))
def test_a_page_of_the_guide_shows_every_task(name: str) -> None:
    pages = [path.read_text() for path in (PROJECT / "docs/guide").glob("*.md")]
    assert any(re.search(rf"fab (?:-H \S+ )?{re.escape(name)}\b", page) for page in pages)
