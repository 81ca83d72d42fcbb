"""The plan of a deploy to one host: a pure function of the wanted files, the last release and the snapshot."""

from dataclasses import dataclass, field

from ops.deploy import bake, removals
from ops.deploy.effect import has_effect
from ops.deploy.file_changes import REFUSED, REMOVE, UNCHANGED, UPDATE, FileChange, compare_files, differs
from ops.deploy.files_not_reloaded import is_unread_by_supervisord, pending_reads
from ops.deploy.removals import Removal, Replaced
from ops.deploy.snapshot import Snapshot
from ops.deploy.supervisor_changes import read_effect
from ops.deploy.version_change import VersionChange, version_change
from ops.formats import processes, uwsgi
from ops.formats.apps import views
from ops.formats.start_program import start_program_path
from ops.formats.web_program import web_process
from ops.rendering.rendered_file import RenderedFile, supervisord_conf
from ops.schema import Host
from ops.services import supervisord_survival
from ops.services.reload import GRACEFUL, RESTART, reload_methods, restart_method
from ops.services.restart_cost import LOST, RestartCost


@dataclass(frozen=True)
class Plan:
    """Everything that a deploy would do to one host. Programs are named by their processes ("web", or "group:web").

    `apache` is "reload", "restart" or "". `supervisord` is "start", "apply" (only programs whose section changed),
    "restart" (its own settings changed) or "". `programs`: (name, how) of the programs to reload; `unread`: changed
    files that no program uses; `replaced`: the programs with new settings, of which `added` are new; `removals`:
    what the deploy removes; `applied`: the groups that supervisord starts, replaces or ends for "apply" (empty:
    whatever it finds). `memory`, `restart_cost` and `start` are the snapshot's. `version`: of the app, if managed.
    """

    host: Host
    changes: list[FileChange]
    apache: str
    supervisord: str
    programs: list[tuple[str, str]]
    unread: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    memory: dict[str, tuple[int, int]] = field(default_factory=dict)
    removals: list[Removal] = field(default_factory=list)
    applied: list[str] = field(default_factory=list)
    added: frozenset[str] = frozenset()
    restart_cost: RestartCost | None = None
    start: str = ""
    version: VersionChange | None = None
    bake: int = 0  # seconds that the change will be on trial before it is kept

    @property
    def missing(self) -> list[tuple[str, str]]:
        """(file, program) where the file's template is gone, and the program still uses the file.

        Not the script that starts programs: without software, no command has it.
        """
        starts = start_program_path(self.host)
        gone = [change.wanted.path for change in self.changes if change.gone and change.wanted.path != starts]
        return [(path, name) for name, _, path in reload_methods(self.host, gone)]

    def reload_lines(self) -> list[str]:
        """The reloads, one per line, in the format of the host's pending reloads."""
        lines = ["apache"] if self.apache else []
        lines += [f"supervisord {self.supervisord}"] if self.supervisord else []
        lines += [f"program {how} {name}" for name, how in self.programs]
        return lines + (["current"] if self.version and self.version.moves else [])

    @property
    def changed(self) -> list[FileChange]:
        """The files that would be written."""
        return [change for change in self.changes if change.kind != UNCHANGED]

    @property
    def refused(self) -> list[FileChange]:
        """The files that only `--force` overwrites."""
        return [change for change in self.changes if change.kind in REFUSED]

    @property
    def unplanned(self) -> list[Removal]:
        """What only `--remove` removes: the last release did not have it."""
        return [removal for removal in self.removals if not removal.planned]

    @property
    def exposed(self) -> list[FileChange]:
        """The files whose secrets others could read."""
        return [change for change in self.changes if change.exposes]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.changed and not self.reload_lines()

    def services(self) -> list[str]:
        """The restarts, reloads and removals as text, in their order."""
        words = {
            "start": f"supervisord: start, with its programs{supervisord_survival.describe(self.start)}",
            "apply": f"supervisord: programs with new settings: {self._with_new() or self._without_new()}",
            "restart": "supervisord: restart with ALL programs (its own settings changed)",
        }
        listed = [self.version.describe()] if self.version and self._changes_version() else []
        listed += [f"Apache: {self._of_apache()}"] if self.apache else []
        listed += [words[self.supervisord]] if self.supervisord else []
        listed += [f"remove {removal.describe()}" for removal in self.removals]
        listed += [f"{name}: {self._of_program(name, how)}" for name, how in self.programs]
        listed += [
            f"no deploy: the template of {path} is gone, and {one} uses the file" for path, one in self.missing
        ]
        listed += [f"{path}: no program uses this file, nothing will be reloaded" for path in self.unread]
        return listed + ([f"bake: {bake.announced(self.bake)}"] if self.bake and not self.is_empty else [])

    def _changes_version(self) -> bool:
        return bool(self.version and (self.version.moves or self.version.before != self.version.wanted))

    def _of_program(self, name: str, how: str) -> str:
        if how == GRACEFUL:
            view = next((one for one in views(self.host) if web_process(one) == name), self.host)
            return uwsgi.describe_reload(view, self.memory.get(view.app_name))
        if how == RESTART:
            return "restart; requests in progress are lost"
        return how.replace("signal-", "reload by SIG")

    def _of_apache(self) -> str:
        if self.apache == "reload":
            return "reload"
        cost = (self.restart_cost or LOST).describe()
        return f"restart; {cost} (apache.reload, a sudo rule for a reload, avoids this)"

    def _with_new(self) -> str:
        restarted = [name for name in self.replaced if name not in self.added]
        listed = [f"{', '.join(sorted(self.added))}: start"] if self.added else []
        listed += [f"{', '.join(restarted)}: restart; requests in progress are lost"] if restarted else []
        return "; ".join([*listed, "whatever else it finds"] if listed and not self.applied else listed)

    def _without_new(self) -> str:
        return "none" if self.applied else "whatever it finds"


