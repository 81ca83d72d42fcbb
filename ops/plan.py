"""What a deploy would do to one host: pure, from what is wanted, what was last deployed and what is there."""

import configparser
import re
from dataclasses import dataclass, field

from ops import hiding, uwsgi
from ops.files import SECRET_MODE, RenderedFile, file_at, supervisord_conf
from ops.hiding import Hiding
from ops.schema import Host, Program
from ops.snapshot import FoundFile, Snapshot

CREATE, UPDATE, TAKE_OVER, EDITED, UNREADABLE, REMOVE, UNCHANGED = (
    "create",
    "update",
    "take over",
    "edited by hand",
    "unreadable",
    "remove",
    "unchanged",
)
REFUSED = (EDITED, UNREADABLE)
GRACEFUL, RESTART = "graceful", "restart-running"  # how a program takes in its file; or "signal-NAME"


@dataclass(frozen=True)
class FileChange:
    """One managed file and what becomes of it.

    `gone`: it is wanted no more, and `wanted` is empty. Where it was edited by hand too, `kind` says that. `hiding`
    tells where what was found may hold secrets.
    """

    wanted: RenderedFile
    found: FoundFile
    kind: str
    gone: bool = False
    hiding: Hiding = ()

    @property
    def before(self) -> str:
        """What is there."""
        same = self.found.digest == self.wanted.digest
        return (self.wanted.content if same else self.found.content or b"").decode(errors="replace")

    @property
    def after(self) -> str:
        """What is to be there."""
        return self.wanted.content.decode(errors="replace")

    @property
    def exposes(self) -> bool:
        """Whether its secrets would lie open to others, for nobody here may change its mode."""
        return not mode_is_well(self.wanted, self.found) and self.found.mode_is_fixed


@dataclass(frozen=True)
class Plan:
    """Everything that a deploy would do to one host.

    `apache` is "reload", "restart" or "". `supervisord` is "start", "apply" (only programs whose section changed),
    "restart" (its own settings changed) or "". `programs` has (name, how) for those that take a changed
    file in; `unread` has files that no program's command names; `replaced` the programs with new settings;
    `memory` is the snapshot's.
    """

    host: Host
    changes: list[FileChange]
    apache: str
    supervisord: str
    programs: list[tuple[str, str]]
    unread: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    memory: tuple[int, int] | None = None

    def reload_lines(self) -> list[str]:
        """What is to take the files in, a line each, as the host notes what it owes."""
        lines = ["apache"] if self.apache else []
        lines += [f"supervisord {self.supervisord}"] if self.supervisord else []
        return lines + [f"program {how} {name}" for name, how in self.programs]

    @property
    def changed(self) -> list[FileChange]:
        """The files that would be written."""
        return [change for change in self.changes if change.kind != UNCHANGED]

    @property
    def refused(self) -> list[FileChange]:
        """The files that only `--force` overwrites."""
        return [change for change in self.changes if change.kind in REFUSED]

    @property
    def exposed(self) -> list[FileChange]:
        """The files whose secrets others could read."""
        return [change for change in self.changes if change.exposes]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.changed and not self.reload_lines()

    def services(self) -> list[str]:
        """What would be restarted or reloaded, in words, in the order in which it is done."""
        words = {
            "start": "supervisord: start, with its programs",
            "apply": f"supervisord: programs with new settings: {', '.join(self.replaced) or 'those it finds'}",
            "restart": "supervisord: restart with ALL programs (its own settings changed)",
        }
        listed = [f"Apache: {APACHE_WORDS[self.apache]}"] if self.apache else []
        listed += [words[self.supervisord]] if self.supervisord else []
        listed += [f"{name}: {_in_words(how, self.host, self.memory)}" for name, how in self.programs]
        return listed + [f"nobody takes in {path}: no program's command names it" for path in self.unread]


APACHE_WORDS = {
    "reload": "reload",
    "restart": "restart; requests under way are lost (a sudo rule for a reload, apache.reload, would keep them)",
}


def _in_words(how: str, host: Host, memory: tuple[int, int] | None) -> str:
    if how == GRACEFUL:
        return uwsgi.reload_in_words(host.uwsgi.workers, memory)
    if how == RESTART:
        return "restart; requests under way are lost"
    return how.replace("signal-", "reload by SIG")


def make_plan(host: Host, wanted: list[RenderedFile], snapshot: Snapshot) -> Plan:
    """Compare, and say which services that touches."""
    changes = [_compare(file, snapshot) for file in wanted]
    if wanted:  # else only what is owed is made up for
        changes += _gone(host, {file.path for file in wanted}, snapshot)
    changed = [change for change in changes if change.kind != UNCHANGED]
    touched = {change.wanted.service for change in changed if _differs(change)} | {
        line for line in snapshot.owed if line == "apache"
    }
    apache = ("reload" if host.apache.reload else "restart") if "apache" in touched else ""
    supervisord, replaced = _supervisord(host, changed, snapshot)
    programs = []
    paths = [change.wanted.path for change in changed if change.wanted.service == "programs" and _differs(change)]
    ways = reload_ways(host, paths)
    if supervisord in ("", "apply"):
        programs = [(way[0], _how_of(way, changed)) for way in ways if way[0] not in replaced]
        owed = [line.split(" ", 2) for line in snapshot.owed if line.startswith("program ")]
        programs += [(name, how) for _, how, name in owed if name in host.programs and name not in replaced]
    unread = [path for path in paths if path not in [way[2] for way in ways]]
    return Plan(
        host,
        changes,
        apache,
        supervisord,
        list(dict.fromkeys(programs)),
        unread,
        sorted(replaced),
        snapshot.memory,
    )


