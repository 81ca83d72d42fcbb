"""What each verb costs on the line: SSH connections, commands on the host and round trips, counted outside of it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.host import folder
from ops.project import PROJECT
from tests.lab.counted import Counted, counting
from tests.lab.site import Said, Site

ALL = bool(os.environ.get("POMS_TEST_ALL"))
DELAYED, COUNTED = "127.18.7.1", "127.18.7.2"  # this machine's own: the host 20 ms away, and the counter
COMMANDS = "/home/poms/commands"  # a line for each that sshd has started
FILES = (
    "/home/poms/supervisord.conf",
    "/home/poms/private/config/poms/uwsgi-service.ini",
    "/etc/httpd/conf.d/ssl.conf",
    "/etc/httpd/conf.d/cert_ssl.conf",
)
Cost = tuple[int, int, int]
# The most that a verb may cost: SSH connections, commands on the host, round trips, one more than was ever seen.
# `ssh host true` itself takes nine or ten (the last row of the table that is printed).
ONE = (1, 1, 8)
LIMITS = {
    "deploy --yes": ONE,
    "diff": ONE,
    "drift": ONE,
    "status": ONE,
    "workers": ONE,
    "releases": ONE,
    "certs": ONE,
    "doctor": ONE,
    "check-apache": ONE,
    "tail-logs": ONE,
    "fetch-logs --to=FOLDER": ONE,
    "restart-programs --programs=poms_joblog_agent": ONE,
    "reload-programs": ONE,
    "recover": ONE,
}
if ALL:  # the same scripts once more, which take their time
    LIMITS |= dict.fromkeys(("start-programs", "start-supervisord"), ONE)
    LIMITS |= dict.fromkeys(("reload-uwsgi", "reload-apache", "restart-apache"), ONE)
CHANGE = 6  # round trips that a deploy may take beyond those of one that finds nothing to do: two more than usual


@dataclass(frozen=True)
class Wire:
    """A site whose pomsgpvm01 is reached through the counting proxy alone."""

    site: Site
    counted: Counted
    home: Path
    inventory: Path

    def fab(self, *words: str) -> tuple[Said, Cost]:
        """What fab said, and what it cost."""
        self.site.root(f": > {COMMANDS}")
        self.counted.clear()
        said = self.site.fab("-H", "pomsgpvm01", *words, inventory=self.inventory, home=self.home)
        return said, self.cost()

    def cost(self) -> Cost:
        """Connections, commands and round trips since they were cleared."""
        commands = int(self.site.root(f"wc -l < {COMMANDS}"))
        return self.counted.connections, commands, self.counted.round_trips

    @contextmanager
    def follow(self) -> Iterator[Callable[[], Cost]]:
        """A quiet program's log is followed; gives what that has cost so far, once its first line is there."""
        self.counted.clear()
        words = ("-H", "pomsgpvm01", "tail-logs", "--follow", "--lines=1", "--programs=supervisord")
        with self.site.start(*words, inventory=self.inventory, home=self.home) as running:
            assert running.stdout
            assert running.stdout.readline()
            time.sleep(1)
            try:
                yield self.cost
            finally:
                running.send_signal(signal.SIGINT)
                running.communicate(timeout=30)


