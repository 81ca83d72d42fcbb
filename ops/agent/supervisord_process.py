"""Which supervisord is ours where its socket does not answer, and the programs that a killed one left running.

Ours is a process of this account that is bound to our socket, or was started with our file; another supervisord of
the account is ignored. Source: supervisor/http.py, which binds SOCKET.PID and then links it to SOCKET;
supervisor/options.py.
"""

import os
import re
import time

from ops.agent.host_processes import (
    environment_of,
    folder_of,
    is_own,
    numbers,
    process,
    read_bytes,
    sockets_of,
    words_of,
)
from ops.agent.service_messages import SupervisordState
from ops.agent.supervisord_login import settings
from ops.agent.supervisord_socket import ask_pid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.service_messages import SupervisordPlace

LISTENS = 0x10000  # __SO_ACCEPTCON among the flags of /proc/net/unix
SECONDS = 6.0  # for one that is only starting, or was only ending
WITHOUT_VALUE = "hnstvk"  # supervisord's short options that take none
NAME = re.compile(r"supervisord(-?[0-9.]+)?(\.py)?\Z")
PYTHON = re.compile(r"(platform-)?(python|pypy)")


def state_without_socket(place: "SupervisordPlace") -> "SupervisordState | None":
    """Nobody answers on our socket; does a supervisord of ours run all the same? None if one answers now."""
    end = time.monotonic() + SECONDS
    while True:
        ours = [pid for pid in own_processes() if program_at(words_of(pid)) is not None and _has_our_file(place, pid)]
        for pid in [holder(place), *ours]:
            bound = [_as_named(path) for path in _listens_on(pid)] if pid else []
            if any(_same(path, place.socket) for path in bound):
                return SupervisordState(state="deaf", pid=pid)
            if bound:
                return SupervisordState(state="elsewhere", pid=pid, detail=bound[0])
        if not ours:
            by_hand = _set_up_by_hand(place)
            if by_hand:
                return by_hand
            held = any(_is_ours(place, path) for path in _listening().values())
            return SupervisordState(state="deaf" if held else "down")
        if time.monotonic() > end:
            why = f"it listens on no unix socket: {place.conf} names none"
            return SupervisordState(state="refuses", pid=ours[0], detail=why)
        time.sleep(0.2)  # it is only starting, or was only ending
        if ask_pid(place.socket)[0] != "absent":
            return None


def _set_up_by_hand(place: "SupervisordPlace") -> "SupervisordState | None":
    """A supervisord with another file in the account's home, on a host that does not have ours: that one is meant."""
    if os.path.exists(place.conf):
        return None
    home = os.path.realpath(os.path.expanduser("~"))
    for pid in own_processes():
        for path in files_of(pid) if program_at(words_of(pid)) is not None else []:
            if os.path.exists(path) and os.path.realpath(path).startswith(f"{home}/"):
                bound = [_as_named(one) for one in _listens_on(pid)]
                return SupervisordState(state="elsewhere", pid=pid, detail=(bound or [""])[0], conf=path)
    return None


def orphans(place: "SupervisordPlace") -> "list[int]":
    """Processes of programs whose supervisord, which was behind our socket, is gone."""
    own = own_processes()
    left = [pid for pid in own if _is_of_our_socket(place, pid) and not _has_supervisord(place, pid)]
    # One that writes its title over its environment does not show it; they are a session, whose leader is gone.
    sessions = {_session(pid) for pid in left} - set(own)
    last = _last_pid(place)
    if last and not os.path.exists(f"/proc/{last}"):
        sessions.add(last)
    return [pid for pid in own if pid in left or (_session(pid) in sessions and not _has_supervisord(place, pid))]


# ---- its socket ----------------------------------------------------------------------------------------------


def _listening() -> "dict[str, str]":
    """Each unix socket that somebody listens on, "socket:[INODE]", and its path."""
    found = {}
    for line in os.fsdecode(read_bytes("/proc/net/unix")).split("\n")[1:]:
        fields = line.split(None, 7)
        if len(fields) == 8 and int(fields[3], 16) & LISTENS:
            found[f"socket:[{fields[6]}]"] = fields[7]
    return found


def _listens_on(pid: int) -> "list[str]":
    """The paths of the unix sockets that a process listens on, as it bound them."""
    known = _listening()
    return [os.path.join(folder_of(pid), known[link]) for link in sockets_of(pid) if link in known]


