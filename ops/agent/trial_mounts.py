"""A trial start's first half, as root of its namespaces: what Apache is to read is mounted over what is live.

Then it becomes the account again (trial_start.py), since httpd refuses to be root of such a namespace.
"""

import os
import sys
import time

from ops.agent import own_program, trial_start
from ops.agent.processes import run, start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STEP_SECONDS = 50.0
MAPPED_WITHIN = 5.0  # seconds


def main(trial: "dict[str, Any]") -> None:
    """Do the trial, and exit with its code.

    `mounts`: (source, target), parents before what is in them; `server_root` and `log_dir` are Apache's,
    `log_folders` the other folders that its files name for logs; `addresses`: those of its network beside
    127.0.0.1. `httpd` is "" for a trial without Apache. For the rest see trial_start.main.
    """
    for source, target in trial["mounts"]:
        _do("mount", "--bind", source, target)
    _empty(os.path.realpath(os.path.join(trial["server_root"], "run")))
    _empty_logs(trial["server_root"], trial["log_dir"], trial["log_folders"])
    _do("mount", "-t", "proc", "proc", "/proc")
    if trial["httpd"]:
        _do(trial["httpd"], "-t")
    _do("ip", "link", "set", "lo", "up")
    for address in trial["addresses"]:
        _do("ip", "address", "add", f"{address}/32", "dev", "lo")
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", "w") as file:
        file.write("0")
    sys.exit(_as_account(own_program.program(trial_start.main, trial), trial["account"], trial["group"]))


def _do(*words: str) -> None:
    """Run a command; the trial ends with what it says, if it fails."""
    ended = run(list(words), seconds=STEP_SECONDS)
    print(ended.text, flush=True)
    if ended.code:
        sys.exit(1)


def _empty(folder: str) -> None:
    _do("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", folder)


def _empty_logs(root: str, logs: str, others: "list[str]") -> None:
    """Empty folders over those with logs.

    The distribution sets the path of the main log, which may differ from the inventory's folder; and the live files
    name other folders, if the inventory changes.
    """
    link = os.path.join(root, "logs")
    own = os.path.realpath(link)
    if os.path.isdir(own):
        _empty(own)
        if logs.startswith((own + "/", link + "/")):
            os.makedirs(logs, exist_ok=True)
    logs = os.path.realpath(logs)
    if logs != own:
        _empty(logs)
        if own.startswith(logs + "/"):
            os.makedirs(own, exist_ok=True)
    for folder in others:
        if os.path.isdir(folder) and os.path.realpath(folder) not in (own, logs):
            _empty(folder)


def _as_account(program: bytes, account: int, group: int) -> int:
    """Run a Python program as the account, in a user namespace in which root's number is the account's again.

    It is mapped from here: unshare --map-user needs util-linux 2.36, and EL8 has an older one. Python waits for its
    program until that is done.
    """
    words = ["unshare", "--user", "--", *own_program.python_words()]
    with start(words, dict(os.environ), has_input=True) as inner:
        folder = f"/proc/{inner.pid}"
        end = time.monotonic() + MAPPED_WITHIN
        while os.readlink(f"{folder}/ns/user") == os.readlink("/proc/self/ns/user"):
            if time.monotonic() > end:
                sys.exit(1)
            time.sleep(0.01)
        for name, text in (("setgroups", "deny"), ("uid_map", f"{account} 0 1"), ("gid_map", f"{group} 0 1")):
            with open(f"{folder}/{name}", "w") as file:
                file.write(text)
        inner.communicate(program)
        return inner.returncode
