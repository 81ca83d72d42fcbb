"""One lab host: namespaces of its own, and a copy-on-write view of the shared root file system."""

import ipaddress
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from lab import cgroups, network, processes
from lab.base.table import BASES, DEFAULT
from lab.place import HERE, SERVICES, Lab
from ops.errors import OperatorError

NAMESPACES = ("--mount", "--uts", "--ipc", "--pid", "--net", "--fork")


@dataclass(frozen=True)
class Record:
    """The state of a host in `hosts/NAME/record.json`; `pid` 0: not started yet."""

    name: str
    address: str
    pid: int = 0  # of its first process, in the machine's namespace
    ticks: int = 0  # when that process started, since the pid may be reused
    launcher: int = 0  # the pid of the `unshare` that waits for it
    base: str = DEFAULT

    @property
    def server_name(self) -> str:
        """The host's name for browsers."""
        return f"{self.name}.poms.example"

    @property
    def running(self) -> bool:
        """Whether the host's first process runs."""
        return self.pid != 0 and processes.start_ticks(self.pid) == self.ticks


def folder(lab: Lab, name: str) -> Path:
    """The folder with all files of the host."""
    return lab.hosts / name


def read_records(lab: Lab) -> list[Record]:
    """All hosts of the lab, by address; the lab's services come last."""
    found = [Record(**json.loads(path.read_text())) for path in lab.hosts.glob("*/record.json")]
    return sorted(found, key=lambda record: ipaddress.ip_address(record.address))


def write_record(lab: Lab, record: Record) -> None:
    """Write the host's record, in one step."""
    path = folder(lab, record.name) / "record.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".new").write_text(json.dumps(asdict(record), indent=1) + "\n")
    path.with_suffix(".new").replace(path)


def start(lab: Lab, record: Record, base: Path) -> Record:
    """Start the host and record it; its files must be in `files`. Returns before its services answer."""
    home = folder(lab, record.name)
    for name in ("upper", "work", "root", "home"):
        (home / name).mkdir(exist_ok=True)
    (home / "base").unlink(missing_ok=True)
    (home / "base").symlink_to(base)
    cgroup = (cgroups.make(lab, record.name),) if BASES[record.base].systemd and record.name not in SERVICES else ()
    boot = ("sh", HERE / "guest/boot.sh", home, record.name, f"{record.address}/{network.PREFIX}", *cgroup)
    return launch(lab, record, NAMESPACES, boot)


def launch(lab: Lab, record: Record, namespaces: Sequence[str], boot: Sequence[object]) -> Record:
    """Start the host's first process in new namespaces, connect its network, record it, and let it continue.

    `boot` prints its pid and waits for a line; one of its arguments is the host's folder.
    """
    command = ("setsid", "--fork", "unshare", *namespaces, *map(str, boot))
    with (folder(lab, record.name) / "console.log").open("ab") as console:
        pipe = subprocess.PIPE
        launcher = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=console, text=True)
    assert launcher.stdin and launcher.stdout  # noqa: S101 - for mypy: both are pipes
    with launcher.stdin, launcher.stdout:
        said = launcher.stdout.readline()
        launcher.wait()
        ticks = processes.start_ticks(int(said)) if said.strip() else None
        if ticks is None:
            raise OperatorError(f"The lab host {record.name} did not start.\n{console_tail(lab, record.name)}")
        pid = int(said)
        started = replace(record, pid=pid, ticks=ticks, launcher=processes.parent(pid) or 0)
        network.plug_in(lab, ipaddress.IPv4Address(record.address), pid)
        write_record(lab, started)
        launcher.stdin.write("go\n")
    return started


def stop(lab: Lab, record: Record) -> None:
    """End the host: with its first process the kernel ends all others, and removes its mounts and network."""
    if record.running:
        os.kill(record.pid, signal.SIGKILL)
        gone = wait_until(lambda: processes.start_ticks(record.pid) is None, seconds=20)
        gone = gone and wait_until(lambda: not _is_launcher(record.launcher), seconds=5)
        if not gone:
            raise OperatorError(f"The lab host {record.name} (pid {record.pid}) does not end.")
    cgroups.remove(lab, record.name)
    shutil.rmtree(folder(lab, record.name))


def end_unrecorded(lab: Lab) -> None:
    """End hosts of this lab without a record: `up` was killed before it wrote one, or the state was deleted."""
    known = {record.launcher for record in read_records(lab)}
    for launcher in processes.with_arguments("unshare", f"{lab.hosts}/"):
        if launcher not in known:
            for first in processes.children(launcher):
                os.kill(first, signal.SIGKILL)
            wait_until(lambda pid=launcher: not _is_launcher(pid), seconds=20)  # type: ignore[misc] # a loop's value, bound
    cgroups.remove_all(lab, {record.name for record in read_records(lab)})


def console_tail(lab: Lab, name: str) -> str:
    """The last lines on the host's console."""
    path = folder(lab, name) / "console.log"
    return "\n".join(path.read_text(errors="replace").splitlines()[-20:]) if path.exists() else ""


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Test the condition every 10 ms, for so many seconds; whether it holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def _is_launcher(pid: int) -> bool:
    try:
        name = (processes.PROC / str(pid) / "comm").read_text()
    except OSError:
        return False
    return name == "unshare\n" and processes.start_ticks(pid) is not None
