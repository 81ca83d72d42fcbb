"""Every request to the agent on a host and every answer of it: one definition, which both ends use.

On the way a message is one line of JSON, {"type": "ReleaseList", ...}. The operator's side has msgspec, which checks
each field; the agent has only the standard library (plain_message.py). Annotations are texts: Python 3.6 cannot read
them. Bytes travel in base64; file modes are octal, "0644"; bytes that are not UTF-8 are replaced in texts.
"""

TYPE_CHECKING = False  # typing's constant; to import typing takes longer than to start Python

try:
    import msgspec
except ImportError:
    msgspec = None  # type: ignore[assignment]

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


class Failure(Message):
    """The agent cannot answer; `reason` is for the operator."""

    reason: str


class Done(Message):
    """The end of a complete answer."""