def make_plan(host: Host, wanted: list[RenderedFile], snapshot: Snapshot) -> Plan:
    """Compare the wanted files with the snapshot, and find the services to reload."""
    changes = compare_files(host, wanted, snapshot)  # none: the plan has only pending reloads
    changed = [change for change in changes if change.kind != UNCHANGED]
    new_texts = [change.wanted.path for change in changed if differs(change)]
    behind = [*pending_reads(host, snapshot, new_texts)] if wanted else []
    touched = {change.wanted.service for change in changed if has_effect(host, change)} | {
        line for line in (*snapshot.owed, *(service for _, service in behind)) if line == "apache"
    }
    apache = ("reload" if host.apache.reload else "restart") if "apache" in touched else ""
    taken = _supervisord(host, changes, snapshot)
    supervisord, replaced = taken.does, taken.replaced
    programs = []
    version = version_change(host, snapshot.software) if wanted or "current" in snapshot.owed else None
    paths = [
        change.wanted.path for change in changed if change.wanted.service == "programs" and has_effect(host, change)
    ]
    methods = reload_methods(host, paths)
    if supervisord in ("", "apply"):
        programs = [(way[0], _how_of(way, changed)) for way in methods if way[0] not in replaced]
        owed = [line.split(" ", 2) for line in snapshot.owed if line.startswith("program ")]
        known = processes.all_names(host)
        programs += [(name, how) for _, how, name in owed if name in known and name not in replaced]
        late = reload_methods(host, [path for path, _ in behind])
        programs += [(name, how) for name, how, path in late if (path, name) in behind and name not in replaced]
        programs += [
            (name, restart_method(host, name))
            for name in (version.outdated if version and wanted else ())
            if name in known and name not in replaced
        ]
    unread = [path for path in paths if path not in [way[2] for way in methods]]
    return Plan(
        host,
        changes,
        apache,
        supervisord,
        _strongest(programs),
        unread,
        sorted(replaced),
        snapshot.memory,
        [*taken.removals, *_removals(host, changes)],
        taken.applied,
        taken.added,
        snapshot.restart_cost,
        snapshot.start,
        version,
    )


