"""Which version each running process of a program is from: what the kernel says of it, never a guess.

Its environment at its start has SETUP_PRODUCT of UPS, or paths in a release folder; its executable and its working
directory are real paths. A process that shows none of them has an unknown version. Source: proc(5).
"""

import contextlib
import os

from ops.agent.host_processes import environment_of, folder_of, processes
from ops.agent.service_messages import ProgramVersion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.service_messages import Software

PATHS = ("VIRTUAL_ENV", "PATH", "PYTHONPATH")  # variables that name a release folder
EXECUTABLE, FOLDER, ENVIRONMENT = "executable", "folder", "environment"


def program_versions(software: "Software", programs: "dict[str, int]") -> "list[ProgramVersion]":
    """Each process of the programs, given by the process id of their first one, with those that it started."""
    parents = {found.pid: found.parent for found in processes()}
    found = []
    for program, first in programs.items():
        found += [
            ProgramVersion(program=program, pid=pid, found=versions_of(software, pid))
            for pid in sorted(parents)
            if first and _is_from(pid, first, parents)
        ]
    return found


def _is_from(pid: int, first: int, parents: "dict[int, int]") -> bool:
    while pid != first:
        if pid not in parents or pid <= 1:
            return False
        pid = parents[pid]
    return True


def versions_of(software: "Software", pid: int) -> "list[tuple[str, str]]":
    """What one process shows: (version, ENVIRONMENT, EXECUTABLE or FOLDER), each once."""
    environment = environment_of(pid)
    found = []
    with contextlib.suppress(OSError):
        found.append((_version_in(software, environment, os.readlink(f"/proc/{pid}/exe")), EXECUTABLE))
    found.append((_version_in(software, environment, folder_of(pid)), FOLDER))
    if software.product:
        found.append((_set_up(software, environment), ENVIRONMENT))
    else:
        paths = [path for name in PATHS for path in environment.get(name, "").split(":")]
        found += [(_version_in(software, environment, path), ENVIRONMENT) for path in paths]
    return sorted({pair for pair in found if pair[0]})


def _version_in(software: "Software", environment: "dict[str, str]", path: str) -> str:
    """The version in whose folder a path is; "" for another place."""
    root = software.folder
    if software.product:
        own = environment.get(f"{_as_variable(software.product)}_DIR", "")
        if own and f"{path}/".startswith(f"{own}/"):  # a flavor may be below the version
            return _set_up(software, environment)
        root = os.path.dirname(own)
    if not root or not path.startswith(f"{root}/"):
        return ""
    return path[len(root) + 1 :].partition("/")[0].replace(" (deleted)", "")


def _set_up(software: "Software", environment: "dict[str, str]") -> str:
    """The version that UPS has set up: SETUP_POMS=poms v4_5_0 -f NULL -z /home/poms/products."""
    words = environment.get(f"SETUP_{_as_variable(software.product)}", "").split()
    return words[1] if len(words) > 1 and words[0] == software.product else ""


def _as_variable(product: str) -> str:
    return "".join(char if char.isalnum() else "_" for char in product).upper()
