"""The sections of supervisord's programs as they are written, each with what the parser made of it."""

import itertools
from dataclasses import dataclass

from ops.importing.supervisor_settings import ORDINARY, Group, Parsed, Process

PROGRAM, LISTENER, FCGI, GROUP = "program", "eventlistener", "fcgi-program", "group"
# The parser's name for the group that a section makes of its processes, unless [group:NAME] has them.
POOLS = {PROGRAM: ORDINARY, LISTENER: "EventListenerPoolConfig", FCGI: "FastCGIGroupConfig"}


@dataclass(frozen=True)
class Section:
    """A section of a program, `raw`, the group of its processes, and these.

    `of_group`: [group:NAME] has them.
    """

    kind: str
    name: str
    raw: dict[str, str]
    group: Group
    processes: list[Process]
    of_group: bool = False

    @property
    def heading(self) -> str:
        """Its name in the file."""
        return f"{self.kind}:{self.name}"


def sections_of(parsed: Parsed) -> list[Section]:
    """Each program's section with its processes; that of a program in several groups is there for each."""
    written = {_spelled(heading): dict(values) for heading, values in parsed["sections"]}
    groups = {(one["kind"], one["name"]): one for one in parsed["groups"]}
    found, grouped = list[Section](), set[str]()
    for heading, values in written.items():
        kind, _, name = heading.partition(":")
        if kind == GROUP:
            group = groups[ORDINARY, name]
            left = iter(group["processes"])
            for member in members(values):
                of_kind = next(kind for kind in (PROGRAM, FCGI) if f"{kind}:{member}" in written)
                own = written[f"{of_kind}:{member}"]
                count = own.get("numprocs", "1")  # none are found where that depends on a variable
                processes = list(itertools.islice(left, int(count) if count.isdigit() else 0))
                found.append(Section(of_kind, member, own, group, processes, of_group=True))
                grouped.add(found[-1].heading)
    for heading, values in written.items():
        kind, _, name = heading.partition(":")
        if kind in POOLS and heading not in grouped:
            group = groups[POOLS[kind], name]
            found.append(Section(kind, name, values, group, group["processes"]))
    return found


def members(group: dict[str, str]) -> list[str]:
    """The programs that a section of a group names."""
    return [name for one in group.get("programs", "").split(",") if (name := one.strip())]


def _spelled(heading: str) -> str:
    kind, colon, name = heading.partition(":")
    return f"{kind}{colon}{name.strip()}"
