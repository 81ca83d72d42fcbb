"""What is done: operations and their disturbances, drawn by a seed; operation N of a seed is always the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TypeVar

from tests.soak.versions import BROKEN, VERSIONS, Version

Choice = TypeVar("Choice")

# Weights: how often each is drawn.
TASKS = {
    "deploy": 10,
    "deploy-broken": 2,
    "rollback": 3,
    "recover": 1,
    "reload-uwsgi": 2,
    "restart-programs": 2,
    "reload-programs": 1,
    "reload-apache": 1,
}
SECOND = {"deploy": 4, "rollback": 2, "reload-uwsgi": 2, "restart-programs": 2, "recover": 1, "diff": 1, "status": 1}
FAULTS: dict[str, float] = {
    "kill-fab": 4,
    "kill-script": 4,
    "cut-line": 3,
    "power-cut": 4,
    "edit": 5,
    "fill-disk": 2,
    "permission": 2,
    "restart-apache": 2,
    "slow-import": 2,
    "hang-import": 0.5,
}
FROM_THE_BEGIN = ("slow-import", "hang-import")
# The steps of a deploy at which something may go wrong, as ops/deploy/transaction.py names them.
STEPS = ("stage", "keep", "prove", "look", "swap", "configtest", "reload-apache", "check", "verdict", "commit")
AT_A_STEP = 0.5  # how often it happens at a step, and else at any moment
SELDOM = 0.4  # of the one Apache value beside the other: changes of Apache take longest
RECOVERS = 0.3  # how often somebody types recover before the next deploy
ON_DISKS = ("fill-disk",)  # what needs a disk of the host's own
HOW_MANY = {0: 3, 1: 12, 2: 5}
TWO_AT_ONCE = 0.2  # how often a second task is started meanwhile


@dataclass(frozen=True)
class Task:
    """A task of fab, with the inventory that it is given; `force` overwrites hand edits."""

    name: str
    inventory: str
    force: bool = False

    @property
    def words(self) -> list[str]:
        """What is typed behind fab."""
        name = self.name.removesuffix("-broken")
        asks = name in ("deploy", "rollback", "restart-programs")
        return [name, *(["--yes"] if asks else []), *(["--force"] if self.force else [])]

    def __str__(self) -> str:
        return f"{' '.join(self.words)} ({self.inventory})"


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong at `at`, where 1 is as long as its task takes here; `lasts` in seconds.

    With a `step`, it does `at` seconds after the task has come to it, or to its end. `where` and `how` say what
    exactly, by kind (faults.py).
    """

    kind: str
    at: float
    lasts: float = 0
    where: str = ""
    how: str = ""
    step: str = ""

    def __str__(self) -> str:
        words = (self.kind, self.where, self.how, f"for {self.lasts} s" if self.lasts else "")
        return " ".join(word for word in words if word)

    @property
    def when(self) -> str:
        """Its moment, for a reader."""
        return f"{self.at} s after {self.step}" if self.step else f"at {self.at}"


@dataclass(frozen=True)
class Operation:
    """One operation: a task, perhaps a second one that is started `second_at`, faults, and the deploy behind it.

    `recovers`: somebody types `fab recover` before that deploy.
    """

    number: int
    task: Task
    second: Task | None
    second_at: float
    faults: tuple[Fault, ...]
    then: Version
    recovers: bool

    def __str__(self) -> str:
        words = [str(self.task)]
        if self.second:
            words.append(f"and {self.second} at {self.second_at}")
        return "; ".join([*words, *(f"{fault} {fault.when}" for fault in self.faults)])


def draw(seed: int, number: int, *, disks: bool = True) -> Operation:
    """Operation `number` of a seed; without disks of the host's own what needs them is not drawn."""
    random = Random(f"{seed}/{number}")
    task = _task(random, TASKS)
    second = _task(random, SECOND) if random.random() < TWO_AT_ONCE else None
    second_at = _moment(random)
    known = {kind: weight for kind, weight in FAULTS.items() if disks or kind not in ON_DISKS}
    faults = [_fault(random, _weighted(random, known)) for _ in range(_weighted(random, HOW_MANY))]
    if task.name in ("deploy", "rollback"):
        faults = [_at_a_step(random, fault) if random.random() < AT_A_STEP else fault for fault in faults]
    then, recovers = _version(random), random.random() < RECOVERS
    return Operation(number, task, second, second_at, tuple(faults), then, recovers)


def _task(random: Random, weights: Mapping[str, float]) -> Task:
    name = _weighted(random, weights)
    inventory = str(_version(random))
    if name == "deploy-broken":
        inventory = random.choice(sorted(BROKEN))
    return Task(name, inventory, name in ("deploy", "rollback") and random.random() < 0.4)


def _version(random: Random) -> Version:
    return random.choices(VERSIONS, [SELDOM if version.apache == 2 else 1 for version in VERSIONS])[0]


def _fault(random: Random, kind: str) -> Fault:
    at = _moment(random)
    if kind == "kill-script":
        return Fault(kind, at, how=random.choice(("all", "all", "oldest", "newest")))
    if kind == "cut-line":
        return Fault(kind, at, lasts=_between(random, 1, 12))
    if kind == "power-cut":
        return Fault(kind, at, how=random.choice(("cron", "cron", "no-cron")))
    if kind == "edit":
        where = random.choice(("ssl.conf", "cert_ssl.conf", "uwsgi-service.ini", "supervisord.conf"))
        return Fault(kind, at, where=where, how=random.choice(("in-place", "by-rename")))
    if kind == "fill-disk":
        return Fault(kind, at, lasts=_between(random, 1, 15), where=random.choice(("home", "conf.d")))
    if kind == "permission":
        return Fault(kind, at, lasts=_between(random, 1, 8), where=random.choice(("conf.d", "state", "config")))
    if kind in FROM_THE_BEGIN:
        return Fault(kind, 0, how=str(_between(random, 1, 6)) if kind == "slow-import" else "3600")
    return Fault(kind, at)


def _at_a_step(random: Random, fault: Fault) -> Fault:
    if fault.kind in FROM_THE_BEGIN:
        return fault
    return replace(fault, at=_between(random, 0, 1), step=random.choice(STEPS))


def _moment(random: Random) -> float:
    return round(random.uniform(0, 1.1), 2)


def _between(random: Random, least: float, most: float) -> float:
    return round(random.uniform(least, most), 1)


def _weighted(random: Random, weights: Mapping[Choice, float]) -> Choice:
    kinds: Sequence[Choice] = list(weights)
    return random.choices(kinds, list(weights.values()))[0]
