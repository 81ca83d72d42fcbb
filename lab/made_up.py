"""`python -m lab.made_up`: the screen of `status` for 3, 8 and 30 hosts, as docs/pictures/status-*.svg.

The hosts are made up, since so many do not fit on one machine.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from lab.pictures import EVERY, WIDTH, picture
from ops.deploy.drift import EDITED, TEMPLATE, Drift
from ops.deploy.releases import PastRelease
from ops.deploy.snapshot import Snapshot
from ops.errors import Unreachable
from ops.inventory import capacity
from ops.inventory.defaults import host_from
from ops.monitoring.certificates import Expiry
from ops.monitoring.health import AppMetrics, Disk, Health, HostMetrics, ThroughApache
from ops.monitoring.worker_history import MEGABYTE
from ops.monitoring.workers import Worker, WorkerPool
from ops.schema import Fleet, Host
from ops.services.supervisord import ProgramState, Report
from ops.ui import status_view, watch

SIZES = (3, 8, 30)
HEIGHT = 40  # lines of the terminal with the most hosts
NOW, DAY = 1_800_000_000, 86_400
WEB = ProgramState("poms_webservice", "RUNNING", 4100, 6 * DAY, "")
AGENTS = [ProgramState(name, "RUNNING", 4101, 6 * DAY, "") for name in ("poms_joblog_agent", "poms_status_agent")]
FATAL = ProgramState("poms_status_agent", "FATAL", 0, 0, "Exited too quickly (process log may have details)")


def made_up_host(number: int) -> Host:
    """A host with the web service and two agents."""
    command = "uwsgi --ini /home/poms/private/config/poms/uwsgi-service.ini"
    programs = {"poms_webservice": {"command": command}} | {one.name: {"command": one.name} for one in AGENTS}
    name = f"pomsgpvm{number:02}"
    uwsgi = {"workers": 6, "threads": 10, "options": {"stats": "/home/poms/private/s"}}
    return host_from({"name": name, "address": f"{name}.example.org", "uwsgi": uwsgi, "programs": programs})


def made_up_health(number: int, **changes: Any) -> Health:
    """The health of a host without errors, except for `changes`."""
    pool = WorkerPool(tuple(_worker(one, number) for one in range(1, 7)))
    release = PastRelease("20270109T091500Z-2a6e", True, {"at": str(NOW - 6 * DAY), "by": "jdoe@EXAMPLE.ORG"})
    well = Health(
        report=Report("up", 4000, [WEB, *AGENTS], []),
        snapshot=Snapshot({}, {}, release.name, None, "up", 4000, 10**7),
        release=release,
        drift=[],
        vitals=HostMetrics(
            NOW,
            {443: True, 8443: True},
            {"apache": (700, 40 * DAY), "shibd": (701, 40 * DAY)},
            (Disk((100 - 40 - number % 9) * 10**6, 40 + number % 9, 10**6, "/home"),),
            shibd_listens=True,
        ),
        apps={"service": AppMetrics("", (0, 100), ThroughApache("ok"), pool)},
        ending=[Expiry("host", "/etc/grid-security/hostcert.pem", days=71.5 - number)],
        ending_seen=NOW,
    )
    return replace(well, **changes)


def _worker(number: int, seed: int) -> Worker:
    busy = number <= seed % 4
    return Worker(
        id=number,
        pid=4200 + number,
        state="busy" if busy else "idle" if number <= 4 else "cheap",
        requests=1200 * number + seed,
        size=(640 + 10 * ((number * seed) % 7)) * MEGABYTE,
        age=5 * DAY,
        busy_cores=3 if busy else 0,
        cores=10,
    )


def made_up(count: int) -> tuple[list[Host], status_view.Seen]:
    """So many hosts, and their health."""
    hosts = [made_up_host(number) for number in range(1, count + 1)]
    disk = HostMetrics(**vars(made_up_health(9).vitals) | {"disks": (Disk(180_000, 99, 10**6, "/home"),)})
    trouble: dict[int, dict[str, Any]] = {
        2: {"report": Report("up", 4000, [WEB, AGENTS[0], FATAL], [])},
        5: {"drift": [Drift("/home/poms/supervisord.conf", EDITED)]},
        6: {"report": Report("up", 4000, [WEB, AGENTS[0], FATAL], [])},
        7: {"drift": [Drift("/etc/httpd/conf.d/ssl.conf", TEMPLATE)]},
        9: {"vitals": disk},
        11: {"drift": [Drift("/etc/httpd/conf.d/ssl.conf", TEMPLATE)]},
        21: {"report": Report("up", 4000, [WEB, AGENTS[0], FATAL], [])},
    }
    down = {3, 17, 23}
    error = "cannot connect to poms@{} port 22: timed out"
    errors = [
        (host, Unreachable(host.name, error.format(host.address), next_step="is it up, and the network between you?"))
        for number, host in enumerate(hosts, 1)
        if number in down
    ]
    seen = [
        (host, made_up_health(number, **trouble.get(number, {})))
        for number, host in enumerate(hosts, 1)
        if number not in down
    ]
    return hosts, status_view.Seen(seen, errors)


def draw(hosts: list[Host], seen: status_view.Seen, width: int) -> Iterator[RenderableType]:
    """The screen of `fab status` for these hosts."""
    yield from status_view.draw(seen, width, rows=len(hosts) > status_view.MOST_COLUMNS)
    yield Text(f"capacity: {capacity.describe(hosts, Fleet(default=hosts[0].name))}", style="dim")


def draw_watched(count: int, width: int, height: int) -> RenderableType:
    """The screen of `fab status --watch` for so many hosts on a terminal of that size."""
    hosts, seen = made_up(count)
    health = {host.name: health for host, health in seen.hosts}
    errors = {host.name: error for host, error in seen.errors}
    watched = [watch.Watched[Health](host) for host in hosts]
    for one in watched:
        if one.host.name in errors:
            one.lose(errors[one.host.name])
        else:
            one.take(health[one.host.name])

    def drawn(told: list[watch.Watched[Health]], width: int) -> Iterator[RenderableType]:
        return draw(hosts, status_view.Seen([(one.host, one.last) for one in told if one.last]), width)

    screen = Console(width=width, height=height, force_terminal=True, color_system="truecolor")
    return watch.shown(Group(*watch.screen(watched, drawn, EVERY, width)), watch.Scroll(), screen)


def main() -> None:
    """Write the pictures."""
    for count in SIZES[:-1]:
        picture(f"status-{count}", f"fab status, {count} hosts", Group(*draw(*made_up(count), WIDTH)))
    count = SIZES[-1]
    title = f"fab status --watch, {count} hosts on {HEIGHT} lines"
    picture(f"status-{count}", title, draw_watched(count, WIDTH, HEIGHT))


if __name__ == "__main__":
    main()
