"""The processes of the running Apache, as far as this account may see them."""

import os
import time

from ops.agent.host_processes import processes, read_bytes, uptime_ticks

NAMES = ("httpd", "apache2")


def apache_parent() -> int:
    """The process id of Apache's first process; 0 if none is seen. A trial start of ours is not root's."""
    return next((found.pid for found in processes() if found.name in NAMES and _is_first_of_host(found.pid)), 0)


def child_starts() -> "list[int]":
    """The start of each of Apache's children in clock ticks since boot, the oldest first."""
    parent = apache_parent()
    return sorted(found.start for found in processes() if parent and found.parent == parent)


def apache_read_at() -> "float | None":
    """When Apache last read its files, in seconds since 1970; None if this account cannot see that.

    Each child has the files that its parent had read when the child started. After a reload, old children may go on
    with a long request, and a child may start at any time, so the median counts.
    """
    starts = child_starts()
    if not starts:
        return None
    return time.time() - (uptime_ticks() - starts[(len(starts) + 1) // 2 - 1]) / os.sysconf("SC_CLK_TCK")


def _is_first_of_host(pid: int) -> bool:
    """Whether it is root's, and not in a container, where it has another process id, too."""
    lines = dict(
        line.split(":", 1)
        for line in read_bytes(f"/proc/{pid}/status").decode("utf-8", "replace").splitlines()
        if ":" in line
    )
    return lines.get("Uid", "x x").split()[1] == "0" and len(lines.get("NSpid", "0").split()) == 1
