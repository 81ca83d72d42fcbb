"""The request for the releases of a host, and its answers."""

from ops.agent.messages import Message


class ReleasesRequest(Message):
    """All records of releases, the files of those in `contents`; `originals`: the files before the first deploy, too.

    `home` and `uwsgi_file` lead to another folder with releases, if `state_dir` has none.
    """

    state_dir: str
    home: str
    uwsgi_file: str
    contents: "tuple[str, ...]" = ()
    originals: bool = False


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
