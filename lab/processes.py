"""Processes of this machine, identified by pid and start time, and by their pid namespace."""

import os
from collections import Counter
from pathlib import Path

PROC = Path("/proc")


def start_ticks(pid: int) -> int | None:
    """When the process was started (clock ticks since boot); None if it is gone or a zombie."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the command's name may hold anything
    return None if fields[0] in ("Z", "X") else int(fields[19])


def parent(pid: int) -> int | None:
    """The pid of the parent; None if the process is gone."""
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[1])


def children(pid: int) -> list[int]:
    """The pids of the process's children."""
    try:
        return [int(child) for child in (PROC / f"{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def with_arguments(program: str, beginning: str) -> list[int]:
    """The pids of the running processes of `program` with an argument that begins with `beginning`."""
    found = []
    for folder in PROC.iterdir():
        try:
            arguments = (folder / "cmdline").read_text(errors="replace").split("\0") if folder.name.isdigit() else []
        except OSError:
            continue
        if arguments[:1] == [program] and any(argument.startswith(beginning) for argument in arguments):
            found.append(int(folder.name))
    return found


def started_at(ticks: int) -> float:
    """A start time in ticks as seconds since the epoch."""
    boot = next(line for line in (PROC / "stat").read_text().splitlines() if line.startswith("btime"))
    return int(boot.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")


def names_in_namespace_of(pid: int) -> dict[str, int]:
    """The number of processes of each name in the pid namespace of `pid`."""
    own = (PROC / str(pid) / "ns/pid").readlink()
    found: Counter[str] = Counter()
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                if (folder / "ns/pid").readlink() == own and start_ticks(int(folder.name)) is not None:
                    found[(folder / "comm").read_text().strip()] += 1
            except OSError:
                continue
    return dict(sorted(found.items()))
