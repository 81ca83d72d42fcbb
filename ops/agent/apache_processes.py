"""The processes of the running Apache, as far as this account may see them."""

import os
import time

NAMES = ("httpd", "apache2")


def apache_read_at() -> "float | None":
    """When Apache last read its files, in seconds since 1970; None if this account cannot see that.

    Each child has the files that its parent had read when the child started. After a reload, old children may go on
    with a long request, and a child may start at any time, so the median counts.
    """
    processes = [found for found in map(_process, _numbers()) if found]
    parents = [pid for pid, name, _, _ in processes if name in NAMES and _is_first_of_host(pid)]
    starts = sorted(start for _, _, parent, start in processes if parents and parent == parents[0])
    if not starts:
        return None
    with open("/proc/uptime") as file:
        uptime = float(file.read().split()[0])
    middle = starts[(len(starts) + 1) // 2 - 1]
    return time.time() - uptime + middle / os.sysconf("SC_CLK_TCK")


def _numbers() -> "list[int]":
    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())


def _process(pid: int) -> "tuple[int, str, int, int] | None":
    """Process id, name, parent, start in clock ticks since boot; None if it has ended, or is hidden."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            before, _, after = file.read().rpartition(")")
        fields = after.split()
        return pid, before.partition("(")[2], int(fields[1]), int(fields[19])
    except (OSError, IndexError):
        return None


def _is_first_of_host(pid: int) -> bool:
    """Whether it is root's, as no trial start is, and not in a container, where it has another process id, too."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            lines = dict(line.split(":", 1) for line in file.read().splitlines() if ":" in line)
        return lines["Uid"].split()[1] == "0" and len(lines.get("NSpid", "0").split()) == 1
    except (OSError, LookupError):
        return False
