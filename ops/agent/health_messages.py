"""The request for how the services of a host run, and its answer."""

from ops.agent.maintenance_messages import MaintenanceState
from ops.agent.messages import Message
from ops.agent.service_messages import App, PortState, StandbyState, ThroughApache


class HealthRequest(Message):
    """How the services run.

    `configtest`: the words of Apache's configuration test, if it is wanted, with sudo's password, if it was given.
    Each of `apps` is asked unless `most_waiting` connections wait for it already, and then Apache for its page. One
    without a program is not asked. A visitor asks
    Apache's `ports` for `page` of `server_name`. `disks`: paths on the file systems that are looked at.
    `maintenance`: the folder of the maintenance page.
    """

    state_dir: str
    most_waiting: int
    server_name: str
    page: str
    ports: "list[int]"
    disks: "list[str]"
    configtest: "list[str]" = []
    sudo_password: str = ""
    apps: "list[App]" = []
    maintenance: str = ""


class DiskState(Message):
    """A file system: kilobytes free, percent used, free inodes (None where it counts none), mount point."""

    free: int
    used: int
    inodes: "int | None"
    mount: str


class ServiceProcess(Message):
    """A process of a service: its id (0: it does not run; None: this account cannot see it), its age in seconds."""

    name: str
    pid: "int | None"
    age: int = 0


class AppHealth(Message):
    """How an app is. `problem`: why it does not answer, "" if it does, None where unknown.

    `queue`: (connections that wait for it, room for them), None where the host does not tell. `through_apache` is
    None if it was not asked.
    """

    name: str
    problem: "str | None" = None
    queue: "tuple[int, int] | None" = None
    through_apache: "ThroughApache | None" = None


class HostHealth(Message):
    """How the services run at the time `now` of the host's clock, in seconds since 1970.

    `configtest`: why Apache refuses its files, "" where there is no fault, None where unknown. `maintenance` is None
    if none is on.
    """

    now: int
    ports: "list[PortState]" = []
    processes: "list[ServiceProcess]" = []
    shibd_listens: bool = False
    standbys: "list[StandbyState]" = []
    disks: "list[DiskState]" = []
    apps: "list[AppHealth]" = []
    configtest: "str | None" = None
    maintenance: "MaintenanceState | None" = None
