"""The products: the environment that the operator's `activate` text leaves, and commands in it.

The text is a shell's and may be rude: it redefines variables and functions, calls exit, prints; UPS unsets a variable
named `products`. So it runs in a bash of its own, in the account's environment, and only the environment that it
leaves is taken over.
"""

import os
import re

from ops.agent.processes import NOT_STARTED, TIMED_OUT, Ended, run

SECONDS = 60.0  # for `activate`
NOT_OURS = ("BASH_ENV", "SHLVL", "_")
UWSGI = "UWSGI_"  # uWSGI takes each such variable for an option; UPS exports UWSGI_DIR for a product uwsgi
# Standard input has the text, for the words of a process are for every account to read. What the text prints, and its
# traps and background processes at any later time, goes to standard error: standard output has the environment alone.
RUN = r"""
    IFS= read -r text
    exec 7>&1 >&2
    eval "$text" </dev/null 7>&-
    /usr/bin/env -0 >&7
"""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_known: "dict[str, Activated]" = {}


class Activated:
    """The environment that `activate` leaves; the account's own, not `is_complete`, if it leaves none with a PATH.

    `complaint`: what it printed.
    """

    def __init__(self, environment: "dict[str, str]", is_complete: bool, complaint: str = "") -> None:
        self.environment = environment
        self.is_complete = is_complete
        self.complaint = complaint


def activated(activate: str) -> Activated:
    """Run `activate`, once for each text."""
    if activate not in _known:
        account = account_environment()
        ended = run(
            ["/bin/bash", "--norc", "--noprofile", "-c", RUN],
            activate.encode() + b"\n",
            SECONDS,
            account,
            are_errors_apart=True,
        )
        complaint = ended.errors.decode("utf-8", "replace").strip()
        if ended.code == TIMED_OUT:
            complaint = f"activate did not end within {SECONDS:.0f} seconds"
        environment = _entries(ended.output)
        is_complete = "PATH" in environment
        _known[activate] = Activated(
            {**(environment if is_complete else account), "SHLVL": "3"}, is_complete, complaint
        )
    return _known[activate]


def account_environment() -> "dict[str, str]":
    """The environment of the account's login, without uWSGI's variables."""
    return _entries(_environ_of(os.getppid()))


def run_with_products(activate: str, words: "list[str]", given: bytes = b"", seconds: float = 10.0) -> Ended:
    """Run a command of the products; code NOT_STARTED, with a sentence, if `activate` does not give it."""
    found = activated(activate)
    program = program_in(found.environment, words[0])
    if not program:
        return Ended(NOT_STARTED, _lack(activate, words[0]).encode())
    return run([program, *words[1:]], given, seconds, found.environment)


def what_lacks(activate: str, name: str) -> str:
    """Why the products do not give a program that is to stay, as a sentence behind what `activate` printed; or "".

    An `activate` that has failed gives none, whatever the account's own environment has.
    """
    found = activated(activate)
    return "" if found.is_complete and program_in(found.environment, name) else _lack(activate, name)


def _lack(activate: str, name: str) -> str:
    return f"{activated(activate).complaint}\nthe products give no {name} after: {activate}".strip()


def program_in(environment: "dict[str, str]", name: str) -> str:
    """The path of a program; "" if PATH does not have it."""
    folders = [""] if "/" in name else environment.get("PATH", os.defpath).split(":")
    for path in [os.path.join(folder, name) for folder in folders]:
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return os.path.abspath(path)
    return ""


def _environ_of(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return file.read()
    except OSError:
        return b""


def _entries(text: bytes) -> "dict[str, str]":
    """The variables with names that a shell can have, but for NOT_OURS and uWSGI's."""
    found = {}
    for entry in text.split(b"\0"):
        name, equals, value = os.fsdecode(entry).partition("=")
        if equals and NAME.match(name) and not name.startswith(UWSGI) and name not in NOT_OURS:
            found[name] = value
    return found
