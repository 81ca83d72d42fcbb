"""The state folder with the releases of this host, and the files in it."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

USUAL_PLACE = "private/poms-ops"  # below the home: ops/inventory/defaults.py
PLACE_NOTE = ".poms-ops-state-dir"  # below the home: names the folder where it is not the usual one


def running_release(state_dir: str) -> str:
    """The name of the running release; "" before the first. After a power cut, the newer link counts."""
    for link in ("current.new", "current"):
        folder = os.path.join(state_dir, link)
        if os.access(os.path.join(folder, "manifest"), os.R_OK):
            return os.path.basename(os.path.realpath(folder))
    return ""


def releases_elsewhere(state_dir: str, home: str, uwsgi_files: "Iterable[str]") -> str:
    """Another folder with releases, or with an unfinished deploy, if `state_dir` has none; else "".

    uWSGI's file names the folder of a deploy of a former version, which left no note.
    """
    if not home or os.path.exists(os.path.join(state_dir, "pending")):
        return ""
    noted = text_of(os.path.join(home, PLACE_NOTE)).rstrip("\n")
    named = ""
    for line in [line for file in uwsgi_files for line in text_of(file).splitlines()]:
        if line.startswith("zerg-server = /") and line.endswith("/uwsgi.zerg"):
            named = line[len("zerg-server = ") : -len("/uwsgi.zerg")].replace("%%", "%")
    for folder in (noted, named, os.path.join(home, USUAL_PLACE)):
        marks = (os.path.join(folder, "current/manifest"), os.path.join(folder, "pending/meta"))
        if folder and any(os.path.exists(mark) for mark in marks):
            return folder
    return ""


def names_in(folder: str) -> "list[str]":
    """The folders in a folder, by name."""
    try:
        return sorted(name for name in os.listdir(folder) if os.path.isdir(os.path.join(folder, name)))
    except OSError:
        return []


def lines_of(path: str) -> "list[str] | None":
    """The lines of a file; None if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
            text = file.read().rstrip("\n")
    except OSError:
        return None
    return text.split("\n") if text else []


def text_of(path: str) -> str:
    """The text of a file; empty if it cannot be read."""
    return "\n".join(lines_of(path) or [])


def content_of(path: str) -> "bytes | None":
    """A file's content; None if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None
