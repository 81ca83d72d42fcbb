"""The snapshot of a host: collected by one command (`ops/agent/probe.py`)."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ops.agent.probe_messages import BakeState, FileState, HostState, ProbeRequest, ServiceState
from ops.agent.service_messages import SoftwareState, Surroundings
from ops.errors import HostError, read_answer
from ops.formats.apps import views
from ops.formats.uwsgi import ini_path
from ops.rendering.rendered_file import RenderedFile
from ops.schema import Host
from ops.secrets import redaction
from ops.secrets.masking import masked
from ops.secrets.redaction import MaskedParts
from ops.services import supervisord_state
from ops.services.request_parts import apps_with_programs, software, supervisord_place
from ops.services.restart_cost import RestartCost, restart_cost
from ops.services.supervisord_state import Supervisord
from ops.services.web_service import Service
from ops.ssh.agent_answers import Answer
from ops.ssh.session import Remote


@dataclass(frozen=True)
class FoundFile:
    """One managed path as it is on the host.

    `digest` is SHA-256 in hex, None if there is no file; `content` is set only if it differs from the wanted one.
    `mode_is_fixed`: the account may write the file, but not its folder.
    """

    path: str
    digest: str | None
    mode: str = ""
    mode_is_fixed: bool = False
    content: bytes | None = field(default=None, repr=False)
    readable: bool = True


@dataclass(frozen=True)
class Snapshot:
    """One host at one moment.

    Releases: `deployed` is path to digest in the last release; `commit` and `toolkit` are the git commits of its
    inventory and its templates; `masked_parts`: where its files hold secrets; `elsewhere`: the folder with the host's
    releases if `state_dir` has none.
    Deploys: `lock` is the lock owner of a running deploy; `unfinished`: the release of a deploy that died; `staged`:
    deploys that are being sent, or died during that; `owed`: the pending reloads.
    Files: `present`: the files in the requested directories; `free_kilobytes`: free space, if it is known;
    `rewritten`: wanted files that are not as the last release has them, with the time of their last write.
    Services: `supervisord` is its state (supervisord_state.py), `supervisord_detail` and `supervisord_file` the
    details; `programs`: the state of each process by name, if supervisord's file differs, or `untold`: why it
    does not list them; `service`: whether the web service serves, None if not asked; `memory`: a uWSGI worker's and
    the free memory in kB, if a file differs; `restart_cost`: for a host whose Apache can only be restarted, if
    something differs.
    Times by the host's clock, if there are `rewritten` files: `read`: when a service last read its files ("apache",
    "uwsgi.serving", and programs that we started or reloaded); `started`: when each program started.
    """

    files: dict[str, FoundFile]
    deployed: dict[str, str]
    release: str | None
    lock: str | None
    supervisord: str
    supervisord_pid: int | None
    free_kilobytes: int | None
    owed: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    unfinished: str | None = None
    staged: list[str] = field(default_factory=list)
    commit: str | None = None
    masked_parts: dict[str, MaskedParts] = field(default_factory=dict)
    memory: dict[str, tuple[int, int]] = field(default_factory=dict)
    programs: dict[str, str] | None = None
    untold: str = ""
    supervisord_detail: str = ""
    supervisord_file: str = ""
    services: tuple[Service, ...] = ()
    rewritten: dict[str, float] = field(default_factory=dict)
    read: dict[str, float] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)
    toolkit: str | None = None
    elsewhere: str | None = None
    restart_cost: RestartCost | None = None
    start: str = ""  # if supervisord is down: how to start it there (ops/services/supervisord_survival.py)
    software: SoftwareState | None = None  # if the inventory names the app's version
    surroundings: Surroundings = field(default_factory=Surroundings)  # of supervisord's file, if it differs
    bake: BakeState | None = None  # a release on trial, or how a bake ended that nobody followed to its end

    def supervisord_state(self) -> Supervisord:
        """supervisord's state as one value."""
        return Supervisord(self.supervisord, self.supervisord_pid, self.supervisord_detail, self.supervisord_file)


def probe(
    remote: Remote,
    wanted: list[RenderedFile],
    managed_directories: Iterable[str] = (),
    *,
    service: bool = False,
) -> Snapshot:
    """Collect the snapshot with one command; also list the files of `managed_directories`.

    `service`: ask also whether the apps serve. Raises HostError for a malformed answer.
    """
    asked = request(remote.host, wanted)
    asked.folders = [*managed_directories]
    asked.apps = apps_with_programs(remote.host) if service else []
    snapshot = read(remote.answer(asked, also=("through_apache",) if any(one.own_page for one in asked.apps) else ()))
    missing = [file.path for file in wanted if file.path not in snapshot.files]
    if missing:
        raise HostError(remote.host.name, f"its answer does not contain {missing[0]}", left="everything")
    return snapshot


def request(host: Host, wanted: list[RenderedFile], *, contents: bool = True) -> ProbeRequest:
    """The request to the agent (`ops/agent/probe.py`); without `contents`, the digests of files are enough."""
    return ProbeRequest(
        supervisord=supervisord_place(host),
        home=host.home,
        uwsgi_files={view.app_name: ini_path(view) for view in views(host)},
        files=[(file.path, file.digest) for file in wanted],
        contents=contents,
        restart=[] if host.apache.reload else [*host.apache.restart],
        server_root=host.apache.server_root,
        software=software(host),
    )


def read(answer: Answer) -> Snapshot:
    """Read the agent's answer. Raises HostError if it is malformed."""
    found = answer.only(HostState)
    with read_answer(answer.host, "probe"):
        return _snapshot(found)


def _snapshot(found: HostState) -> Snapshot:
    supervisord = supervisord_state.read(found.supervisord)
    programs = {one.name: one for one in found.programs or []}
    return Snapshot(
        files={file.path: _file(file) for file in found.files},
        deployed=dict(found.deployed),
        release=found.release or None,
        lock=found.lock or None,
        supervisord=supervisord.state,
        supervisord_pid=supervisord.pid,
        free_kilobytes=found.free,
        owed=found.owed,
        present=found.present,
        unfinished=found.unfinished,
        staged=found.staged,
        commit=found.commit or None,
        masked_parts={path: redaction.from_record(where) for path, where in found.secrets},
        memory=found.memory,
        programs=None if found.programs is None else {name: one.state for name, one in programs.items()},
        untold=masked(found.untold),
        supervisord_detail=supervisord.detail,
        supervisord_file=supervisord.conf,
        services=tuple(map(_service, found.services)),
        toolkit=found.toolkit or None,
        elsewhere=found.elsewhere or None,
        restart_cost=restart_cost(found.restart) if found.restart else None,
        start=found.start,
        software=found.software,
        surroundings=found.surroundings or Surroundings(),
        bake=found.bake,
        rewritten=dict(found.rewritten),
        read=dict(found.read),
        started={name: one.started for name, one in programs.items() if one.started},
    )


def _file(file: FileState) -> FoundFile:
    return FoundFile(
        file.path,
        file.digest,
        file.mode,
        file.mode_is_fixed,
        file.content,
        readable=not file.exists or file.digest is not None,
    )


def _service(found: ServiceState) -> Service:
    return Service(found.app, masked(found.problem), found.program, found.unreached)
