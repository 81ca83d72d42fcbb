"""One lab for all lab tests, apart from a lab that somebody has up; each test file starts from a deployed host."""

from collections.abc import Iterator

import pytest

import lab
from tests.lab.site import Site


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[lab.Lab]:
    """A lab with the two hosts of the production inventory."""
    made = lab.Lab(state=tmp_path_factory.mktemp("lab") / "state")
    lab.up(lab=made)
    yield made
    lab.down(lab=made)


@pytest.fixture(scope="session")
def site(machine: lab.Lab) -> Site:
    """The lab as an operator's machine sees it; nothing is deployed by this fixture."""
    return Site(machine)


@pytest.fixture
def deployed(site: Site) -> Site:
    """pomsgpvm01 with the lab's inventory deployed, whatever tests before did to it."""
    site.fab("-H", "pomsgpvm01", "deploy", "--yes", "--force", check=True)
    site.fab("-H", "pomsgpvm01", "start-programs", check=True)
    return site


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the fault matrix as the tests found it."""
    passed = terminalreporter.stats.get("passed", [])
    rows = [value for report in passed for name, value in report.user_properties if name == "fault"]
    if not rows or getattr(terminalreporter.config, "workerinput", None):
        return
    header = (
        "what goes wrong",
        "at step",
        "may write",
        "healed by the host itself",
        "by the next command",
        "then it is",
    )
    terminalreporter.section("fault matrix")
    for row in (header, ("---",) * len(header), *((*row[:5], "as before" if row[5] else "deployed") for row in rows)):
        terminalreporter.write_line(f"| {' | '.join(row)} |")
