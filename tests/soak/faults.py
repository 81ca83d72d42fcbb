"""Make go wrong what was drawn, at its moment, and end it again."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Thread

from ops.deploy.transcript import STEPS
from tests.soak import disks
from tests.soak.command import Command
from tests.soak.edits import Edit, line_for, make_edit
from tests.soak.host import CONF_D, CONFIG, HOME, STATE, SoakHost
from tests.soak.invariants import task_processes
from tests.soak.plan import FROM_THE_BEGIN, Fault, Operation
from tests.soak.versions import IMPORT_SECONDS

EDITED = {
    "ssl.conf": f"{CONF_D}/ssl.conf",
    "cert_ssl.conf": f"{CONF_D}/cert_ssl.conf",
    "uwsgi-service.ini": f"{CONFIG}/uwsgi-service.ini",
    "supervisord.conf": f"{HOME}/supervisord.conf",
}
# A folder, and its modes and owners: flipped, and as they are.
FLIPPED = {
    "conf.d": (CONF_D, "chown root:root $F; chmod 755 $F", "chown root:poms $F; chmod 2775 $F"),
    "state": (STATE, "chmod 500 $F", "chmod 700 $F"),
    "config": (CONFIG, "chmod 500 $F", "chmod 750 $F"),
}
SCRIPTS = "-u poms -f 'head -c .*eval|ops.agent.main'"  # the agent of a task, and the shell that started it
KILLED = {
    "all": f"pkill -e -9 {SCRIPTS} || :",
    "oldest": f"pkill -e -9 -o {SCRIPTS} || :",
    "newest": f"pkill -e -9 -n {SCRIPTS} || :",
}


@dataclass
class Happened:
    """What came of the faults: how often each struck, whether disks lost writes, the edits that were made."""

    struck: list[str] = field(default_factory=list)
    lost_writes: int = 0
    edits: list[Edit] = field(default_factory=list)

    @property
    def killed_script(self) -> bool:
        """Whether what ran on the host may have died without a word."""
        return "kill-script" in self.struck or "power-cut" in self.struck

    @property
    def down(self) -> bool:
        """Whether the host booted without supervisord."""
        return "no-cron" in self.struck


class Faults:
    """Those of one operation, each in a thread of its own."""

    def __init__(self, host: SoakHost, operation: Operation, scale: float, note: Callable[[str], None]) -> None:
        self.happened = Happened()
        self._host, self._operation, self._note = host, operation, note
        self.scale = scale
        self._threads: list[Thread] = []
        self._failed: list[BaseException] = []

    def before(self) -> None:
        """What is so from the begin on."""
        for fault in self._operation.faults:
            if fault.kind in FROM_THE_BEGIN:
                self._strike(fault)
                self._host.run(f"echo {fault.how} >{IMPORT_SECONDS}")

    def start(self, commands: Callable[[], list[Command]]) -> None:
        """Have each happen at its moment; `commands` are those that have been started by then."""
        begun = time.monotonic()
        for place, fault in enumerate(self._operation.faults):
            if fault.kind in FROM_THE_BEGIN:
                continue
            thread = Thread(target=self._run, args=(fault, place, begun, commands), daemon=True)
            self._threads.append(thread)
            thread.start()

    def end(self) -> None:
        """Wait until all have happened and ended. Raises what went wrong with the faults themselves."""
        for thread in self._threads:
            thread.join()
        if self._failed:
            raise self._failed[0]

    def let_import(self) -> None:
        """The app's import takes no time any more."""
        self._host.run(f"echo 0 >{IMPORT_SECONDS}")

    def _run(self, fault: Fault, place: int, begun: float, commands: Callable[[], list[Command]]) -> None:
        task = commands()[0]
        while task.code is None and not self._is_due(fault, task, begun):
            time.sleep(0.02)
        if fault.step:
            time.sleep(fault.at)
        try:
            self._happen(fault, place, commands)
        except BaseException as error:  # noqa: BLE001 - for the thread that waits
            self._failed.append(error)

    def _is_due(self, fault: Fault, task: Command, begun: float) -> bool:
        """Whether its moment has come, while the task runs; else it comes with the task's end."""
        if fault.step:
            return STEPS[fault.step] in task.text
        return time.monotonic() >= begun + fault.at * self.scale

    def _last(self, seconds: float, commands: Callable[[], list[Command]]) -> None:
        """Wait so long, or until nothing is left that the fault could disturb."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.2)
            if all(command.code is not None for command in commands()) and not task_processes(self._host):
                return

    def _strike(self, fault: Fault) -> None:
        self._note(f"! {fault}")
        self.happened.struck += [fault.kind, fault.how]

    def _happen(self, fault: Fault, place: int, commands: Callable[[], list[Command]]) -> None:
        host = self._host
        if fault.kind == "kill-fab":
            for command in [command for command in commands() if command.code is None][-1:]:
                self._strike(fault)
                command.kill()
        elif fault.kind == "edit":
            self._edit(fault, place)
        elif fault.kind == "power-cut":
            self._strike(fault)
            lost = host.power_cut()
            self._note(f"  the host is up again; its disks lost {'unsynced writes' if lost else 'nothing'}")
            self.happened.lost_writes += lost
            if fault.how == "cron":
                host.start_supervisord()
        elif fault.kind == "cut-line":
            self._strike(fault)
            with host.line_down():
                self._last(fault.lasts, commands)
            self._note("  the line is mended")
        elif fault.kind == "kill-script":
            if killed := host.run(KILLED[fault.how]):
                self._strike(fault)
                self._note("  " + ", ".join(killed.splitlines()))
        elif fault.kind == "restart-apache":
            self._strike(fault)
            host.run("service httpd restart || :")
        elif fault.kind == "fill-disk":
            self._strike(fault)
            self._fill(fault, commands)
        elif fault.kind == "permission":
            self._strike(fault)
            folder, flip, back = FLIPPED[fault.where]
            host.run(f"F={folder}; {flip}")
            self._last(fault.lasts, commands)
            host.run(f"F={folder}; {back}")
            self._note("  the permission is as before")

    def _edit(self, fault: Fault, place: int) -> None:
        with self._host.power:
            edit = make_edit(self._host, EDITED[fault.where], fault.how, line_for(self._operation.number, place))
        if edit:
            self._strike(fault)
            self.happened.edits.append(edit)

    def _fill(self, fault: Fault, commands: Callable[[], list[Command]]) -> None:
        folder = disks.FOLDERS[fault.where]
        with self._host.power:
            disks.fill(self._host.at(folder))
        self._last(fault.lasts, commands)
        with self._host.power:
            disks.free(self._host.at(folder))
        self._note("  the disk has space again")
