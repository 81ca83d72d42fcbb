"""Switch the maintenance page on or off, and ask Apache whether visitors get it: without a lock, root or a reload."""

import calendar
import os
import re
import time

from ops.agent.apache_directives import files_in, text_of
from ops.agent.apache_ports import asked_tls, is_maintenance, status_of
from ops.agent.file_access import may
from ops.agent.long_steps import kept_alive
from ops.agent.maintenance_files import switch_off, switch_on
from ops.agent.maintenance_messages import MaintenanceFound, MaintenanceSwitched
from ops.agent.maintenance_state import SWITCH, state_of, time_text
from ops.agent.selinux_kernel import mode
from ops.agent.step_failed import StepFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ops.agent.maintenance_messages import MaintenanceRequest
    from ops.agent.messages import Message

HOST = re.compile(r"^[ \t]*<VirtualHost[ \t]+[^>]*:(\d+)>(.*?)^[ \t]*</VirtualHost>", re.MULTILINE | re.DOTALL)
DAY = 86_400
ASKING_SECONDS = 3.0


def answer(request: "MaintenanceRequest") -> "Iterator[Message]":
    """What a look finds; with an action, what came of it."""
    if request.action:
        yield (yield from kept_alive(lambda: _switched(request)))
    else:
        yield _found(request)


def end_of(wanted: "int | str", now: int) -> int:
    """The end in seconds since 1970; "HH:MM" is the next such time in this host's zone. Raises ValueError."""
    if isinstance(wanted, int):
        return now + wanted
    if re.match(r"\d\d?:\d\d\Z", wanted):
        today = time.strftime("%Y-%m-%d", time.localtime(now))
        end = _seconds(f"{today} {wanted}:00")
        return end if end > now else _seconds(f"{time.strftime('%Y-%m-%d', time.localtime(end + DAY))} {wanted}:00")
    return _seconds(wanted)


def _seconds(text: str) -> int:
    zone = re.search(r"[+-]\d{4}\Z", text)
    if zone:
        read = time.strptime(text, "%Y-%m-%d %H:%M:%S%z")
        return calendar.timegm(read) - (read.tm_gmtoff or 0)
    return int(time.mktime(time.strptime(text, "%Y-%m-%d %H:%M:%S")))


def _found(request: "MaintenanceRequest") -> MaintenanceFound:
    now = int(time.time())
    found = MaintenanceFound(
        now=now,
        now_text=time_text(now),
        ports=ports_that_know(files_in(request.conf_d), request.known_by),
        state=state_of(request.folder),
    )
    if request.until is not None:
        try:
            found.until = end_of(request.until, now)
            found.until_text = time_text(found.until)
        except (ValueError, OverflowError) as error:
            found.problem = str(error)
        else:
            if found.until <= now:
                found.problem = f"{found.until_text} has passed: it is {found.now_text} on this host"
    return found


def ports_that_know(paths: "Iterable[str]", known_by: str) -> "list[int]":
    """The ports of the virtual hosts in these files that have that text."""
    found = set()
    for path in paths:
        for port, text in HOST.findall(text_of(path)):
            if known_by in text:
                found.add(int(port))
    return sorted(found)


def _switched(request: "MaintenanceRequest") -> MaintenanceSwitched:
    before = state_of(request.folder)
    try:
        if request.action == "on" and request.pages and request.state:
            switch_on(request.folder, request.account, request.pages, request.state)
        elif request.action == "off":
            switch_off(request.folder)
        else:
            raise StepFailed(f"there is no action '{request.action}'")
    except (StepFailed, OSError) as error:
        return MaintenanceSwitched(problem=str(error), before=before)
    wanted, begun = request.action == "on", time.monotonic()
    while True:
        said = asked_tls(request.port, request.server_name, request.page)
        if is_maintenance(said) == wanted or time.monotonic() - begun > ASKING_SECONDS:
            break
        time.sleep(0.3)
    done = MaintenanceSwitched(before=before, is_shown=is_maintenance(said), status=status_of(said))
    if wanted and not done.is_shown:
        done.why, done.selinux = _why_hidden(request.account, os.path.join(request.folder, SWITCH)), mode()
    return done


def _why_hidden(account: str, path: str) -> str:
    """Why Apache does not see the file, as far as this account can tell; "" if it cannot."""
    folder = ""
    for name in os.path.dirname(path).split("/")[1:]:
        folder += f"/{name}"
        if not may(account, "x", folder):
            return f"{account} cannot enter {folder}"
    if path.startswith(("/tmp/", "/var/tmp/")):  # noqa: S108 - the folder's name
        return "with PrivateTmp of its unit, Apache has its own /tmp and /var/tmp"
    return ""