def reload_ways(host: Host, paths: list[str]) -> list[tuple[str, str, str]]:
    """(program, how it reloads, file) for each of `paths` that a program's command names."""
    found = []
    for name, program in host.programs.items():
        found += [(name, _how(host, program, path), path) for path in paths if _names(program, path)]
    return found


def _how(host: Host, program: Program, path: str) -> str:
    if not program.reload_signal:
        return RESTART
    own = path == uwsgi.ini_path(host) and uwsgi.is_uwsgi(program)
    return GRACEFUL if own and program.reload_signal == "HUP" else f"signal-{program.reload_signal}"


def _how_of(way: tuple[str, str, str], changed: list[FileChange]) -> str:
    """How a program takes in its file: what a reload cannot change takes a restart."""
    _, how, path = way
    change = next(change for change in changed if change.wanted.path == path)
    return RESTART if how == GRACEFUL and uwsgi.needs_restart(change.before, change.after) else how


def _names(program: Program, path: str) -> bool:
    """Whether the command holds the path as a word or part of one, whole or from its directory on."""
    spellings = [path]
    if program.directory and path.startswith(program.directory + "/"):
        spellings.append(path.removeprefix(program.directory + "/"))
    ends = r"(?=$|[\s'\":;,])"
    return any(re.search(rf"(?:^|[\s'\"=:,]){re.escape(text)}{ends}", program.command) for text in spellings)


def _gone(host: Host, wanted: set[str], snapshot: Snapshot) -> list[FileChange]:
    """What the last release put there and nobody wants any more; supervisord keeps its own file in any case."""
    changes = []
    for path in sorted(snapshot.deployed.keys() - wanted - {supervisord_conf(host)}):
        found = snapshot.files.get(path) or FoundFile(path, None)
        if not found.readable:
            kind = UNREADABLE
        elif found.digest is None:
            continue
        else:
            kind = REMOVE if found.digest == snapshot.deployed[path] else EDITED
        nothing = file_at(host, path, b"", found.mode or "0600")
        changes.append(FileChange(nothing, found, kind, gone=True, hiding=hiding_there(nothing, found, snapshot)))
    return changes


def _differs(change: FileChange) -> bool:
    """Whether the content changes; a change of mode alone concerns no service."""
    return change.found.digest != change.wanted.digest


def _compare(file: RenderedFile, snapshot: Snapshot) -> FileChange:
    found = snapshot.files.get(file.path) or FoundFile(file.path, None)
    deployed = snapshot.deployed.get(file.path)
    if not found.readable:
        kind = UNREADABLE
    elif found.digest is None:
        kind = CREATE
    elif found.digest == file.digest:
        kind = UNCHANGED if mode_is_well(file, found) else UPDATE
    elif deployed is None:
        kind = TAKE_OVER
    else:
        kind = UPDATE if found.digest == deployed else EDITED
    return FileChange(file, found, kind, hiding=hiding_there(file, found, snapshot))


def mode_is_well(wanted: RenderedFile, found: FoundFile) -> bool:
    """Whether it is as wanted, or cannot be changed and opens no secret to others."""
    if not found.mode_is_fixed:
        return found.mode == wanted.mode
    return wanted.mode != SECRET_MODE or not int(found.mode, 8) & 0o077


def hiding_there(wanted: RenderedFile, found: FoundFile, snapshot: Snapshot) -> Hiding:
    """Where the file that was found may hold secrets, known to anybody here or not."""
    recorded = snapshot.hiding.get(wanted.path, ())
    if found.content is None or not (wanted.hiding or recorded):
        if found.content is not None and wanted.service == "supervisord":
            return hiding.socket_passwords(found.content.decode(errors="replace"))
        return wanted.hiding
    if recorded and found.digest == snapshot.deployed.get(wanted.path):
        return recorded
    there, like = (content.decode(errors="replace") for content in (found.content, wanted.content))
    return hiding.find_in_unknown(there, like, wanted.hiding)


def _supervisord(host: Host, changed: list[FileChange], snapshot: Snapshot) -> tuple[str, set[str]]:
    """What supervisord has to do, and the programs that are started anew by it."""
    own = [change for change in changed if change.wanted.path == supervisord_conf(host)]
    if snapshot.supervisord == "down":
        return "start", set()
    owed = [line.removeprefix("supervisord ") for line in snapshot.owed if line.startswith("supervisord ")]
    if "restart" in owed:
        return "restart", set()
    if not own or own[0].found.digest == own[0].wanted.digest:
        return ("apply" if owed else ""), set()
    before, after = _sections(own[0].found.content or b""), _sections(own[0].wanted.content)
    if before is None or after is None:
        return "restart", set()
    differing = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    programs = {name.removeprefix("program:") for name in differing if name.startswith("program:")}
    own_settings = {name for name in differing if not name.startswith(("program:", "supervisorctl"))}
    if own_settings:
        return "restart", set()
    return ("apply" if programs else ""), programs


def _sections(content: bytes) -> dict[str, dict[str, str]] | None:
    """The sections of a supervisord.conf without its comments; None if it is not one."""
    parser = configparser.RawConfigParser(strict=False, inline_comment_prefixes=(";", "#"))
    try:
        parser.read_string(content.decode())
    except (configparser.Error, UnicodeDecodeError):
        return None
    return {name: dict(parser[name]) for name in parser.sections()}
