"""The maintenance page of a host: what is on, and the switch (`agent/maintenance.py`)."""

import re
import shlex
from dataclasses import dataclass
from email.utils import formatdate

from ops.agent.maintenance_messages import (
    MaintenanceFound,
    MaintenancePages,
    MaintenanceRequest,
    MaintenanceState,
    MaintenanceSwitched,
)
from ops.errors import HostError, read_answer
from ops.formats import apache
from ops.rendering.maintenance_page import Notice, render_page
from ops.schema import Host
from ops.secrets.masking import masked
from ops.services.maintenance_state import Maintenance, is_time, read
from ops.ssh.operator_identity import lock_owner
from ops.ssh.session import Remote

Moment = int | str  # seconds from now, or a time in the host's zone


@dataclass(frozen=True)
class Switched:
    """The switch is done: the maintenance that was on before, and the one that is on now."""

    before: Maintenance | None
    now: Maintenance | None


def request(host: Host, action: str = "") -> MaintenanceRequest:
    """The request to the agent."""
    return MaintenanceRequest(
        folder=host.maintenance.folder,
        conf_d=host.apache.conf_d,
        known_by=apache.maintenance_mark(host),
        account=host.apache.account,
        port=host.apache.port,
        server_name=host.apache.server_name,
        page=host.app.path,
        action=action,
    )


def switch_on(remote: Remote, message: str, until: Moment | None) -> Switched:
    """Switch it on, or replace its message and end. Raises HostError, which says what has changed."""
    host = remote.host
    found = _look(remote, until)
    missing = [port for port in (host.apache.port, host.apache.cert_port) if port not in found.ports]
    if missing:
        raise HostError(
            host.name,
            f"Apache's files for {' and '.join(map(str, missing))} do not have this host's maintenance page",
            left="everything",
            next_step=f"fab -H {host.name} deploy, then switch it on again",
        )
    by = lock_owner(remote.who)
    state = MaintenanceState(by=by, since=found.now, since_text=found.now_text, message=message)
    state.until, state.until_text = found.until, found.until_text
    if found.state and is_time(found.state.since):  # it goes on
        state.since, state.since_text = found.state.since, found.state.since_text
    html, text = render_page(host, Notice(message, state.since_text, state.until_text))
    asked = request(host, "on")
    asked.state, asked.pages = state, MaintenancePages(html=html, text=text, retry_after=_retry_after(host, state))
    done = _switch(remote, asked, "everything")
    if not done.is_shown:
        raise _hidden(host, done)
    return Switched(read(done.before), read(state))


def switch_off(remote: Remote) -> Switched:
    """Switch it off, whoever switched it on. Raises HostError."""
    host = remote.host
    done = _switch(remote, request(host, "off"), "the maintenance page is still on")
    if done.is_shown:
        raise HostError(
            host.name,
            f"the maintenance page is switched off, but Apache still shows it on {host.apache.port}",
            next_step=f"fab -H {host.name} diff: Apache's files may name another maintenance.folder",
        )
    return Switched(read(done.before), None)


def _look(remote: Remote, until: Moment | None) -> MaintenanceFound:
    asked = request(remote.host)
    asked.until = until
    found = remote.answer(asked).only(MaintenanceFound)
    if found.problem:
        raise HostError(remote.host.name, f"--until: {masked(found.problem)}", left="everything")
    with read_answer(remote.host.name, "maintenance", left="everything"):
        if not is_time(found.now) or (found.until is not None and not is_time(found.until)):
            raise ValueError("it has a time that no clock shows")
    return found


def _switch(remote: Remote, asked: MaintenanceRequest, left: str) -> MaintenanceSwitched:
    host = remote.host
    with read_answer(host.name, "maintenance", left=f"UNKNOWN: fab -H {host.name} status shows it"):
        done = remote.answer(asked).only(MaintenanceSwitched)
    if done.problem:
        what = f"cannot switch the maintenance page {asked.action}: {masked(done.problem)}"
        raise HostError(host.name, what, left=left, next_step="fix that, then do it again")
    return done


def _hidden(host: Host, done: MaintenanceSwitched) -> HostError:
    folder, fab = host.maintenance.folder, f"fab -H {host.name}"
    why = f"; {done.why}" if done.why else ""
    next_step = f"{fab} reload-apache, if Apache has not read its files; {fab} maintenance off takes it back"
    if done.selinux == "Enforcing":
        pattern = shlex.quote(f"{re.escape(folder)}(/.*)?")
        next_step = (
            f"root: semanage fcontext -a -t httpd_sys_content_t {pattern} && restorecon -R {shlex.quote(folder)}; "
            f"{fab} maintenance off takes it back"
        )
    return HostError(
        host.name,
        f"the maintenance page is switched on, but Apache does not show it: {host.apache.port} answers "
        f"{f'status {done.status}' if done.status else 'nothing'}{why}",
        next_step=next_step,
    )


def _retry_after(host: Host, state: MaintenanceState) -> str:
    """A date, which stays right while it lasts; or seconds."""
    return str(host.maintenance.retry_after) if state.until is None else formatdate(state.until, usegmt=True)
