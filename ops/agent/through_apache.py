"""Does Apache reach the app? The host requests a page from Apache that only the host itself may request
(templates/httpd/conf.d/ssl.conf.j2), and Apache requests it from the app.
"""

import os
import re
import time

from ops.agent.apache_ports import asked_tls, status_of
from ops.agent.apache_processes import apache_parent
from ops.agent.file_access import may
from ops.agent.host_processes import read_bytes
from ops.agent.processes import run
from ops.agent.service_messages import ThroughApache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.service_messages import ApachePage

ANSWERED = re.compile(rb"^X-Poms-Ops-App: *answered", re.IGNORECASE | re.MULTILINE)
KNOWN = re.compile(rb"^X-Poms-Ops: *asked", re.IGNORECASE | re.MULTILINE)
SEE_LOG = "see Apache's error log"
TRIES_IF_UNKNOWN = 4


def ask_through_apache(page: "ApachePage", seconds: float) -> ThroughApache:
    """Ask, and again within `seconds` if the app is not reached: Apache may have just been reloaded."""
    begun, tries = time.monotonic(), 0
    while True:
        found = _ask(page)
        tries += 1
        is_over = time.monotonic() - begun >= seconds
        if found.state == "ok" or is_over or (found.state == "unknown" and tries == TRIES_IF_UNKNOWN):
            return found
        time.sleep(0.5)


def _ask(page: "ApachePage") -> ThroughApache:
    said = asked_tls(page.port, page.server_name, page.page)
    status = status_of(said)
    if b"BEGIN CERTIFICATE" not in said:
        return ThroughApache(state="unknown", found=f"Apache does not answer on port {page.port}")
    found = "no answer within 5 seconds"
    if status:
        if ANSWERED.search(said):
            return ThroughApache(state="ok", found=f"status {status}")
        if not KNOWN.search(said):
            why = f"Apache does not know {page.page} yet (status {status}): the next deploy brings it"
            return ThroughApache(state="unknown", found=why)
        found = f"status {status}"
    why = f"Apache cannot reach the app on {page.listen}: {found}; {_why_unreached(page.account, page.listen)}"
    return ThroughApache(state="failed", found=why)


def _why_unreached(account: str, listen: str) -> str:
    """Why an account does not reach a socket, as far as this account can see."""
    if not listen.startswith("/"):
        return SEE_LOG
    if listen.startswith(("/tmp/", "/var/tmp/")) and _has_private_tmp():  # noqa: S108 - the folder's name
        folder = listen[: listen.index("tmp/") + 3]
        return f"Apache has its own {folder} (PrivateTmp of its unit): set app.listen to another folder"
    if not _is_account(account):
        return f"this host has no account {account}: set apache.account to the account that runs Apache"
    folder = ""
    for name in os.path.dirname(listen).split("/")[1:]:
        folder += f"/{name}"
        if not may(account, "x", folder):
            return f"{account} cannot enter {folder}"
    if not os.path.exists(listen):
        return "the socket does not exist"
    return SEE_LOG if may(account, "w", listen) else f"{account} cannot write to it"


def _is_account(name: str) -> bool:
    import pwd

    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _has_private_tmp() -> bool:
    """By the unit of Apache's first process; if this account cannot see it, by the usual names."""
    lines = read_bytes(f"/proc/{apache_parent() or 'self'}/cgroup").decode().splitlines()
    units = [os.path.basename(line) for line in lines if line.endswith(".service")]
    for unit in [*units, "httpd.service", "apache2.service"]:
        said = run(["systemctl", "show", "-p", "PrivateTmp", "--", unit])
        if said.text in ("PrivateTmp=yes", "PrivateTmp=disconnected"):
            return True
    return False
