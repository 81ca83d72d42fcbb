"""The state of a host at one moment, collected by one remote command."""

import base64
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ops.agent.messages import CertificatesRequest, Message, ReleasesRequest, WorkersRequest
from ops.deploy import releases, snapshot
from ops.deploy.drift import Drift, find_drift
from ops.deploy.releases import PastRelease
from ops.deploy.snapshot import Snapshot
from ops.errors import HostError, read_answer
from ops.monitoring import certificates, workers
from ops.monitoring.certificates import Expiry
from ops.monitoring.workers import WorkerPool
from ops.rendering.rendered_file import RenderedFile
from ops.schema import Host
from ops.services import supervisord
from ops.services.reload import web_program
from ops.services.standby import Standby
from ops.services.standby import parse as parse_standby
from ops.services.supervisord import Report
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
class HostMetrics:
    """The answer of remote/health.sh.

    `ports`: port to whether something accepts connections there. `processes`: name to (process id, seconds), None
    where it does not run; a name that this account cannot see is missing. `shibd_listens`: whether shibd's socket is
    open. `queue`: (connections that wait for the app, room for them), None where unknown. `pages`: port to the status
    that a visitor without a login gets for the app's path, if any. `app` is why the app does not answer on its own
    socket, `configtest` why Apache refuses its files: "" where there is no fault, None where unknown.
    """

    now: int = 0
    ports: dict[int, bool] = field(default_factory=dict)
    processes: dict[str, tuple[int, int] | None] = field(default_factory=dict)
    queue: tuple[int, int] | None = None
    disks: tuple[Disk, ...] = ()
    shibd_listens: bool = False
    standbys: tuple[Standby, ...] = ()
    pages: dict[int, int] = field(default_factory=dict)
    app: str | None = None
    configtest: str | None = None
    through_apache: ThroughApache = ThroughApache()


@dataclass(frozen=True)
class Health:
    """One host at one moment; `drift` holds the managed files that differ.

    `ending_seen` is when the certificates were read, in seconds since the epoch.
    """

    report: Report
    snapshot: Snapshot
    release: PastRelease | None
    drift: list[Drift]
    vitals: HostMetrics
    pool: WorkerPool
    ending: list[Expiry]
    ending_seen: float
    validated: PastRelease | None = None  # the last deploy that changed Apache's files, whose validation still holds

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
    asked = {
        "probe": ["digests", *snapshot.request(host, wanted)],
    }
    by_agent: list[Message] = [releases.request(host)]
    if web_program(host):
        by_agent.append(workers.request(host, record=False, reasons=True))
    if last and time.time() - last.ending_seen > CERTIFICATES_EVERY:
        last = None
    tested = last is not None and last.vitals.configtest == ""
    asked["health"] = [*request(host, configtest=not tested), *remote.password_lines()]
    if last is None:
        by_agent.append(certificates.request(host))
    asked["programs"] = supervisord.request(host, "states")
    answers = remote.run_together(asked, ANSWER)
    told = dict(zip(map(type, by_agent), remote.answers(*by_agent, limits=ANSWER), strict=True))
    with read_answer(host.name, "status"):
        found = snapshot.parse(answers["probe"])
        past = releases.parse_releases(releases.parse(told[ReleasesRequest]).releases)
        vitals = parse(answers["health"])
        return Health(
            report=_report(host, answers["programs"]),
            snapshot=found,
            release=next((release for release in past if release.current), None),
            drift=[one for one in find_drift(wanted, found, values=False) if one.state != "same"],
            vitals=replace(vitals, configtest="") if tested else vitals,
            pool=workers.parse(host, told[WorkersRequest]) if web_program(host) else WorkerPool(),
            ending=last.ending if last else certificates.parse(host, told[CertificatesRequest]),
            ending_seen=last.ending_seen if last else time.time(),
            validated=releases.last_validated(past),
        )


def _report(host: Host, answer: list[str]) -> Report:
    try:
        return supervisord.parse(host, "states", answer)
    except HostError as error:
        return Report("unknown", None, [], [], trouble=error.message)


def request(host: Host, *, configtest: bool = True) -> Iterator[str]:
    """The request for remote/health.sh; without `configtest`, Apache's files are not tested."""
    yield f"state_dir {host.state_dir}"
    if configtest:
        yield from (f"configtest {word}" for word in host.apache.configtest)
    yield f"queue {MOST_WAITING} {host.app.listen}"
    if web_program(host):
        yield from supervisord.app_lines(host)
        yield from supervisord.through_apache_lines(host)
    yield f"visit {host.apache.server_name} {host.app.path}"
    yield f"listens {host.apache.port}"
    yield f"listens {host.apache.cert_port}"
    yield from (f"disk {path}" for path in (host.home, host.log_dir, host.apache.log_dir, "/tmp"))  # noqa: S108 - only read


def parse(answer: list[str]) -> HostMetrics:
    """Parse the answer of health.sh. Raises ValueError."""
    found, disks = HostMetrics(), {}
    for line in answer:
        kind, *words = line.split(" ")
        if kind == "now":
            found = replace(found, now=int(words[0]))
        elif kind == "port":
            found.ports[int(words[1])] = words[0] == "open"
        elif kind == "shibd":
            found = replace(found, shibd_listens=True)
        elif kind == "standby":
            found = replace(found, standbys=(*found.standbys, parse_standby(words)))
        elif kind == "process" and words[1:] != ["hidden"]:
            numbers = [int(word) for word in words[1:]]
            found.processes[words[0]] = (numbers[0], numbers[1] if numbers[1:] else 0) if numbers else None
        elif kind == "page":
            found.pages[int(words[1])] = int(words[0])
        elif kind == "app":
            found = replace(found, app=_joined(words))
        elif kind == "through_apache":
            found = replace(found, through_apache=ThroughApache(words[0], _decoded(words[1])))
        elif kind == "configtest":
            found = replace(found, configtest=_joined(words))
        elif kind == "queue":
            found = replace(found, queue=(int(words[0]), int(words[1])))
        elif kind == "disk":
            mount = " ".join(words[3:])
            disks[mount] = Disk(int(words[0]), int(words[1]), int(words[2]) if words[2].isdigit() else None, mount)
    return replace(found, disks=tuple(disks.values()))


def _joined(words: list[str]) -> str | None:
    """The fault that a check found: "" for none, None for unknown, else the tools' own text. Raises ValueError."""
    if words[1:]:
        return _decoded(words[1]) or "no reason given"
    return None if words == ["unknown"] else ""


def _decoded(text: str) -> str:
    return base64.b64decode(text, validate=True).decode(errors="replace").strip()
