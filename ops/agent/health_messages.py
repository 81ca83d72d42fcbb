"""The request for how the services of a host run, and its answer."""

from ops.agent.maintenance_messages import MaintenanceState
from ops.agent.messages import Message
from ops.agent.service_messages import ApachePage, App, PortState, StandbyState, ThroughApache


class HealthRequest(Message):
    """How the services run.

    `configtest`: the words of Apache's configuration test, if it is wanted, with sudo's password, if it was given.
    `app` is asked unless `most_waiting` connections wait for it already, and then Apache for its page. A visitor asks
    Apache's `ports` for `page` of `server_name`. `disks`: paths on the file systems that are looked at.
    `maintenance`: the folder of the maintenance page.
    """

    state_dir: str
    most_waiting: int
    listen: str
    server_name: str
    page: str
    ports: "list[int]"
    disks: "list[str]"
    configtest: "list[str]" = []
    sudo_password: str = ""
    app: "App | None" = None
    apache_page: "ApachePage | None" = None
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


class HostHealth(Message):
    """How the services run at the time `now` of the host's clock, in seconds since 1970.

    `queue`: (connections that wait for the app, room for them), None where the host does not tell. `app`: why the app
    does not answer, `configtest`: why Apache refuses its files: "" where there is no fault, None where unknown.
    `through_apache` is None if it was not asked. `maintenance` is None if none is on.
    """

    now: int
    ports: "list[PortState]" = []
    processes: "list[ServiceProcess]" = []
    shibd_listens: bool = False
    standbys: "list[StandbyState]" = []
    queue: "tuple[int, int] | None" = None
    disks: "list[DiskState]" = []
    app: "str | None" = None
    configtest: "str | None" = None
    through_apache: "ThroughApache | None" = None
    maintenance: "MaintenanceState | None" = None
