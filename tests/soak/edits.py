"""Hand edits: each has a line that no other has, and must be found again until a release has kept it."""

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from tests.soak.host import STATE, SoakHost
from tests.soak.versions import edit_line


@dataclass(frozen=True)
class Edit:
    """One edit that is on disk, synced: the file that it was made in, and its line."""

    path: str
    line: str


def make_edit(host: SoakHost, path: str, how: str, line: str) -> Edit | None:
    """Edit a managed file as an editor does, `in-place` or `by-rename`; None where there was no file to edit."""
    target = host.at(path)
    try:
        if how == "in-place":
            with target.open("r+b") as file:
                file.seek(0, os.SEEK_END)
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        else:
            _replace(target, line)
    except OSError:
        return None
    return Edit(path, line)


def _replace(target: Path, line: str) -> None:
    facts, fresh = target.stat(), target.with_name(f"{target.name}.swp")
    try:
        with fresh.open("wb") as file:
            file.write(target.read_bytes() + line.encode())
            os.fchown(file.fileno(), facts.st_uid, facts.st_gid)
            os.fchmod(file.fileno(), facts.st_mode & 0o7777)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(target)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


@dataclass
class Edits:
    """Those that no release has kept yet."""

    open: list[Edit] = field(default_factory=list)

    def lost(self, host: SoakHost, printed: str) -> list[str]:
        """What became of each that is neither in its file nor kept and named; those that a release keeps are done.

        `printed` is all that tasks have printed since it was made.
        """
        problems: list[str] = []
        still: list[Edit] = []
        for edit in self.open:
            places = _places_of(host, edit)
            if any(place.startswith((f"{STATE}/releases/", f"{STATE}/kept/")) for place in places):
                continue
            if places and all(place.endswith(".poms-ops-edited") for place in places):
                if not any(place in printed for place in places):
                    problems.append(f"{edit.line.strip()} of {edit.path} lies in {places[0]}, which nobody was told")
                for place in places:  # somebody takes it
                    host.at(place).unlink(missing_ok=True)
            elif not places:
                problems.append(f"{edit.line.strip()} of {edit.path} is nowhere")
            else:
                still.append(edit)
        self.open = still
        return problems


def _places_of(host: SoakHost, edit: Edit) -> list[str]:
    """The files of the host that hold it."""
    folder = str(Path(edit.path).parent)
    candidates = [host.at(edit.path), *host.at(folder).glob(".*.poms-ops-*"), *host.files_below(STATE)]
    found: list[str] = []
    for path in candidates:
        with contextlib.suppress(OSError):
            if path.is_file() and edit.line.encode() in path.read_bytes():
                found.append("/" + str(path).partition("/root/")[2])
    return found


def line_for(number: int, place: int) -> str:
    """The line of the edit that is fault `place` of operation `number`."""
    return edit_line(number, str(place))
