"""What a deploy needs of Apache, its modules, its CAs and shibd."""

import glob
import os
import re

from ops.agent.apache_ports import asked_tls, is_answer, listeners
from ops.agent.apache_unit import restart_settings
from ops.agent.app_socket import problem_of
from ops.agent.doctor_messages import ApacheFacts
from ops.agent.host_processes import processes, read_bytes, sees_others
from ops.agent.maintenance_state import state_of
from ops.agent.processes import run
from ops.agent.service_messages import PortState
from ops.agent.systemd import in_force, text_of
from ops.agent.through_apache import ask_through_apache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.doctor_messages import DoctorRequest
    from ops.agent.service_messages import ThroughApache

VERSION = re.compile(r"Apache/([0-9.]*)")
MODULE = re.compile(r"^ *([a-z0-9_]*) \(", re.MULTILINE)
SHIBD_LISTENS = re.compile(rb" 00010000 .*/shibd\.sock$", re.MULTILINE)  # in /proc/net/unix
NOBODY = "nobody"
JOBS = (
    "/etc/cron.d/*",
    "/etc/cron.hourly/*",
    "/etc/cron.daily/*",
    "/etc/crontab",
    "/etc/fetch-crl.conf",
    "/etc/fetch-crl.d/*",
    "/etc/systemd/system/*.service",
)
OWN_UNIT = re.compile(r"(httpd|apache2)[^/]*\.service\Z")  # it says how to reload, not that somebody does
RELOADS = re.compile(
    r"(httpd|apache2).*(graceful|reload|restart)|(graceful|reload|restart).*(httpd|apache2)", re.MULTILINE
)
APP_SECONDS, APACHE_SECONDS, TOOL_SECONDS = 5.0, 2.0, 30.0


def apache_facts(request: "DoctorRequest") -> ApacheFacts:
    """All of it."""
    version, modules, problem = _httpd(request.apache.httpd)
    shibd_version = (run(["shibd", "-v"]).text.splitlines() or [""])[0]
    return ApacheFacts(
        version=version,
        modules=modules,
        modules_problem=problem,
        authorities=_authorities(request.ca_dir),
        ports=[_port(port) for port in request.apache.ports],
        lists_reloaded=_what_reloads(request.lists, request.reload),
        restart=restart_settings(request.restart, request.apache.server_root) if request.restart else None,
        shibd_version=shibd_version,
        shibd=_shibd(),
        through_apache=_through_apache(request),
        maintenance=state_of(request.apache.maintenance),
    )


def _httpd(program: str) -> "tuple[str | None, list[str], str]":
    """Its version, and the modules of the live configuration, or why it cannot be read."""
    if not os.access(program, os.X_OK):
        return None, [], ""
    version = VERSION.search(run([program, "-v"], seconds=TOOL_SECONDS).text)
    listed = run([program, "-M"], seconds=TOOL_SECONDS)
    problem = (listed.text.splitlines() or [f"exit code {listed.code}"])[0] if listed.code else ""
    return version.group(1) if version else "", [] if problem else MODULE.findall(listed.text), problem


def _authorities(folder: str) -> "int | None":
    try:
        return len([name for name in os.listdir(folder) if name.endswith(".0")])
    except OSError:
        return None


def _port(port: int) -> PortState:
    if is_answer(asked_tls(port)):
        return PortState(port=port, state="open")
    return PortState(port=port, state="silent" if listeners(port) else "closed")


def _shibd() -> str:
    """Whether shibd "runs", or at least somebody "listens" on its socket, it is "down", or "hidden" from us."""
    if any(one.name == "shibd" for one in processes()):
        return "runs"
    if SHIBD_LISTENS.search(read_bytes("/proc/net/unix")):
        return "listens"
    return "down" if sees_others() else "hidden"


def _what_reloads(lists: str, reload: str) -> str:
    """What makes Apache read changed revocation lists, or NOBODY; "" if there are no lists."""
    if not lists or not glob.glob(os.path.join(glob.escape(lists), "*.r[0-9]*")):
        return ""
    crontab = run(["crontab", "-l"])
    if reload and crontab.code == 0 and reload in in_force(crontab.text):
        return "the account's crontab"
    paths = [path for pattern in JOBS for path in sorted(glob.glob(pattern)) if os.path.isfile(path)]
    for path in [path for path in paths if not OWN_UNIT.match(os.path.basename(path))]:
        if RELOADS.search(in_force(text_of(path))):
            return path
    return NOBODY


def _through_apache(request: "DoctorRequest") -> "dict[str, ThroughApache]":
    """App to whether Apache reaches it, for each that answers on its own socket."""
    return {
        app.name: ask_through_apache(app.own_page, APACHE_SECONDS)
        for app in request.apps
        if app.own_page and not problem_of(app, app.listen, APP_SECONDS)
    }
