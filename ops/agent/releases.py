"""The releases of this host, read from the state folder. Changes nothing."""

import os

from ops.agent.release_folders import content_of, lines_of, names_in, releases_elsewhere, running_release, text_of
from ops.agent.releases_messages import (
    OriginalFile,
    Originals,
    ReleaseContents,
    ReleaseFile,
    ReleaseList,
    ReleaseRecord,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.agent.messages import Message
    from ops.agent.releases_messages import ReleasesRequest


def answer(request: "ReleasesRequest") -> "Iterator[Message]":
    """All releases, then the contents and the original files that the request names."""
    current = running_release(request.state_dir)
    elsewhere = "" if current else releases_elsewhere(request.state_dir, request.home, [request.uwsgi_file])
    yield ReleaseList(records=list(_records(request.state_dir)), current=current, elsewhere=elsewhere)
    for name in request.contents:
        contents = _contents(request.state_dir, name)
        if contents:
            yield contents
    if request.originals:
        yield Originals(files=list(_originals(request.state_dir)))


def _records(state_dir: str) -> "Iterator[ReleaseRecord]":
    for name in names_in(os.path.join(state_dir, "releases")):
        lines = lines_of(os.path.join(state_dir, "releases", name, "meta"))
        if lines is not None:
            yield ReleaseRecord(name=name, lines=lines)


def _contents(state_dir: str, name: str) -> "ReleaseContents | None":
    folder = os.path.join(state_dir, "releases", name)
    manifest = lines_of(os.path.join(folder, "manifest"))
    if manifest is None:
        return None
    host = text_of(os.path.join(folder, "host")).splitlines()
    files = []
    for line in manifest:
        digest, mode, path = line.split(" ", 2)
        content = content_of(os.path.join(state_dir, "objects", digest))
        files.append(ReleaseFile(path=path, mode=mode, content=content))
    return ReleaseContents(name=name, host=host[0] if host else "", files=files)


def _originals(state_dir: str) -> "Iterator[OriginalFile]":
    """Each file as the first release that changed it found it; "old.N" is the backup of its N-th changed file."""
    seen: set[str] = set()
    for folder, lines in _live_releases(state_dir):
        changed = [line.split(" ", 2)[1:] for line in lines if line.startswith("changed ")]
        for number, (kind, path) in enumerate(changed, 1):
            if path in seen:
                continue
            seen.add(path)
            backup = os.path.join(folder, f"old.{number}")
            content = None if kind == "create" else content_of(backup)
            mode = "" if content is None else f"{os.stat(backup).st_mode & 0o7777:04o}"
            yield OriginalFile(path=path, existed=kind != "create", mode=mode, content=content)


def _live_releases(state_dir: str) -> "list[tuple[str, list[str]]]":
    """The folder and the record of each release that was live, the oldest first; of some only the record is left."""
    found = []
    for kind in ("kept", "releases"):
        for name in names_in(os.path.join(state_dir, kind)):
            folder = os.path.join(state_dir, kind, name)
            lines = lines_of(os.path.join(folder, "meta")) or []
            if "ended committed" in lines:
                numbers = [line.split(" ", 1)[1] for line in lines if line.startswith("sequence ")]
                number = int(numbers[-1]) if numbers and numbers[-1].isdigit() else 0
                found.append((number, folder, lines))
    return [(folder, lines) for _, folder, lines in sorted(found, key=lambda one: (one[0], one[1]))]