@pytest.fixture(scope="module")
def wire(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """Deployed; the login shell notes each command that sshd starts, for it reads .bashrc once for each."""
    site.fab("-H", "pomsgpvm01", "deploy", "--yes", "--force", check=True)
    site.fab("-H", "pomsgpvm01", "start-programs", check=True)
    home, address = tmp_path_factory.mktemp("operator"), site.address()
    proxy = [sys.executable, "-m", "benchmarks.proxy", "20", f"{DELAYED}={address}"]
    with (
        subprocess.Popen(proxy, cwd=PROJECT, stdout=subprocess.PIPE) as delaying,
        counting((COUNTED, 22), (DELAYED, 2222)) as counted,
        counting((COUNTED, 443), (address, 443)),  # the checks from outside are not counted
        counting((COUNTED, 8443), (address, 8443)),
    ):
        assert delaying.stdout
        assert delaying.stdout.readline() == b"ready\n"
        (home / ".ssh").mkdir()
        key = (folder(site.lab, "pomsgpvm01") / "files/etc/ssh/ssh_host_ed25519_key.pub").read_text()
        (home / ".ssh/config").write_text(f"Host {address}\n  HostName {COUNTED}\n")
        inventory = site.changed(home)
        known = home / "known_hosts"
        known.write_text(f"{COUNTED} {key}")
        inventory.write_text(inventory.read_text().replace(str(site.lab.known_hosts), str(known)))
        site.poms(f"cp $HOME/.bashrc $HOME/.bashrc.kept; echo 'echo x >> {COMMANDS}' >> $HOME/.bashrc")
        site.poms(f": > {COMMANDS}")
        try:
            yield Wire(site, counted, home, inventory)
        finally:
            site.poms(f"mv $HOME/.bashrc.kept $HOME/.bashrc; rm -f {COMMANDS}")
            delaying.terminate()


def note(record_property: Callable[[str, object], None], what: str, cost: Cost) -> None:
    """For the table (conftest.py)."""
    record_property("wire", (what, *cost))


def test_each_task_stays_within_its_round_trip_limits(
    wire: Wire, record_property: Callable[[str, object], None]
) -> None:
    beyond = {}
    for verb, limits in LIMITS.items():
        for _ in range(3):  # a busy machine splits what is said
            said, cost = wire.fab(*verb.replace("FOLDER", str(wire.home)).split())
            assert said.code == 0, said.all
            if is_within := all(spent <= limit for spent, limit in zip(cost, limits, strict=True)):
                break
        note(record_property, verb, cost)
        if not is_within:
            beyond[verb] = cost
    assert beyond == {}


def test_full_deploy_costs_few_more_round_trips_than_empty(
    wire: Wire, record_property: Callable[[str, object], None]
) -> None:
    nothing = wire.fab("deploy", "--yes")[1]
    costs: list[Cost] = []
    while not costs or (costs[-1][2] > nothing[2] + CHANGE and len(costs) < 3):  # a busy machine splits what is said
        for path in FILES:
            wire.site.root(f"echo '# by hand' >> {path}")
        said, cost = wire.fab("deploy", "--yes", "--force")
        assert said.code == 0, said.all
        assert said.out.count("-# by hand") == len(FILES)
        costs.append(cost)
    note(record_property, "deploy of four files", costs[-1])
    assert costs[-1][:2] == (1, 2)
    assert costs[-1][2] <= nothing[2] + CHANGE, (nothing, costs)


if ALL:  # it takes two deploys

    def test_rollback_costs_three_queries_and_one_change(
        wire: Wire, record_property: Callable[[str, object], None]
    ) -> None:
        inventory = wire.inventory.read_text()
        wire.inventory.write_text(inventory.replace("threads = 10", "threads = 9"))
        try:
            assert wire.fab("deploy", "--yes")[0].code == 0
        finally:
            wire.inventory.write_text(inventory)
        said, cost = wire.fab("rollback", "--yes")
        assert said.code == 0, said.all
        note(record_property, "rollback", cost)
        assert all(spent <= limit for spent, limit in zip(cost, (1, 4, 20), strict=True)), cost


def test_idle_connection_costs_no_round_trip(wire: Wire) -> None:
    """What the counts above leave out is what they say: without that, each second beat of the host's would count."""
    with wire.follow() as costs:
        first = costs()
        time.sleep(7)  # two beats of ours and of the host's
        assert costs()[2] == first[2]


def test_plain_ssh_command_is_counted(wire: Wire, record_property: Callable[[str, object], None]) -> None:
    wire.site.root(f": > {COMMANDS}")
    wire.counted.clear()
    known = f"UserKnownHostsFile={wire.home}/known_hosts"
    key = str(wire.site.lab.identity_file)
    words = ["ssh", "-F", "none", "-o", known, "-i", key, f"poms@{COUNTED}", "true"]
    subprocess.run(words, check=True, env=wire.site.environment())
    note(record_property, "ssh host true", wire.cost())
    assert wire.cost()[:2] == (1, 1)
    assert wire.cost()[2] >= 5, "the counter counts"
