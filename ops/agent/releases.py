"""The releases of this host, read from the state folder. Changes nothing."""

import os

from ops.agent.messages import OriginalFile, Originals, ReleaseContents, ReleaseFile, ReleaseList, ReleaseRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.agent.messages import Message, ReleasesRequest

USUAL_PLACE = "private/poms-ops"  # below the home: ops/inventory/defaults.py
PLACE_NOTE = ".poms-ops-state-dir"  # below the home: names the folder where it is not the usual one


def answer(request: "ReleasesRequest") -> "Iterator[Message]":
    """All releases, then the contents and the original files that the request names."""
    current = running_release(request.state_dir)
    elsewhere = "" if current else releases_elsewhere(request.state_dir, request.home, request.uwsgi_file)
    yield ReleaseList(records=list(_records(request.state_dir)), current=current, elsewhere=elsewhere)
    for name in request.contents:
        contents = _contents(request.state_dir, name)
        if contents:
            yield contents
    if request.originals:
        yield Originals(files=list(_originals(request.state_dir)))


def running_release(state_dir: str) -> str:
    """The name of the running release; "" before the first. After a power cut, the newer link counts."""
    for link in ("current.new", "current"):
        folder = os.path.join(state_dir, link)
        if os.access(os.path.join(folder, "manifest"), os.R_OK):
            return os.path.basename(os.path.realpath(folder))
    return ""


def releases_elsewhere(state_dir: str, home: str, uwsgi_file: str) -> str:
    """Another folder with releases, or with an unfinished deploy, if `state_dir` has none; else "".

    uWSGI's file names the folder of a deploy of a former version, which left no note.
    """
    if not home or os.path.exists(os.path.join(state_dir, "pending")):
        return ""
    noted = _text(os.path.join(home, PLACE_NOTE)).rstrip("\n")
    named = ""
    for line in _text(uwsgi_file).splitlines():
        if line.startswith("zerg-server = /") and line.endswith("/uwsgi.zerg"):
            named = line[len("zerg-server = ") : -len("/uwsgi.zerg")].replace("%%", "%")
    for folder in (noted, named, os.path.join(home, USUAL_PLACE)):
        marks = (os.path.join(folder, "current/manifest"), os.path.join(folder, "pending/meta"))
        if folder and any(os.path.exists(mark) for mark in marks):
            return folder
    return ""


def _records(state_dir: str) -> "Iterator[ReleaseRecord]":
    for name in _names(os.path.join(state_dir, "releases")):
        lines = _lines(os.path.join(state_dir, "releases", name, "meta"))
        if lines is not None:
            yield ReleaseRecord(name=name, lines=lines)


def _contents(state_dir: str, name: str) -> "ReleaseContents | None":
    folder = os.path.join(state_dir, "releases", name)
    manifest = _lines(os.path.join(folder, "manifest"))
    if manifest is None:
        return None
    host = _text(os.path.join(folder, "host")).splitlines()
    files = []
    for line in manifest:
        digest, mode, path = line.split(" ", 2)
        files.append(ReleaseFile(path=path, mode=mode, content=_content(os.path.join(state_dir, "objects", digest))))
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
            content = None if kind == "create" else _content(backup)
            mode = "" if content is None else f"{os.stat(backup).st_mode & 0o7777:04o}"
            yield OriginalFile(path=path, existed=kind != "create", mode=mode, content=content)


def _live_releases(state_dir: str) -> "list[tuple[str, list[str]]]":
    """The folder and the record of each release that was live, the oldest first; of some only the record is left."""
    found = []
    for kind in ("kept", "releases"):
        for name in _names(os.path.join(state_dir, kind)):
            folder = os.path.join(state_dir, kind, name)
            lines = _lines(os.path.join(folder, "meta")) or []
            if "ended committed" in lines:
                numbers = [line.split(" ", 1)[1] for line in lines if line.startswith("sequence ")]
                number = int(numbers[-1]) if numbers and numbers[-1].isdigit() else 0
                found.append((number, folder, lines))
    return [(folder, lines) for _, folder, lines in sorted(found, key=lambda one: (one[0], one[1]))]


def _names(folder: str) -> "list[str]":
    try:
        return sorted(name for name in os.listdir(folder) if os.path.isdir(os.path.join(folder, name)))
    except OSError:
        return []


def _lines(path: str) -> "list[str] | None":
    """The lines of a file; None if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
            text = file.read().rstrip("\n")
    except OSError:
        return None
    return text.split("\n") if text else []


def _text(path: str) -> str:
    return "\n".join(_lines(path) or [])


def _content(path: str) -> "bytes | None":
    """A file's content; None if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None
