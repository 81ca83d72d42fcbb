"""Where and with what it was measured, and the page that keeps the last result."""

import os
import platform
import re
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

from benchmarks.knobs import Knobs

PROJECT = Path(__file__).resolve().parent.parent
PEERS = {"pyinfra": "pyinfra", "ansible": "ansible-core", "mitogen": "mitogen"}  # lock, and the package in it
BEGIN, END = "<!-- measured: `make bench` writes from here -->\n", "<!-- to here -->\n"


def conditions(knobs: Knobs) -> str:
    """Date, versions and class of machine, as a paragraph."""
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    ours = ", ".join(f"{name} {version(name)}" for name in ("fabric", "paramiko", "cryptography"))
    peers = ", ".join(f"{package} {_locked(lock, package)}" for lock, package in PEERS.items())
    return (
        f"{time.strftime('%Y-%m-%d')}, commit {_commit()}; {os.cpu_count()} cores, {_memory()} GB, {system}; "
        f"Python {platform.python_version()}; fab with {ours}; {peers}; {_ssh()}. "
        f"After a first run, {knobs.rounds} rounds, or as many as {knobs.seconds:.0f} s a side allow."
    )


def write(page: Path, text: str) -> None:
    """Put `text` in the place that the page has for it."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise RuntimeError(f"{page} has no place for the result: the lines {BEGIN!r} and {END!r}")
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def _locked(lock: str, package: str) -> str:
    text = (PROJECT / f"benchmarks/peers/{lock}.lock").read_text()
    found = re.search(rf"^{package}==(\S+)", text, re.MULTILINE)
    assert found, lock  # noqa: S101 - the lock is in this repository
    return found[1]


def _commit() -> str:
    return _said("git", "describe", "--always", "--dirty", "--abbrev=12")


def _ssh() -> str:
    return _said("ssh", "-V").partition(",")[0]


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f}"


def _said(*command: str) -> str:
    answer = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    return (answer.stdout or answer.stderr).strip()
