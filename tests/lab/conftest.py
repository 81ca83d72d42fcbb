"""One lab for all lab tests, separate from the developer's own lab; each test file starts from a deployed host."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import lab
from tests.lab.faults import KINDS, STATE, Bench, Row
from tests.lab.front import Front, furnished
from tests.lab.load import Load
from tests.lab.site import Site

NOT_SERVING = 2

# Slow files begin first, so that no worker runs one alone at the end.
LONG = (
    "test_soak.py",
    "test_hosts.py",
    "test_every_value.py",
    "test_faults.py",
    "test_fault_windows.py",
    "test_standby.py",
    "test_supervisord_facts.py",
    "test_limits.py",
    "test_transaction.py",
    "test_validation.py",
    "test_doctor.py",
    "test_through_apache.py",
    "test_switch.py",
    "test_maintenance.py",
    "test_way_back.py",
    "test_take_over.py",
    "test_deploy.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the slow files first."""
    place = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.path.name, len(LONG)))


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[lab.Lab]:
    """A lab with the two hosts of the production inventory."""
    made = lab.Lab(state=tmp_path_factory.mktemp("lab") / "state")
    lab.up(lab=made)
    yield made
    for line in shibd_ended(made):
        warnings.warn(line, stacklevel=1)  # shown at the end of a run; some tests end it on purpose
    lab.down(lab=made)


def shibd_ended(made: lab.Lab) -> list[str]:
    """The console lines of the lab's hosts about a shibd that ended, with its status; the lab starts it again."""
    consoles = made.hosts.glob("*/console.log")
    lines = [f"{path.parent.name}: {line}" for path in consoles for line in path.read_text().splitlines()]
    return [line for line in lines if "shibd ended" in line]


@pytest.fixture(scope="session")
def site(machine: lab.Lab) -> Site:
    """The lab as an operator's machine sees it; this fixture deploys nothing."""
    return Site(machine)


@pytest.fixture
def deployed(site: Site) -> Site:
    """pomsgpvm01 with the lab's inventory deployed and all programs running."""
    said = site.fab("-H", "pomsgpvm01", "deploy", "--yes", "--force")
    assert said.code in (0, NOT_SERVING), said.all  # a test may have left the web service stopped
    if set(site.program_states().values()) != {"RUNNING"}:
        site.fab("-H", "pomsgpvm01", "start-programs", check=True)
    return site


