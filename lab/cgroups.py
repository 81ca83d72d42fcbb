"""A cgroup for each host whose first process is systemd; it is removed with the host."""

from collections.abc import Iterable
from pathlib import Path

from lab.place import Lab
from ops.errors import OperatorError


def make(lab: Lab, host: str) -> Path:
    """Make the host's cgroup. Raises OperatorError on a machine without cgroups version 2."""
    machine = _machine()
    if machine is None:
        raise OperatorError(
            "A lab host with systemd needs cgroups version 2, which this machine has not mounted. "
            "Hosts of the bases bookworm and el8-like do not need it."
        )
    made = machine / _name(lab, host)
    made.mkdir(exist_ok=True)
    return made


def remove(lab: Lab, host: str) -> None:
    """Remove the host's cgroup, after its processes have ended."""
    machine = _machine()
    if machine:
        _remove(machine / _name(lab, host))


def remove_all(lab: Lab, but: Iterable[str]) -> None:
    """Remove the cgroups of this lab's hosts, except those of the hosts in `but`."""
    machine, kept = _machine(), [_name(lab, host) for host in but]
    for left in machine.glob(_name(lab, "*")) if machine else ():
        if left.name not in kept:
            _remove(left)


def _name(lab: Lab, host: str) -> str:
    return f"{lab.bridge}-{host}"


def _machine() -> Path | None:
    """Where this machine has mounted cgroups version 2; None if it has not."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        kind, mount, *_ = line.split(" ")
        if kind == "cgroup2":
            return Path(mount)
    return None


def _remove(cgroup: Path) -> None:
    """Remove the folders; the files in them are the kernel's, and disappear with their folders."""
    if cgroup.is_dir():
        for below in cgroup.iterdir():
            if below.is_dir():
                _remove(below)
        cgroup.rmdir()
