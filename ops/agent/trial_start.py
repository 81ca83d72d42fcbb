"""A trial start's second half, as the account: Apache starts, and must answer on every port."""

import glob
import os
import sys
import time

from ops.agent import probe_requests
from ops.agent.apache_messages import IdentityProbe
from ops.agent.apache_ports import tls_answers
from ops.agent.lines import from_line
from ops.agent.processes import start

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from typing import Any

TRIES, PAUSE = 20, 0.25  # seconds between them


def main(trial: "dict[str, Any]") -> None:
    """Start `httpd`, ask its `ports`, then send the requests of `probe`, if there is one, and exit with its code.

    `probe` is a line with an IdentityProbe; `other_ca`: the host trusts one that is not the users'; `backends` is
    where Apache's files, as they are in the trial, expect the app and others.
    """
    if not trial["httpd"]:
        return
    httpd = start([trial["httpd"], "-D", "FOREGROUND", "-k", "start"])  # it ends with the namespaces
    for port in trial["ports"]:
        problem = _problem(httpd, port)
        if problem:
            print(problem, flush=True)
            _print_logs(trial["log_dir"])
            sys.exit(1)
    if trial["probe"]:
        probe = from_line(trial["probe"])
        if isinstance(probe, IdentityProbe):
            attempts = probe_requests.applicable(probe, trial["other_ca"])
            sys.exit(probe_requests.send(probe, attempts, trial["backends"], trial["work"]))


def _problem(httpd: "subprocess.Popen[bytes]", port: int) -> str:
    """Why nobody answers on this port; "" if somebody does."""
    for _ in range(TRIES):
        if httpd.poll() is not None:
            return "the trial start of Apache ended"
        if tls_answers(port):
            return ""
        time.sleep(PAUSE)
    return f"the trial start of Apache does not answer on port {port}"


def _print_logs(folder: str) -> None:
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), "*error*"))):
        with open(path, "rb") as file:
            sys.stdout.buffer.write(file.read())
    sys.stdout.flush()
