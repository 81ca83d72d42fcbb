"""The state of a host at one moment, collected by one remote command."""

import time
from dataclasses import dataclass, field, replace

from ops.agent import service_messages
from ops.agent.certificates_messages import CertificatesRequest
from ops.agent.health_messages import HealthRequest, HostHealth
from ops.agent.messages import Message
from ops.agent.probe_messages import ProbeRequest
from ops.agent.programs_messages import ProgramsRequest
from ops.agent.releases_messages import ReleasesRequest
from ops.deploy import releases, snapshot
from ops.deploy.drift import Drift, find_drift
from ops.deploy.releases import PastRelease
from ops.deploy.snapshot import Snapshot
from ops.errors import HostError, read_answer
from ops.formats.apps import views
from ops.formats.locations import door_ports
from ops.formats.web_program import web_program
from ops.monitoring import certificates, workers
from ops.monitoring.certificates import Expiry
from ops.monitoring.workers import WorkerPool
from ops.rendering.rendered_file import RenderedFile
from ops.schema import Host
from ops.secrets.masking import masked
from ops.services import maintenance_state, standby, supervisord
from ops.services.maintenance_state import Maintenance
from ops.services.request_parts import all_apps
from ops.services.standby import Standby
from ops.services.supervisord import Report
from ops.ssh.agent_answers import Answer
from ops.ssh.line_reader import Limits
from ops.ssh.session import Remote

# A slow host must not delay the others for long; one whose supervisord is suspended takes 25 seconds.
ANSWER = Limits(silence=45.0, seconds=90.0)
CANNOT_SEE = "this account cannot see other accounts' processes"
CERTIFICATES_EVERY = 600.0  # seconds
MOST_WAITING = 10  # connections in the app's queue; with more, the app gets no probe: it may hang


@dataclass(frozen=True)
class Disk:
    """A file system: kilobytes free, percent used, free inodes (None where it counts none), mount point."""

    free: int
    used: int
    inodes: int | None
    mount: str


@dataclass(frozen=True)
class ThroughApache:
    """Whether Apache reaches the app: "ok", "failed", "unknown" or "not-asked"; `found` describes it."""

    state: str = "not-asked"
    found: str = ""


@dataclass(frozen=True)
class AppMetrics:
    """How an app runs, and its uWSGI's workers.

    `problem`: why it does not answer on its own socket, "" if it does, None where unknown. `queue`: (connections that
    wait for it, room for them), None where unknown.
    """

    problem: str | None = None
    queue: tuple[int, int] | None = None
    through_apache: ThroughApache = ThroughApache()
    pool: WorkerPool = field(default_factory=WorkerPool)


@dataclass(frozen=True)
class HostMetrics:
    """How the services run (`ops/agent/health.py`).

    `ports`: port to whether something accepts connections there. `processes`: name to (process id, seconds), None
    where it does not run; a name that this account cannot see is missing. `shibd_listens`: whether shibd's socket is
    open. `pages`: port to the status that a visitor without a login gets for the first app's path, if any.
    `configtest`: why Apache refuses its files, "" where there is no fault, None where unknown. `maintenance` is the
    maintenance that is on, `closed` the ports on which a visitor gets its page.
    """

    now: int = 0
    ports: dict[int, bool] = field(default_factory=dict)
    processes: dict[str, tuple[int, int] | None] = field(default_factory=dict)
    disks: tuple[Disk, ...] = ()
    shibd_listens: bool = False
    standbys: tuple[Standby, ...] = ()
    pages: dict[int, int] = field(default_factory=dict)
    configtest: str | None = None
    maintenance: Maintenance | None = None
    closed: tuple[int, ...] = ()


@dataclass(frozen=True)
class Health:
    """One host at one moment; `drift` holds the managed files that differ, `apps` each app by name.

    `ending_seen` is when the certificates were read, in seconds since the epoch.
    """

    report: Report
    snapshot: Snapshot
    release: PastRelease | None
    drift: list[Drift]
    vitals: HostMetrics
    apps: dict[str, AppMetrics]
    ending: list[Expiry]
    ending_seen: float
    validated: PastRelease | None = None  # the last deploy that changed Apache's files, whose validation still holds

    def of_app(self, view: Host) -> AppMetrics:
        """The app of a view of the host (ops/formats/apps.py)."""
        return self.apps.get(view.app_name) or AppMetrics()

    @property
    def release_age(self) -> int | None:
        """Seconds since the release was made, by the host's clock."""
        at = self.release.facts.get("at", "") if self.release else ""
        return max(0, self.vitals.now - int(at)) if at.isdigit() else None


