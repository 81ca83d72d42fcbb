"""The standbys, second uWSGIs that serve while the first one reloads, by their records in the state folder.

A standby is its own session, led by a keeper that starts and ends it. The file standby.KEEPER names both by process
id and start time, which identify a process; standby.KEEPER.end exists after it was told to end, and holds when.
Source: proc(5); credentials(7) on sessions; include/net/tcp_states.h.
"""

import os
import time

from ops.agent.host_processes import is_process, numbers, process, read_bytes, sockets_of
from ops.agent.service_messages import StandbyState

ESTABLISHED, LISTENING = "01", "0A"  # in /proc/net/tcp
UNIX_CONNECTED, UNIX_LISTENS = "03", "00010000"  # the state and the flags in /proc/net/unix


class Record:
    """One record: `began`, `mercy` and `life` in seconds; `runs`: whether one of its processes does."""

    def __init__(self, path: str) -> None:
        self.path = path
        fields = read_bytes(path).decode("utf-8", "replace").split()
        self.boot, *rest = fields if len(fields) == 8 else ["", *["0"] * 7]
        numbers_ = [int(field) if field.isdigit() else 0 for field in rest]
        self.keeper, self.keeper_start, self.master, self.master_start, self.began, self.mercy, self.life = numbers_

    @property
    def runs(self) -> bool:
        """Whether its keeper or its master runs, since the same boot."""
        this_boot = read_bytes("/proc/sys/kernel/random/boot_id").decode().strip()
        if self.boot != this_boot:
            return False
        return is_process(self.keeper, self.keeper_start) or is_process(self.master, self.master_start)

    @property
    def seconds_left(self) -> int:
        """Until it ends by itself at the latest."""
        told = read_bytes(f"{self.path}.end").strip()
        end = int(told) if told.isdigit() else self.began + self.life
        return max(0, end + self.mercy - int(time.time()))


def record_paths(state_dir: str) -> "list[str]":
    """The records' files, those of standbys that have ended included."""
    try:
        names = sorted(os.listdir(state_dir))
    except OSError:
        return []
    return [os.path.join(state_dir, name) for name in names if name.startswith("standby.") and name[8:].isdigit()]


def records(state_dir: str) -> "list[Record]":
    """The records of running standbys."""
    return [record for record in map(Record, record_paths(state_dir)) if record.runs]


def standbys(state_dir: str) -> "list[StandbyState]":
    """The running standbys."""
    return [
        StandbyState(
            pid=record.master,
            age=max(0, int(time.time()) - record.began),
            requests=requests_of(record.keeper),
            seconds_left=record.seconds_left,
        )
        for record in records(state_dir)
    ]


def requests_of(session: int) -> int:
    """The number of requests in progress of the processes of a session.

    The kernel knows it: they hold the sockets that the app listens on, and each request is a connection to one of
    them. An ending uWSGI reports nothing itself.
    """
    held: set[str] = set()
    for pid in numbers():
        found = process(pid)
        if found and found.session == session:
            held.update(link[len("socket:[") : -1] for link in sockets_of(pid))
    listening, connected = set(), []
    for fields in _lines("/proc/net/tcp") + _lines("/proc/net/tcp6"):
        port = fields[1].rpartition(":")[2]
        if fields[9] in held and fields[3] == LISTENING:
            listening.add(port)
        elif fields[9] in held and fields[3] == ESTABLISHED:
            connected.append(port)
    for fields in _lines("/proc/net/unix"):
        if len(fields) > 7 and fields[6] in held:
            if fields[3] == UNIX_LISTENS:
                listening.add(fields[7])
            elif fields[5] == UNIX_CONNECTED:
                connected.append(fields[7])
    return sum(place in listening for place in connected)


def _lines(path: str) -> "list[list[str]]":
    return [line.split() for line in read_bytes(path).decode("utf-8", "replace").splitlines()[1:]]