def _strongest(programs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Each program once for each way to reload it; one that restarts needs no reload."""
    restarted = {name for name, how in programs if how == RESTART}
    return [pair for pair in dict.fromkeys(programs) if pair[1] == RESTART or pair[0] not in restarted]


def _how_of(way: tuple[str, str, str], changed: list[FileChange]) -> str:
    """How to make a program read its file: a restart if a reload is not enough."""
    _, how, path = way
    change = next(change for change in changed if change.wanted.path == path)
    return RESTART if how == GRACEFUL and uwsgi.needs_restart(change.before, change.after) else how


@dataclass(frozen=True)
class _Supervisord:
    """What supervisord has to do, and the effect on its programs; see Plan."""

    does: str = ""
    replaced: frozenset[str] = frozenset()
    removals: tuple[Removal, ...] = ()
    applied: list[str] = field(default_factory=list)
    added: frozenset[str] = frozenset()


def _supervisord(host: Host, changes: list[FileChange], snapshot: Snapshot) -> _Supervisord:
    mine = next((one for one in changes if one.wanted.path == supervisord_conf(host)), None)
    own = mine if mine and mine.kind != UNCHANGED and differs(mine) else None
    owed = [line.removeprefix("supervisord ") for line in snapshot.owed if line.startswith("supervisord ")]
    otherwise = "start" if snapshot.supervisord == "down" else "restart" if "restart" in owed else ""
    if own is None and mine and not otherwise and is_unread_by_supervisord(mine.wanted.path, snapshot):
        effect = read_effect(mine.wanted.content, host)
        return _Supervisord(
            "apply", removals=(*removals.removed_programs(effect, effect, snapshot.programs, _replaced(mine)),)
        )
    if own is None:
        return _Supervisord(otherwise or ("apply" if owed else ""))
    before = read_effect(own.found.content or b"", host, snapshot.surroundings)
    after = read_effect(own.wanted.content, host, snapshot.surroundings)
    conf = _replaced(own)
    gone = [*removals.removed_programs(before, after, snapshot.programs, conf)]
    if snapshot.untold:
        gone.append(Removal(removals.PROGRAM, "?", f"supervisord does not say what runs: {snapshot.untold}"))
    gone += removals.removed_ports(before, after, conf)
    if otherwise or before is None or after is None or before.daemon != after.daemon:
        return _Supervisord(otherwise or "restart", removals=tuple(gone))
    names = before.groups.keys() | after.groups.keys()
    differing = {name for name in names if before.groups.get(name) != after.groups.get(name)}
    ended = {removal.name.partition(":")[0] for removal in gone if removal.kind == removals.PROGRAM}
    others = not {*after.includes} <= {*before.includes}  # what those files hold is not known here
    others = others or is_unread_by_supervisord(own.wanted.path, snapshot)  # nor what supervisord has read
    if not differing and not ended and not owed and not others:
        return _Supervisord()
    applied = [] if owed or snapshot.untold or others else sorted(differing | ended)
    replaced = after.names(differing & after.groups.keys())
    return _Supervisord("apply", replaced, tuple(gone), applied, replaced - before.processes)


def _replaced(change: FileChange) -> Replaced:
    return Replaced(change.wanted.path, change.before, change.after, change.kind in (UPDATE, REMOVE))


def _removals(host: Host, changes: list[FileChange]) -> list[Removal]:
    """What only the replaced or removed files have; without supervisord's file."""
    written = [one for one in changes if one.kind != UNCHANGED and differs(one)]
    apache = [_replaced(one) for one in written if one.wanted.service == "apache"]
    kept = [one.after for one in changes if one.wanted.service == "apache" and one not in written]
    found = [*removals.removed_from_apache(apache, kept)]
    for change in written:
        if change.wanted.path in map(uwsgi.ini_path, views(host)):
            found += removals.removed_uwsgi_ports(_replaced(change))
    return found
