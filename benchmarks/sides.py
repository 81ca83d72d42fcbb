"""The sides: what each is called with for a case, and how its output shows that it has looked at all four files."""

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cases import Case
from benchmarks.runs import Run
from ops.deploy.drift import SAME

HERE = Path(__file__).resolve().parent
VENVS = HERE / ".venvs"
MITOGEN = "lib/python*/site-packages/ansible_mitogen/plugins/strategy"
SSH_AT_ONCE = 50


@dataclass(frozen=True)
class Side:
    """One side: its command for a case, and a pattern that its output has so many times where all was well."""

    name: str
    command: Callable[[Case], list[str]]
    proof: Callable[[Case], tuple[str, int]]

    def did_it(self, case: Case, run: Run) -> bool:
        """Whether the run ended well, looked at every file of every host and changed none."""
        pattern, times = self.proof(case)
        return run.code == 0 and len(re.findall(pattern, run.output)) == times


def _fab(case: Case) -> list[str]:
    """What only looks goes to all hosts of the inventory."""
    verb = ["deploy", "--yes"] if case.verb == "deploy" else [case.verb]
    return [str(Path(sys.executable).with_name("fab")), "--search-root", str(HERE.parent), *verb]


def _fab_proof(case: Case) -> tuple[str, int]:
    if case.verb == "deploy":
        return r"nothing to do; all 4 files are up to date", 1
    return rf"\b{SAME}\b", 4 * len(case.records)


def _ssh(case: Case) -> list[str]:
    ssh = ["ssh", "-F", "ssh_config"]
    if len(case.records) == 1:
        return [*ssh, case.records[0].name, "true"]
    return ["xargs", "-a", "names", "-P", str(SSH_AT_ONCE), "-I{}", *ssh, "{}", "true"]


def _pyinfra(_: Case) -> list[str]:
    return [str(VENVS / "pyinfra/bin/pyinfra"), "-y", "inventory.py", "deploy.py"]


def _ansible(_: Case) -> list[str]:
    return [str(VENVS / "ansible/bin/ansible-playbook"), "-i", "hosts.ini", "playbook.yml"]


def _mitogen(_: Case) -> list[str]:
    plugins = next((VENVS / "mitogen").glob(MITOGEN))
    strategy = ["env", "ANSIBLE_STRATEGY=mitogen_linear", f"ANSIBLE_STRATEGY_PLUGINS={plugins}"]
    return [*strategy, str(VENVS / "mitogen/bin/ansible-playbook"), "-i", "hosts.ini", "playbook.yml"]


def _recap(case: Case) -> tuple[str, int]:
    return r"(?m)ok=4 +changed=0 +unreachable=0 +failed=0", len(case.records)


SIDES = (
    Side("ssh", _ssh, lambda _: (r"\A\Z", 1)),
    Side("fab", _fab, _fab_proof),
    Side("pyinfra", _pyinfra, lambda case: (r"Grand total +{0} +- +- +{0} ".format(4 * len(case.records)), 1)),
    Side("mitogen", _mitogen, _recap),
    Side("ansible", _ansible, _recap),
)


def environment(place: Path, home: Path) -> dict[str, str]:
    """The same for every side: a home of its own, no agent, nothing of the operator's settings."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "POMS_INVENTORY": str(place / "hosts.toml"),
        "ANSIBLE_CONFIG": str(place / "ansible.cfg"),
    }
