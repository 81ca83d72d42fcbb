"""The snapshot of a host: collected by one command (`remote/probe.sh`), parsed by a pure function."""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from ops.errors import read_answer
from ops.formats.uwsgi import ini_path
from ops.rendering.rendered_file import RenderedFile
from ops.schema import Host
from ops.secrets import redaction
from ops.secrets.masking import masked
from ops.secrets.redaction import MaskedParts
from ops.services.request_lines import directory_lines
from ops.services.restart_cost import RestartCost
from ops.services.restart_cost import parse as parse_cost
from ops.services.supervisord_state import parse as parse_supervisord
from ops.services.web_service import Service
from ops.services.web_service import parse as parse_service
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
    `rewritten`: files with the wanted content that differ from the last release, with the time of their last write.
    Services: `supervisord` is its state (supervisord_state.py), `supervisord_detail` the details; `programs`: the
    state of each process by name, if supervisord's file differs, or `untold`: why supervisord does not list them;
    `service`: whether the web service serves, None if not asked; `memory`: a uWSGI worker's and the free memory in
    kB, if a file differs; `restart_cost`: for a host whose Apache can only be restarted, if something differs.
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
    memory: tuple[int, int] | None = None
    programs: dict[str, str] | None = None
    untold: str = ""
    supervisord_detail: str = ""
    service: Service | None = None
    rewritten: dict[str, float] = field(default_factory=dict)
    read: dict[str, float] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)
    toolkit: str | None = None
    elsewhere: str | None = None
    restart_cost: RestartCost | None = None
    start: str = ""  # if supervisord is down: how to start it there (ops/services/supervisord_survival.py)


def probe(
    remote: Remote, wanted: list[RenderedFile], managed_directories: Iterable[str] = (), more: Iterable[str] = ()
) -> Snapshot:
    """Collect the snapshot with one command; also list the files of `managed_directories`. `more`: further requests.

    Raises HostError for a malformed answer.
    """
    asked = [*request(remote.host, wanted), *(f"place {folder}" for folder in managed_directories), *more]
    answer = remote.ask("probe", asked)
    with read_answer(remote.host.name, "probe"):
        snapshot = parse(answer)
        untold = [file.path for file in wanted if file.path not in snapshot.files]
        if untold:
            raise ValueError(f"it does not contain {untold[0]}")
        return snapshot


def request(host: Host, wanted: list[RenderedFile]) -> Iterator[str]:
    """The request to remote/probe.sh; with a line "digests" before it, no contents are sent."""
    yield f"state_dir {host.state_dir}"
    yield f"home {host.home}"
    yield from directory_lines(host)
    yield f"uwsgi {ini_path(host)}"
    yield from restart_lines(host)
    yield from (f"file {file.digest} {file.path}" for file in wanted)


def restart_lines(host: Host) -> Iterator[str]:
    """The request's lines about the cost of a restart, for a host whose Apache can only be restarted."""
    if not host.apache.reload:
        yield from (f"restart_word {word}" for word in host.apache.restart)
        yield f"apache_root {host.apache.server_root}"


def parse(answer: list[str]) -> Snapshot:
    """Parse the answer of probe.sh. Raises ValueError if it is incomplete."""
    files: dict[str, FoundFile] = {}
    deployed: dict[str, str] = {}
    words = {"release": "", "lock": "", "supervisord": "", "free": "", "unfinished": "", "commit": "", "memory": ""}
    words |= {"untold": "", "service": "", "toolkit": "", "elsewhere": "", "restart_cost": "", "start": ""}
    programs: dict[str, str] | None = None
    times: dict[str, dict[str, float]] = {"rewritten": {}, "read": {}, "started": {}}
    owed: list[str] = []
    staged: list[str] = []
    present: list[str] = []
    hidden: dict[str, MaskedParts] = {}
    last = ""
    for line in answer:
        kind, _, value = line.partition(" ")
        if kind == "file":
            digest, mode, place, last = value.split(" ", 3)
            files[last] = FoundFile(last, digest, mode.zfill(4), place == "theirs")
        elif kind == "content":
            files[last] = replace(files[last], content=base64.b64decode(value, validate=True))
        elif kind == "absent":
            files[value] = FoundFile(value, None)
        elif kind == "unreadable":
            files[value] = FoundFile(value, None, readable=False)
        elif kind == "deployed":
            digest, _mode, path = value.split(" ", 2)
            deployed[path] = digest
        elif kind == "secret":
            where, path = value.split(" ", 1)
            hidden[path] = redaction.from_record(where)
        elif kind == "programs":
            programs = {}
        elif kind == "program" and programs is not None:
            state, group, name = value.split(" ", 2)
            programs[name if name == group else f"{group}:{name}"] = state
        elif kind in ("rewritten", "read", "started"):
            time, _, name = value.partition(" ")
            times[kind][name] = float(time)
        elif kind == "present":
            present.append(value)
        elif kind == "owed":
            owed.append(value)
        elif kind == "staged":
            staged.append(value)
        elif kind in words:
            words[kind] = value
        elif kind != "end":
            raise ValueError(f"unexpected line {masked(line)[:80]!r}")
    if not answer or answer[-1] != "end":
        raise ValueError("it is incomplete")
    supervisord = parse_supervisord(words["supervisord"])
    each, _, free = words["memory"].partition(" ")
    return Snapshot(
        files=files,
        deployed=deployed,
        release=words["release"] or None,
        lock=words["lock"] or None,
        supervisord=supervisord.state,
        supervisord_pid=supervisord.pid,
        free_kilobytes=int(words["free"]) if words["free"] else None,
        owed=owed,
        present=present,
        unfinished=words["unfinished"] or None,
        staged=staged,
        commit=words["commit"] or None,
        masked_parts=hidden,
        memory=(int(each), int(free)) if free else None,
        programs=programs,
        untold=masked(words["untold"]),
        supervisord_detail=supervisord.detail,
        service=parse_service(words["service"]) if words["service"] else None,
        toolkit=words["toolkit"] or None,
        elsewhere=words["elsewhere"] or None,
        restart_cost=parse_cost(words["restart_cost"]) if words["restart_cost"] else None,
        start=words["start"],
        **times,
    )
