"""The machine's requirements for a lab, and the installation of missing tools."""

import os
import shutil
import sys
from collections.abc import Callable

from lab.command import attempt, run
from lab.host import NAMESPACES
from ops.errors import OperatorError

# The tools that the lab uses, with their Debian packages.
NEEDED = {"ip": "iproute2", "unshare": "util-linux", "setsid": "util-linux", "mount": "mount", "xmlsec1": "xmlsec1"}
NEEDED_TO_BUILD = {"mmdebstrap": "mmdebstrap", "setpriv": "util-linux"}


def check_system() -> None:
    """Raises OperatorError on a machine without Linux."""
    if sys.platform != "linux":
        raise OperatorError(
            f"The lab's hosts need Linux namespaces, and this system is {sys.platform}: use a Linux machine. "
            "Nothing was changed."
        )


def is_root() -> bool:
    """Whether this process has root's rights, which the lab needs."""
    return os.geteuid() == 0


def prepare(say: Callable[[str], None], *, build: bool) -> None:
    """Install missing tools (those for the build only with `build`) and test that namespaces work.

    Raises OperatorError that names what is missing. Root only.
    """
    needed = NEEDED | (NEEDED_TO_BUILD if build else {})
    missing = sorted({package for tool, package in needed.items() if shutil.which(tool) is None})
    if missing:
        _install(missing, say)
    if build and attempt([sys.executable, "-m", "pip", "--version"]).returncode != 0:
        raise OperatorError(f"The lab needs pip to fetch uWSGI's source, and {sys.executable} has no pip.")
    if build and shutil.which("apt-get") is None:
        raise OperatorError("The lab's hosts are made of Debian packages, and this machine has no apt-get.")
    trial = attempt(["unshare", *NAMESPACES, "true"])
    if trial.returncode != 0:
        raise OperatorError(
            "The lab's hosts need Linux namespaces, and this machine (a container?) does not allow them: "
            f"{trial.stderr.strip()}"
        )


def _install(packages: list[str], say: Callable[[str], None]) -> None:
    names = " ".join(packages)
    if shutil.which("apt-get") is None:
        raise OperatorError(f"The lab needs {names}, and this machine has no apt-get to install it with.")
    say(f"Installing {names} on this machine with apt-get (a tool, no service).")
    apt_get = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y")
    install = (*apt_get, "--no-install-recommends", "install")
    if attempt([*install, *packages]).returncode != 0:
        run("apt-get", "-qq", "update", fails=f"Cannot install {names}")
        run(*install, *packages, fails=f"Cannot install {names}")
