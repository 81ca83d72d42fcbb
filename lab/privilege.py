"""Running the lab's work as root for another user: the same program again, through sudo."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from lab.place import HERE, Lab
from ops.errors import BadInput, OperatorError

WHY = "The lab makes namespaces, mounts and network interfaces, which needs root"
KEPT = ("PIP_", "SSL_CERT_", "PATH", "http_proxy", "https_proxy", "no_proxy")


def as_root(lab: Lab, verb: str, arguments: list[str], say: Callable[[str], None]) -> Any:
    """Run `python -m lab VERB` through sudo; its progress goes to stderr. Returns the result that it prints as JSON.

    Raises OperatorError if sudo is missing or refuses the caller, and the errors of the task itself.
    """
    if shutil.which("sudo") is None:
        raise OperatorError(f"{WHY}, and there is no sudo here.")
    say(f"{WHY}: running it through sudo.")
    sudo = ["sudo"] if sys.stdin.isatty() else ["sudo", "-n"]
    kept = [f"{name}={value}" for name, value in os.environ.items() if name.startswith(KEPT)]
    places = ["--state", str(lab.state), "--cache", str(lab.cache)]
    own = [sys.executable, "-m", "lab", verb, *places, *arguments]
    result = subprocess.run(
        [*sudo, "env", *kept, *own], cwd=HERE.parent, stdout=subprocess.PIPE, text=True, check=False
    )
    if not result.stdout:
        raise OperatorError("sudo did not run the lab; run fab as root, or let this account use sudo.")
    answer = json.loads(result.stdout)
    if "error" in answer:
        raise (BadInput if answer["code"] == BadInput.code else OperatorError)(answer["error"])
    return answer["result"]
