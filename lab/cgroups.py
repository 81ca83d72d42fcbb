"""A cgroup for each host whose first process is systemd, below the machine's own; it goes with the host."""

from collections.abc import Iterable
from pathlib import Path

from lab.place import Lab
from ops.errors import OperatorError


def make(lab: Lab, host: str) -> Path:
    """The host's cgroup, made now. Raises OperatorError on a machine without version 2 of cgroups."""
    machine = _machine()
    if machine is None:
        raise OperatorError(
            "A lab host with systemd needs version 2 of the kernel's cgroups, and this machine has not mounted it. "
            "The hosts of base bookworm and el8-like do without."
        )
    made = machine / _name(lab, host)
    made.mkdir(exist_ok=True)
    return made


def remove(lab: Lab, host: str) -> None:
    """Take away what the host has left, once its processes have ended."""
    machine = _machine()
    if machine:
        _remove(machine / _name(lab, host))


def remove_all(lab: Lab, but: Iterable[str]) -> None:
    """Take away the cgroups of this lab's hosts, except those of the hosts named."""
    machine, kept = _machine(), [_name(lab, host) for host in but]
    for left in machine.glob(_name(lab, "*")) if machine else ():
        if left.name not in kept:
            _remove(left)


def _name(lab: Lab, host: str) -> str:
    return f"{lab.bridge}-{host}"


def _machine() -> Path | None:
    """Where this machine has mounted version 2 of cgroups."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        kind, mount, *_ = line.split(" ")
        if kind == "cgroup2":
            return Path(mount)
    return None


def _remove(cgroup: Path) -> None:
    """Folders alone: what else is in there are the kernel's files, which go with them."""
    if cgroup.is_dir():
        for below in cgroup.iterdir():
            if below.is_dir():
                _remove(below)
        cgroup.rmdir()
