"""SELinux's labels of what Apache uses: processes, sockets and ports; each with how it is known."""

import os
import re

from ops.agent.apache_processes import apache_parent
from ops.agent.host_processes import is_own, processes
from ops.agent.processes import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

FOUND, EXPECTED = "found", "expected"  # expected: it does not exist yet, or is not visible
OF_SERVICE = "system_u:system_r:httpd_t:s0"
HTTP_PORT = "http_port_t"
HTTP_PORTS = (80, 81, 443, 488, 8008, 8009, 8443, 9000)
SECONDS = 20.0
BY_SEPOLICY = re.compile(r"^\S+[ \t]+tcp[ \t]+(\S+)[ \t]+([\d-]+)", re.MULTILINE)
BY_SEINFO = re.compile(r"^\s*portcon tcp ([\d-]+) [^:]*:[^:]*:([^:\s]+)", re.MULTILINE)


def type_of(label: str) -> str:
    """The type in a security context; "" for none."""
    return label.split(":")[2] if label else ""


def label_of_process(pid: int) -> str:
    """The label of a process; "" if this host shows none."""
    return _label(run(["ps", "-o", "label=", "-p", str(pid)]).text)


def label_of_file(path: str) -> str:
    """The label of a file; "" if this host shows none."""
    return _label(run(["stat", "-c", "%C", path]).text)


def _label(text: str) -> str:
    return text if text.count(":") >= 2 and " " not in text else ""


def label_of_apache() -> str:
    """The label of the running Apache; "" if none is visible."""
    pid = apache_parent()
    return label_of_process(pid) if pid else ""


def apache_label() -> str:
    """The label of the running Apache; if none is visible, of its service."""
    return label_of_apache() or OF_SERVICE


def socket_label(path: str) -> "tuple[str, str]":
    """The label of a socket, or the one that a new socket would get there: usually its folder's type."""
    if os.path.lexists(path):
        return label_of_file(path), FOUND
    place = path
    while not os.path.exists(place):
        place = os.path.dirname(place)
    label = label_of_file(place)
    return label.replace(":user_home_dir_t", ":user_home_t").replace(":tmp_t", ":user_tmp_t"), EXPECTED


def app_label(supervisord: int) -> "tuple[str, str]":
    """The domain of the process that creates the app's socket: uWSGI, which inherits it from supervisord.

    If neither runs, this account would start them.
    """
    running = next((one.pid for one in processes() if one.name == "uwsgi" and is_own(one.pid)), supervisord)
    if running:
        return label_of_process(running), FOUND
    return label_of_process(os.getpid()), EXPECTED


def port_type(port: int) -> "tuple[str, str]":
    """The type of a TCP port: of the narrowest range of the loaded policy that contains it."""
    said = run(["sepolicy", "network", "-p", str(port)], seconds=SECONDS).text
    found = _narrowest((span, kind) for kind, span in BY_SEPOLICY.findall(said))
    if not found:
        said = run(["seinfo", f"--portcon={port}"], seconds=SECONDS).text
        found = _narrowest(BY_SEINFO.findall(said))
    return (found, FOUND) if found else (_usual_type(port), EXPECTED)


def _narrowest(spans: "Iterable[tuple[str, str]]") -> str:
    """From ("8888" or "1024-32767", type): the type of the narrowest range; "" without any."""
    widths = []
    for span, kind in spans:
        first, _, last = span.partition("-")
        widths.append((int(last or first) - int(first), kind))
    return min(widths, key=lambda one: one[0])[1] if widths else ""


def _usual_type(port: int) -> str:
    """Of the policy as it is delivered."""
    if port in HTTP_PORTS:
        return HTTP_PORT
    if port < 512:
        return "reserved_port_t"
    if port < 1024:
        return "hi_reserved_port_t"
    return "ephemeral_port_t" if 32768 <= port <= 60999 else "unreserved_port_t"
