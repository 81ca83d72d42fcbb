"""Every request to the agent on a host and every answer of it: one definition, which both ends use.

On the way a message is one line of JSON, {"type": "ReleaseList", ...}. The operator's side has msgspec, which checks
each field; the agent has only the standard library (plain_message.py). Annotations are texts: Python 3.6 cannot read
them. Bytes travel in base64; file modes are octal, "0644"; bytes that are not UTF-8 are replaced in texts.
"""

TYPE_CHECKING = False  # typing's constant; to import typing takes longer than to start Python

PROTOCOL = 1  # of the lines in both directions; the agent's greeting names it

try:
    import msgspec
except ImportError:
    msgspec = None  # type: ignore[assignment] # on a host, where mypy never is

if TYPE_CHECKING or msgspec:

    class Message(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag=True):
        """The base of all messages."""

else:
    from ops.agent.plain_message import Message


# ---- requests ------------------------------------------------------------------------------------------------


class ReleasesRequest(Message):
    """All records of releases, the files of those in `contents`; `originals`: the files before the first deploy, too.

    `home` and `uwsgi_file` lead to another folder with releases, if `state_dir` has none.
    """

    state_dir: str
    home: str
    uwsgi_file: str
    contents: "tuple[str, ...]" = ()
    originals: bool = False


class WorkersRequest(Message):
    """uWSGI's workers, from its stats server `stats`, a socket.

    `log`: uWSGI's log. With `patterns`, a regular expression for each field of a line, it is read for the memory of
    the workers; otherwise only its end is read, for why workers were replaced.
    """

    stats: str
    log: str = ""
    patterns: "dict[str, str]" = {}


class CertificatesRequest(Message):
    """The host's certificate, those in `folders`, as (kind, path), and the revocation lists of a folder ("": none).

    `ports` are asked for the certificate that they show.
    """

    certificate: str
    folders: "list[tuple[str, str]]"
    revocation_dir: str
    ports: "list[int]"


# ---- answers -------------------------------------------------------------------------------------------------


class ReleaseRecord(Message):
    """One release: its name, and the lines of its record (ops/deploy/releases.py reads them)."""

    name: str
    lines: "list[str]"


class ReleaseList(Message):
    """All releases, by name. `current`: the running one, or ""; `elsewhere`: another folder with releases, or ""."""

    records: "list[ReleaseRecord]"
    current: str
    elsewhere: str


class ReleaseFile(Message):
    """One file of a release; `content` is None if it is lost."""

    path: str
    mode: str
    content: "bytes | None"


class ReleaseContents(Message):
    """The files of one release; `host`: the host's values at that time as JSON, "" if they were not recorded."""

    name: str
    host: str
    files: "list[ReleaseFile]"


class OriginalFile(Message):
    """A file before the first deploy: with `content`, not `existed`, or lost (neither)."""

    path: str
    existed: bool
    mode: str = ""
    content: "bytes | None" = None


class Originals(Message):
    """Each file that a release has changed, as the first of them found it."""

    files: "list[OriginalFile]"


class WorkerState(Message):
    """One worker: sizes in bytes, `last_spawn` in seconds since 1970, `points` as (seconds since 1970, bytes).

    `spawns` counts its processes; `reasons` why earlier ones were replaced, as far back as the log was read.
    """

    id: int
    pid: int
    state: str
    requests: int
    exceptions: int
    harakiris: int
    resident: int
    size: int
    spawns: int
    last_spawn: int
    cores: int
    busy_cores: int
    points: "list[tuple[int, int]]" = []
    reasons: "dict[str, int]" = {}
    last_reason: str = ""


class WorkerPoolState(Message):
    """All workers at the time `now` of the host's clock, in seconds since 1970.

    `problem` says why the stats server, `log_problem` why the log could not be read.
    """

    now: int
    workers: "list[WorkerState]"
    queue_errors: int
    problem: str = ""
    log_problem: str = ""


class CertificateFile(Message):
    """A file with a certificate in PEM; `problem`, if it has none: "absent", "unreadable" or "broken"."""

    kind: str
    path: str
    content: bytes
    problem: str


class RevocationList(Message):
    """A revocation list in DER without its entries; `changed`: when its file changed, in seconds since 1970."""

    path: str
    content: bytes
    changed: float
    problem: str


class ServedCertificate(Message):
    """The certificate in PEM that a port shows; empty if it shows none."""

    port: int
    content: bytes


class CertificateFiles(Message):
    """All certificates and lists. Times are in seconds since 1970; `apache_read_at` is None if it is unknown."""

    now: float
    files: "list[CertificateFile]"
    lists: "list[RevocationList]"
    served: "list[ServedCertificate]"
    apache_read_at: "float | None"


class Alive(Message):
    """A sign of life from time to time, while a step takes long."""


class Failure(Message):
    """The agent cannot answer; `reason` is for the operator, `evidence` where it happened."""

    reason: str
    evidence: str = ""


class NoPython(Message):
    """There is no Python on the host that can run the agent; `tried`: the names and places that were looked for."""

    tried: str


class Done(Message):
    """The end of a complete answer; `python`: the interpreter's version and path."""

    python: str