@pytest.fixture(scope="module")
def front(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """pomsgpvm01 deployed, with more CAs and a revocation list in its CA folder while a test file runs."""
    with furnished(site, tmp_path_factory.mktemp("clients")) as made:
        yield made


@pytest.fixture(scope="module")
def bench(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A deployed host whose deploys can be held at a step."""
    site.fab("-H", "pomsgpvm01", "deploy", "--yes", "--force", check=True)
    made = Bench.made(site, tmp_path_factory.mktemp("faults"))
    yield made
    made.site.root(KINDS["folder"])
    made.end()


@pytest.fixture
def small_disk(bench: Bench) -> Iterator[str]:
    """The host's state folder on a small disk of its own; shell text that fills that disk."""
    copy = "/home/poms/private/copy"
    used = int(bench.site.root(f"cp -a {STATE} {copy}; du -sk --apparent-size {copy}").split()[0])
    size = f"size={used + 4 * int(bench.site.root(f'find {copy} | wc -l')) + 512}k"  # and a page per file
    bench.site.root(f"mount -t tmpfs -o {size},mode=700,uid=1000,gid=1000 tmpfs {STATE}")
    bench.site.root(f"set -e; cp -a {copy}/. {STATE}; rm -rf {copy}")
    yield f"dd if=/dev/zero of={STATE}/filler bs=4k 2>/dev/null || :"
    bench.site.root(f"set -e; rm -f {STATE}/filler; cp -a {STATE} {copy}; umount -l {STATE}")
    bench.site.root(f"set -e; rm -rf {STATE}/*; cp -a {copy}/. {STATE}; rm -rf {copy}")


@pytest.fixture
def row(record_property: Callable[[str, object], None], request: pytest.FixtureRequest) -> Row:
    """Record a row of the table at the end of the run, in the tests' order."""
    place = request.session.items.index(request.node)

    def note(*columns: object) -> None:
        record_property("fault", (place, *columns))

    return note


@pytest.fixture
def load_row(record_property: Callable[[str, object], None]) -> Callable[[str, Load, float], None]:
    """Note a row of the table of loads: what was done, the load, and the seconds that it took."""

    def note(what: str, load: Load, took: float) -> None:
        record_property("load", load.row(what, took))

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables of the tests: faults, attacks on Apache's ports, loads, costs, hosts."""
    if not getattr(terminalreporter.config, "workerinput", None):
        print_fault_matrix(terminalreporter)
        print_attacks(terminalreporter)
        print_doors(terminalreporter)
        print_loads(terminalreporter)
        print_wire(terminalreporter)
        print_hosts(terminalreporter)


def recorded(terminalreporter: pytest.TerminalReporter, name: str, *outcomes: str) -> list[Any]:
    """The values that tests with these outcomes have recorded under that name."""
    reports = [report for outcome in outcomes for report in terminalreporter.stats.get(outcome, [])]
    return [value for report in reports for key, value in report.user_properties if key == name]


def print_fault_matrix(terminalreporter: pytest.TerminalReporter) -> None:
    """Print which faults happen at which step, and how they are repaired."""
    rows = [row[1:] for row in sorted(recorded(terminalreporter, "fault", "passed"))]
    if not rows:
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


def print_attacks(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many attacks there were on Apache's ports, and how many succeeded."""
    sieges = recorded(terminalreporter, "attacks", "passed", "failed")
    if sieges:
        terminalreporter.section("attacks on the front door")
    for of, rows in sieges:
        terminalreporter.write_line(f"{of}:")
        for door, protocol, cases, through in rows:
            terminalreporter.write_line(f"    {door:>5} {protocol:<8} {cases:5} cases, {through:4} got through")


def print_doors(terminalreporter: pytest.TerminalReporter) -> None:
    """Print who gets in at which door and location, and as whom."""
    rows = recorded(terminalreporter, "door", "passed", "failed")
    if rows:
        terminalreporter.section("who gets in where")
        for row in (("port and path", "who asks", "status", "the app is told"), ("---",) * 4, *rows):
            terminalreporter.write_line(f"| {' | '.join(map(str, row))} |")


def print_loads(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the result of the requests of a steady load during each change."""
    rows = recorded(terminalreporter, "load", "passed", "failed")
    if rows:
        terminalreporter.section("requests during changes")
        header = "| during | sent | failed | of these closed | slowest quick one | slowest slow one | it took |"
        for row in (header, "| --- |" + " --- |" * 6, *rows):
            terminalreporter.write_line(row)


def print_wire(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the network cost of each task."""
    rows = recorded(terminalreporter, "wire", "passed", "failed")
    if rows:
        terminalreporter.section("on the wire")
        for row in (("verb", "connections", "commands", "round trips"), ("---",) * 4, *rows):
            terminalreporter.write_line(f"| {' | '.join(map(str, row))} |")


def print_hosts(terminalreporter: pytest.TerminalReporter) -> None:
    """Print which task was tried on which base."""
    tried = recorded(terminalreporter, "host", "passed")
    failed = recorded(terminalreporter, "host", "failed")
    bases = list(dict.fromkeys(base for base, _ in [*tried, *failed]))
    if bases:
        terminalreporter.section("tasks on other bases")
        names = dict.fromkeys(name for _, name in [*tried, *failed])
        marks = (
            (name.removeprefix("test_").replace("_", " "), *_marks(name, bases, tried, failed)) for name in names
        )
        for row in (("task", *bases), ("---",) * (len(bases) + 1), *marks):
            terminalreporter.write_line(f"| {' | '.join(row)} |")


def _marks(name: str, bases: list[str], tried: list[Any], failed: list[Any]) -> list[str]:
    return [
        "failed" if (base, name) in failed else "passed" if (base, name) in tried else "not tried" for base in bases
    ]