def collect(remote: Remote, wanted: list[RenderedFile], last: Health | None = None) -> Health:
    """Collect the state of the host. The costly checks are reused from `last` for CERTIFICATES_EVERY seconds.

    These are the certificates, and Apache's configuration test if it passed. `wanted` is rendered without the values
    of secrets. Raises HostError for an answer that cannot be read, Unreachable.
    """
    host = remote.host
    if last and time.time() - last.ending_seen > CERTIFICATES_EVERY:
        last = None
    tested = last is not None and last.vitals.configtest == ""
    asked: list[Message] = [
        snapshot.request(host, wanted, contents=False),
        releases.request(host),
        request(host, remote.sudo_password, configtest=not tested),
        supervisord.states_request(host),
    ]
    if last is None:
        asked.append(certificates.request(host))
    served = [view for view in views(host) if web_program(view)]
    of_workers = [workers.request(view, record=False, reasons=True) for view in served]
    received = remote.answers(*asked, *of_workers, limits=ANSWER)
    answers = dict(zip(map(type, asked), received[: len(asked)], strict=True))
    found = snapshot.read(answers[ProbeRequest])
    with read_answer(host.name, "status"):
        past = releases.parse_releases(releases.parse(answers[ReleasesRequest]).releases)
        vitals, apps = read(answers[HealthRequest])
        for view, answer in zip(served, received[len(asked) :], strict=True):
            apps[view.app_name] = replace(apps[view.app_name], pool=workers.parse(view, answer))
        return Health(
            report=_report(host, answers[ProgramsRequest]),
            snapshot=found,
            release=next((release for release in past if release.current), None),
            drift=[one for one in find_drift(wanted, found, values=False) if one.state != "same"],
            vitals=replace(vitals, configtest="") if tested else vitals,
            apps=apps,
            ending=last.ending if last else certificates.parse(host, answers[CertificatesRequest]),
            ending_seen=last.ending_seen if last else time.time(),
            validated=releases.last_validated(past),
        )


def _report(host: Host, answer: Answer) -> Report:
    try:
        return supervisord.read_states(host, answer)
    except HostError as error:
        return Report("unknown", None, [], [], trouble=error.message)


def request(host: Host, sudo_password: str | None = None, *, configtest: bool = True) -> HealthRequest:
    """The request to the agent (`ops/agent/health.py`); without `configtest`, Apache's files are not tested."""
    return HealthRequest(
        state_dir=host.state_dir,
        most_waiting=MOST_WAITING,
        server_name=host.apache.server_name,
        page=host.app.path,
        ports=[*door_ports(host).values()],
        disks=[host.home, host.log_dir, host.apache.log_dir, "/tmp"],  # noqa: S108 - only read
        configtest=[*host.apache.configtest] if configtest else [],
        sudo_password=sudo_password or "",
        apps=all_apps(host),
        maintenance=host.maintenance.folder,
    )


def read(answer: Answer) -> tuple[HostMetrics, dict[str, AppMetrics]]:
    """Read the agent's answer: the host, and each app by name. Raises HostError if it is malformed."""
    found = answer.only(HostHealth)
    apps = {one.name: AppMetrics(_masked(one.problem), one.queue, _through(one.through_apache)) for one in found.apps}
    metrics = HostMetrics(
        now=found.now,
        ports={one.port: one.state == "open" for one in found.ports},
        processes={
            one.name: (one.pid, one.age) if one.pid else None for one in found.processes if one.pid is not None
        },
        disks=tuple({one.mount: Disk(one.free, one.used, one.inodes, one.mount) for one in found.disks}.values()),
        shibd_listens=found.shibd_listens,
        standbys=tuple(map(standby.read, found.standbys)),
        pages={one.port: one.status for one in found.ports if one.status},
        configtest=_masked(found.configtest),
        maintenance=maintenance_state.read(found.maintenance),
        closed=tuple(one.port for one in found.ports if one.is_maintenance),
    )
    return metrics, apps


def _through(found: service_messages.ThroughApache | None) -> ThroughApache:
    return ThroughApache(found.state, masked(found.found)) if found else ThroughApache()


def _masked(problem: str | None) -> str | None:
    return None if problem is None else masked(problem)
