"""Whether the services run, the length of the app's queue, and the free disk space. Changes nothing."""

import os
import re
import time

from ops.agent.apache_ports import asked_tls, is_answer, is_maintenance, listeners, status_of
from ops.agent.app_socket import problem_of
from ops.agent.commands import is_unknown, run_command
from ops.agent.health_messages import AppHealth, DiskState, HostHealth, ServiceProcess
from ops.agent.host_processes import age_of, processes, read_bytes, sees_others
from ops.agent.maintenance_state import state_of
from ops.agent.processes import run
from ops.agent.service_messages import PortState
from ops.agent.standbys import standbys
from ops.agent.through_apache import ask_through_apache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.agent.health_messages import HealthRequest
    from ops.agent.messages import Message
    from ops.agent.service_messages import App

APP_SECONDS, APACHE_SECONDS, TEST_SECONDS = 5.0, 2.0, 10.0
EVIDENCE = 5  # lines of a configuration test
APACHE, SHIBD = ("httpd", "apache2"), ("shibd",)
SHIBD_LISTENS = re.compile(rb" 00010000 .*/shibd\.sock$", re.MULTILINE)  # in /proc/net/unix
ROOT = 0


def answer(request: "HealthRequest") -> "Iterator[Message]":
    """All of it."""
    found = HostHealth(now=int(time.time()))
    found.apps = [_app(app, request.most_waiting) for app in request.apps]
    # A trial start and the configuration test below have no process of root's that is older.
    found.processes = [_process("apache", APACHE, ROOT), _process("shibd", SHIBD, None)]
    found.shibd_listens = SHIBD_LISTENS.search(read_bytes("/proc/net/unix")) is not None
    found.ports = [_port(port, request.server_name, request.page) for port in request.ports]
    found.maintenance = state_of(request.maintenance)
    found.standbys = standbys(request.state_dir)
    found.disks = [_disk(path) for path in request.disks if os.path.exists(path)]
    if request.configtest:
        found.configtest = _configtest(request.configtest, request.sudo_password)
    yield found


def _app(app: "App", most_waiting: int) -> AppHealth:
    found = AppHealth(name=app.name, queue=_queue(app.listen))
    crowded = found.queue is not None and found.queue[0] >= most_waiting
    if app.program and not crowded:
        found.problem = problem_of(app, app.listen, APP_SECONDS)
        if app.own_page:
            found.through_apache = ask_through_apache(app.own_page, APACHE_SECONDS)
    return found


def _queue(listen: str) -> "tuple[int, int] | None":
    """(waiting, room) of the socket that the app listens on. uWSGI itself tells no queue of a unix socket.

    Source: ss(8) on Recv-Q and Send-Q of listening sockets.
    """
    for fields in [line.split() for line in run(["ss", "-ltxnH"]).text.splitlines()]:
        if len(fields) > 4 and fields[4] == listen and fields[2].isdigit() and fields[3].isdigit():
            return int(fields[2]), int(fields[3])
    return None


def _process(name: str, names: "tuple[str, ...]", owner: "int | None") -> ServiceProcess:
    """The oldest process with one of the names, of that owner."""
    found = [one for one in processes() if one.name in names and owner in (None, _owner(one.pid))]
    if not found:
        return ServiceProcess(name=name, pid=0 if sees_others() else None)
    oldest = min(found, key=lambda one: (one.start, one.pid))
    return ServiceProcess(name=name, pid=oldest.pid, age=age_of(oldest))


def _owner(pid: int) -> int:
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return -1


def _port(port: int, server_name: str, page: str) -> PortState:
    said = asked_tls(port, server_name, page)
    if is_answer(said):
        return PortState(port=port, state="open", status=status_of(said), is_maintenance=is_maintenance(said))
    return PortState(port=port, state="silent" if listeners(port) else "closed")


def _configtest(words: "list[str]", sudo_password: str) -> "str | None":
    ended = run_command(words, sudo_password, TEST_SECONDS)
    if is_unknown(ended):
        return None
    return "\n".join(ended.text.splitlines()[-EVIDENCE:]) or "no reason given" if ended.code else ""


def _disk(path: str) -> DiskState:
    """The file system of a path; the percentage is of what this account may use, as df says it."""
    space, mount = os.statvfs(path), os.path.realpath(path)
    while not os.path.ismount(mount):
        mount = os.path.dirname(mount)
    used = space.f_blocks - space.f_bfree
    percent = -(-100 * used // max(1, used + space.f_bavail))
    inodes = space.f_favail if space.f_files else None
    return DiskState(free=space.f_bavail * space.f_frsize // 1024, used=percent, inodes=inodes, mount=mount)
