"""Namespaces of its own for a trial start: the account may mount there, and has a network for itself.

unshare(1) makes them, and starts this agent's Python in them as their root: trial_mounts.py, then trial_start.py. The
options are those that EL8's util-linux knows (--map-user is newer).
Source: mount_namespaces(7), user_namespaces(7), unshare(1).
"""

import os

from ops.agent import own_program, trial_mounts
from ops.agent.processes import Ended, clean_environment, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LIMIT = 60.0  # seconds for the whole trial
UNSHARE = ["unshare", "--user", "--map-root-user", "--mount", "--net", "--pid", "--fork", "--kill-child"]


def run_in_namespaces(trial: "dict[str, Any]") -> Ended:
    """Do a trial (its keys: trial_mounts.main) in namespaces: the code 0 for success, and what was said.

    Everything that it starts ends with it.
    """
    trial = {**trial, "account": os.getuid(), "group": os.getgid()}
    program = own_program.program(trial_mounts.main, trial)
    return run([*UNSHARE, *own_program.python_words()], program, LIMIT, environment_of_python())


def what_prevents(work: str, server_root: str, log_dir: str) -> str:
    """Why this host's kernel and tools allow no trial start; "" if they do: all of its steps, without Apache."""
    trial = {"work": work, "httpd": "", "server_root": server_root, "log_dir": log_dir}
    ended = run_in_namespaces({**trial, "mounts": [], "log_folders": [], "ports": [], "addresses": [], "probe": ""})
    return (last_line(ended) or f"code {ended.code}") if ended.code else ""


def last_line(ended: Ended) -> str:
    """The last line of what was said: the reason, as a rule."""
    return (ended.text.splitlines() or [""])[-1]


def environment_of_python() -> "dict[str, str]":
    """For the agent's own interpreter: of the products' Python (start.sh), it has the path to its libraries."""
    libraries = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {**clean_environment(), "LC_ALL": "C.UTF-8", **libraries}