def _as_named(path: str) -> str:
    """The path of a socket that supervisord bound as SOCKET.PID."""
    return re.sub(r"\.[0-9]+$", "", path)


def _same(path: str, other: str) -> bool:
    """Whether two names of a socket, which may be gone, are of one place."""
    return path == other or _real(path) == _real(other)


def _real(path: str) -> str:
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def _is_ours(place: "SupervisordPlace", path: str) -> bool:
    """Whether it is our socket, bound in the way that only supervisord does."""
    return path != _as_named(path) and _same(_as_named(path), place.socket)


def holder(place: "SupervisordPlace") -> int:
    """The supervisord of this account that listens on our socket; 0 if none does."""
    found = [pid for pid in own_processes() if _bound_as_ours(place, pid)]
    return next((pid for pid in found if _parent(pid) not in found), 0)


def _bound_as_ours(place: "SupervisordPlace", pid: int) -> bool:
    return any(_is_ours(place, path) for path in _listens_on(pid))


# ---- its process ---------------------------------------------------------------------------------------------


def own_processes() -> "list[int]":
    return [pid for pid in numbers() if is_own(pid)]


def _parent(pid: int) -> int:
    found = process(pid)
    return found.parent if found else 0


def _session(pid: int) -> int:
    found = process(pid)
    return found.session if found else 0


def program_at(words: "list[str]") -> "int | None":
    """The position of the program supervisord in a command's words; None if it is another program."""
    for number, word in enumerate(words[:5]):
        if NAME.match(os.path.basename(word)) or word == "supervisor.supervisord":
            return number
        if number == 0 and not PYTHON.match(os.path.basename(word)):
            return None  # one that reads or edits it, perhaps
    return None


def _has_our_file(place: "SupervisordPlace", pid: int) -> bool:
    for path in files_of(pid):
        try:
            if os.path.samefile(path, place.conf):
                return True
        except OSError:
            pass
        if os.path.realpath(path) == os.path.realpath(place.conf):
            return True
    return False


def files_of(pid: int) -> "list[str]":
    """The files that a supervisord may have been given: one, as seen from each folder it may have started in."""
    words = words_of(pid)
    at = program_at(words)
    if at is None:
        return []
    folders = [folder_of(pid), environment_of(pid).get("PWD", "/")]
    given = _option_c(words[at + 1 :])
    if given is not None:
        return [os.path.join(folder, given) for folder in folders]
    product = os.path.dirname(os.path.dirname(words[at]))
    names = [os.path.join(product, "etc/supervisord.conf"), os.path.join(product, "supervisord.conf")]
    names += ["supervisord.conf", "etc/supervisord.conf", "/etc/supervisord.conf", "/etc/supervisor/supervisord.conf"]
    there = [[os.path.join(folder, name) for name in names] for folder in folders]
    return [path for paths in there for path in [path for path in paths if os.path.exists(path)][:1]]


def _option_c(words: "list[str]") -> "str | None":
    """The value of -c or --configuration; None without it."""
    left = list(words)
    while left:
        word = left.pop(0)
        name, _, value = word.partition("=")
        if word.startswith("--"):
            if len(name) > 3 and "--configuration".startswith(name):
                return value or (left.pop(0) if left else None)
            continue
        for number, letter in enumerate(word[1:] if word.startswith("-") else "", 2):
            if letter == "c":
                return word[number:] or (left.pop(0) if left else None)
            if letter not in WITHOUT_VALUE:
                if not word[number:] and left:
                    left.pop(0)
                break
    return None


def _is_of_our_socket(place: "SupervisordPlace", pid: int) -> bool:
    url = environment_of(pid).get("SUPERVISOR_SERVER_URL", "")
    return url.startswith("unix://") and _same(url[len("unix://") :], place.socket)


def _has_supervisord(place: "SupervisordPlace", pid: int) -> bool:
    """Whether a supervisord is among the parents of the process."""
    while pid > 1:
        pid = _parent(pid)
        if pid > 1 and (program_at(words_of(pid)) is not None or _bound_as_ours(place, pid)):
            return True
    return False


def _last_pid(place: "SupervisordPlace") -> int:
    """The process id that the last supervisord wrote down; 0 if it removed it at its end."""
    path = settings(place.conf).get(("supervisord", "pidfile"), "supervisord.pid")
    text = read_bytes(os.path.join(os.path.dirname(place.conf), path)).strip()
    return int(text) if text.isdigit() else 0
