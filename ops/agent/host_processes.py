"""The processes of this host, as the kernel shows them to this account. Source: proc(5)."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


class Process:
    """One process; `start` is in clock ticks since boot."""

    def __init__(self, pid: int, name: str, fields: "list[str]") -> None:
        self.pid = pid
        self.name = name
        self.state = fields[0]
        self.parent, self.group, self.session = map(int, fields[1:4])
        self.start = int(fields[19])


def read_bytes(path: str) -> bytes:
    """The content of a file; empty if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def process(pid: int) -> "Process | None":
    """One process; None if it has ended, is a zombie, or is hidden."""
    before, _, after = read_bytes(f"/proc/{pid}/stat").decode("utf-8", "replace").rpartition(")")
    fields = after.split()
    if len(fields) < 20 or fields[0] == "Z":
        return None
    return Process(pid, before.partition("(")[2], fields)


def numbers() -> "list[int]":
    """The process ids that this account may see, the lowest first."""
    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())


def processes() -> "Iterator[Process]":
    """All processes that this account may see."""
    return (found for found in map(process, numbers()) if found)


def is_own(pid: int) -> bool:
    """Whether a process is of this account."""
    try:
        return os.stat(f"/proc/{pid}").st_uid == os.geteuid()
    except OSError:
        return False


def is_process(pid: int, start: int) -> bool:
    """Whether process `pid` runs and is the one that started at `start`: an id may be used again."""
    found = process(pid)
    return found is not None and found.start == start


def words_of(pid: int) -> "list[str]":
    """The words of its command."""
    return os.fsdecode(read_bytes(f"/proc/{pid}/cmdline")).split("\0")[:-1]


def environment_of(pid: int) -> "dict[str, str]":
    """The variables that it was started with; empty if this account may not see them."""
    pairs = os.fsdecode(read_bytes(f"/proc/{pid}/environ")).split("\0")
    return dict(pair.split("=", 1) for pair in pairs if "=" in pair)


def folder_of(pid: int) -> str:
    """Its working directory; "/" if this account may not see it."""
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return "/"


def sockets_of(pid: int) -> "list[str]":
    """The sockets that it has open, each as "socket:[INODE]"; none if this account may not see them."""
    found = []
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    except OSError:
        pass
    return [link for link in found if link.startswith("socket:[")]


def sees_others() -> bool:
    """Whether this account sees the processes of others: /proc may be mounted with hidepid."""
    return bool(read_bytes("/proc/1/stat"))


def uptime_ticks() -> int:
    """Clock ticks since boot."""
    return int(float(read_bytes("/proc/uptime").split()[0]) * os.sysconf("SC_CLK_TCK"))


def age_of(found: Process) -> int:
    """Seconds since it started."""
    return max(0, (uptime_ticks() - found.start) // os.sysconf("SC_CLK_TCK"))
