"""The memory of uWSGI's workers, and the free memory of this host. Source: proc(5)."""

import os

from ops.agent.host_processes import numbers, read_bytes


def memory_of(file: str) -> "tuple[int, int]":
    """The memory of the largest process with `file` in its command, and the free memory, in kB."""
    name, most = os.fsencode(file), 0
    for pid in numbers():
        if pid != os.getpid() and name in read_bytes(f"/proc/{pid}/cmdline"):
            most = max(most, _kilobytes(f"/proc/{pid}/status", b"VmRSS:"))
    return most, _kilobytes("/proc/meminfo", b"MemAvailable:")


def _kilobytes(path: str, key: bytes) -> int:
    """The number of a line of one of the kernel's files."""
    words = [line.split() for line in read_bytes(path).splitlines() if line.startswith(key)]
    return int(words[0][1]) if words else 0
