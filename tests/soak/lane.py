"""One host, on which operations run one after the other, each followed by a deploy that nothing disturbs."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ops.errors import OperatorError
from tests.soak.advice import as_account, read_advice
from tests.soak.command import Command
from tests.soak.edits import Edits
from tests.soak.faults import Faults, Happened
from tests.soak.host import STATE, SoakHost
from tests.soak.invariants import (
    check_answers,
    check_command,
    check_files,
    check_left,
    check_services,
    deployed_versions,
    is_of,
    task_processes,
)
from tests.soak.plan import Operation, Task
from tests.soak.trace import Trace, Violation
from tests.soak.versions import APP, HOST, IMPORT_SECONDS, LIMIT, VERSIONS, Catalog, Version, make_catalog
from tests.soak.witness import Answer, Watch, Witness

ENDS_WITHIN = 240  # seconds for a task, disturbances and a busy machine included
SETTLES_WITHIN = LIMIT + 90  # seconds for what a task leaves: the limit, and what it takes to roll back
SERVES_WITHIN = 90  # seconds in which the app is back
NOT_SERVING = 2  # fab's exit code of a deploy that is done, where the web service does not serve
STEPS = 6  # of advice that are followed
SHARE = {"deploy": 1.0, "rollback": 1.0, "deploy-broken": 0.8}  # of a deploy's time that a task takes; others: 0.4
LEFT = "unchanged: everything"


@dataclass(frozen=True)
class Ran:
    """One operation that has run."""

    operation: Operation
    happened: Happened
    violations: list[Violation]
    trace: list[str]
    answers: int
    unanswered: int


@dataclass
class Lane:
    """A host and what is known of it: the version that it runs, and the edits that no release keeps yet."""

    host: SoakHost
    catalog: Catalog
    log: Path
    now: Version
    deploy_seconds: float
    edits: Edits = field(default_factory=Edits)
    printed: str = ""
    unusable: bool = False  # not even by hand it came back to a known state

    @classmethod
    def made(cls, folder: Path, log: Path) -> "Lane":
        """Bring a host up and deploy to it; take the time that a deploy takes."""
        host = SoakHost.made(folder / "state")
        try:
            host.site.root(f"cat >/home/poms/poms/soak_app.py <<'END'\n{APP}END\necho 0 >{IMPORT_SECONDS}", HOST)
            (folder / "inventories").mkdir()
            catalog = make_catalog(host.site, folder / "inventories")
            lane = cls(host, catalog, log, VERSIONS[0], 0)
            lane._deploy_undisturbed(VERSIONS[0])
            begun = time.monotonic()
            lane._deploy_undisturbed(VERSIONS[-1])
            lane.deploy_seconds = time.monotonic() - begun
        except BaseException:
            host.end()
            raise
        return lane

    def _deploy_undisturbed(self, version: Version) -> None:
        words = ("-H", HOST, "deploy", "--yes", "--force")
        self.host.site.fab(*words, inventory=self.catalog.inventories[str(version)], check=True)
        self.now = version

    # ---- one operation -------------------------------------------------------------------------------------------

    def run(self, operation: Operation) -> Ran:
        """Carry the operation out, ask what must hold, deploy undisturbed, ask again."""
        trace = Trace(self.log, f"{operation.number:4}")
        trace(f"operation {operation.number} on {self.now}: {operation}")
        watch = Watch(Witness(self.host.site), trace)
        faults = Faults(self.host, operation, self.deploy_seconds * SHARE.get(operation.task.name, 0.4), trace)
        try:
            violations = self._disturbed(operation, faults, trace)
            seen = len(watch.answers)
            violations += self._afterwards(operation, faults, trace)
        finally:
            answers = watch.end()
        allowed = self._possible(operation)
        violations += check_answers(answers[:seen], allowed, "during the operation")
        if violations:
            for violation in violations:
                trace(f"VIOLATION: {violation}")
            self._describe(trace)
        self._follow_up(operation, trace, violations)
        unanswered = sum(not answer.serves for answer in answers)
        return Ran(operation, faults.happened, violations, trace.lines, len(answers), unanswered)

    def _possible(self, operation: Operation) -> set[Version]:
        """The versions that may be served while the operation runs."""
        found = {self.now}
        for task in (operation.task, *([operation.second] if operation.second else [])):
            if task.name == "rollback":
                return set(VERSIONS)
            found |= {version for version in VERSIONS if str(version) == task.inventory}
        return found

    def _start(self, task: Task, trace: Callable[[str], None]) -> Command:
        return Command(self.host.site, task, self.catalog.inventories[task.inventory], trace)

    def _disturbed(self, operation: Operation, faults: Faults, trace: Trace) -> list[Violation]:
        """Run its tasks under its faults; what they must not do. Leaves the host as they left it."""
        faults.before()
        begun = time.monotonic()
        self._commands = [self._start(operation.task, trace)]
        faults.start(lambda: self._commands)
        if operation.second:
            self._commands[0].wait(begun + operation.second_at * faults.scale - time.monotonic())
            self._commands.append(self._start(operation.second, trace))
        violations: list[Violation] = []
        for command in self._commands:
            if not command.wait(max(1.0, begun + ENDS_WITHIN - time.monotonic())):
                violations.append(Violation("wait", f"{command.task} has not ended after {ENDS_WITHIN} s"))
                self._describe(trace)
                command.kill()
                command.wait(10)
            violations += check_command(command)
            self.printed += command.text + "\n"
        try:
            faults.end()
        except OperatorError as error:
            violations.append(Violation("boot", f"the host does not come up again: {error}"))
        self.edits.open += faults.happened.edits
        return violations

    def _afterwards(self, operation: Operation, faults: Faults, trace: Trace) -> list[Violation]:
        """What must hold before anybody does anything else."""
        violations: list[Violation] = []
        if not _within(SETTLES_WITHIN, lambda: not self.host.is_locked() and not task_processes(self.host)):
            left = "; ".join(process.command[:160] for process in task_processes(self.host))
            held = "and the lock is held" if self.host.is_locked() else ""
            violations.append(Violation("left after the limit", f"{left} {held}"))
        faults.let_import()
        wanted = self._must_be(operation)
        trace(f"  settled; it must be {wanted or 'of one version'}")
        in_place = any(fault.kind == "permission" and fault.where == "conf.d" for fault in operation.faults)
        violations += check_files(self.host, self.catalog, wanted, in_place=in_place)
        violations += self._check_edits()
        return violations + self._check_served(wanted, faults.happened)

    def _must_be(self, operation: Operation) -> Version | None:
        """The version that its task has left, where it said so and was alone; None where either is possible."""
        command = self._commands[0]
        if operation.second or command.killed:
            return None
        if command.code == 0 and operation.task.name == "deploy":
            return next(version for version in VERSIONS if str(version) == operation.task.inventory)
        if operation.task.name not in ("deploy", "rollback", "recover"):
            return self.now
        return self.now if LEFT in command.text else None

    def _check_served(self, wanted: Version | None, happened: Happened) -> list[Violation]:
        """The host serves; what it serves is what its files say, but for what it knows to be pending."""
        if self.host.is_pending or happened.down:
            return []
        if not Witness(self.host.site).serves_within(SERVES_WITHIN):
            burst = Witness(self.host.site).burst(1)
            return [Violation("service", f"does not serve, and nothing is pending: {'; '.join(map(str, burst))}")]
        if self.host.content(f"{STATE}/owed") or self._edits_in_files():
            return []
        allowed = {wanted} if wanted else deployed_versions(self.host, self.catalog)
        return check_answers(self._burst(), allowed, "after the operation")

    def _burst(self) -> list[Answer]:
        return Witness(self.host.site).burst(8)

    def _edits_in_files(self) -> bool:
        return any(b"# soak-edit " in (self.host.content(path) or b"") for path in self.catalog.paths)

    def _check_edits(self) -> list[Violation]:
        return [Violation("edit", problem) for problem in self.edits.lost(self.host, self.printed)]

    # ---- the deploy behind it ------------------------------------------------------------------------------------

    def _follow_up(self, operation: Operation, trace: Trace, violations: list[Violation]) -> None:
        """Deploy as its messages advise, until it is deployed, and ask whether all is as it must be then."""
        before, version = len(violations), operation.then
        first = Task("recover" if operation.recovers else "deploy", str(version))
        if not self._deploy_as_advised(first, version, trace, violations):
            for violation in violations[before:]:
                trace(f"VIOLATION: {violation}")
            self._describe(trace)
            self._repair(version, trace)
            return
        self.now = version
        violations += check_files(self.host, self.catalog, version, in_place=False)
        violations += check_answers(self._burst(), {version}, f"after {version} was deployed")
        _within(SETTLES_WITHIN, lambda: not check_left(self.host))
        violations += check_left(self.host)
        _within(SERVES_WITHIN, lambda: not check_services(self.host, version))
        violations += check_services(self.host, version)
        violations += self._check_edits()
        if not Witness(self.host.site).serves_within(SERVES_WITHIN, lambda answer: is_of(answer, {version})):
            violations.append(Violation("service", "does not serve after a deploy that succeeded"))
        if violations[before:]:
            for violation in violations[before:]:
                trace(f"VIOLATION: {violation}")
            self._describe(trace)
            self._repair(version, trace)

    def _deploy_as_advised(self, task: Task, version: Version, trace: Trace, violations: list[Violation]) -> bool:
        for _ in range(STEPS):
            served = Witness(self.host.site).serves()
            command = self._start(task, trace)
            if not command.wait(ENDS_WITHIN):
                violations.append(Violation("wait", f"undisturbed, {task} has not ended after {ENDS_WITHIN} s"))
                self._describe(trace)
                command.kill()
                return False
            violations += check_command(command)
            self.printed += command.text + "\n"
            if served and command.code == 0 and not Witness(self.host.site).serves_within(SERVES_WITHIN):
                violations.append(Violation("service", f"{task} ended with 0, and what served before does not"))
            if command.code == 0 and task.name == "deploy":
                return True
            if command.code == 0:
                if names := [name for name in self.host.leftovers() if "/standby." not in name]:
                    violations.append(Violation("left over", f"after {task}: {', '.join(names)}"))
                task = Task("deploy", str(version), task.force)
                continue
            if command.code == NOT_SERVING:  # what the disturbance has ended is started again
                Witness(self.host.site).serves_within(SERVES_WITHIN)
                continue
            step = read_advice(command.text, force=task.force)
            if step is None:
                break
            if not step.names_a_cause:
                violations.append(Violation("next deploy", f"fails undisturbed: {command.lines[-4:]}"))
            if step.wait:
                _within(SETTLES_WITHIN, lambda: not self.host.is_locked())
            if step.shell:
                trace(f"# {step.shell}")
                self.host.site.poms(as_account(step.shell), HOST)
            task = Task(step.task or "deploy", str(version), step.force)
        violations.append(Violation("next deploy", f"does not come through with {STEPS} steps as advised"))
        return False

    # ---- after a violation ---------------------------------------------------------------------------------------

    def _describe(self, trace: Trace) -> None:
        """Note what the host looks like."""
        host = self.host
        trace("  the account's processes:")
        for process in host.processes():
            trace(f"    {process.pid:6} {process.parent:6} {process.command[:150]}")
        trace(f"  {STATE}:")
        for path in sorted(host.files_below(STATE)):
            name = "/" + str(path).partition("/root/")[2]
            if "/releases/" not in name and "/objects/" not in name:
                trace(f"    {name.removeprefix(STATE)}")
        for name in ("pending/journal", "pending/meta", "pending/reloads", "owed", "lock"):
            for line in (host.content(f"{STATE}/{name}") or b"").decode(errors="replace").splitlines():
                trace(f"    {name}: {line}")
        for line in (host.content(f"{STATE}/pending/log") or b"").decode(errors="replace").splitlines()[-30:]:
            trace(f"    pending/log: {line}")

    def _repair(self, version: Version, trace: Trace) -> None:
        """Bring the host to a known state by hand, so that later operations say something."""
        trace("  repaired by hand")
        self.edits.open.clear()
        shells = r"pkill -9 -u poms -f 'head -c .*eval|ops.agent.main|standby|trial'"
        for attempt in range(3):
            self.host.site.root(f"{shells}; sleep 1; cd {STATE} && rm -rf pending* incoming.* standby.*", HOST)
            self.host.site.root("find /etc/httpd/conf.d /home/poms -name '.*.poms-ops-*' -delete", HOST)
            if attempt:
                self.host.power_cut()
                self.host.start_supervisord()
            command = self._start(Task("deploy", str(version), force=True), trace)
            if command.wait(ENDS_WITHIN) and command.code == 0 and not check_left(self.host):
                self.now = version
                return
            command.kill()
        trace("  which failed")
        self.unusable = True


def _within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Wait until it holds; whether it does within that time."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def count_kinds(ran: list[Ran]) -> Counter[str]:
    """How often each kind of task and fault happened."""
    counts: Counter[str] = Counter()
    for one in ran:
        counts[one.operation.task.name] += 1
        if one.operation.second:
            counts["two tasks at once"] += 1
        counts.update(f"fault: {fault.kind}" for fault in one.operation.faults if fault.kind in one.happened.struck)
        counts["power cuts that lost unsynced writes"] += one.happened.lost_writes
    return counts
