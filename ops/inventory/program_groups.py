"""The rules of names in supervisord: groups, and several processes of a program."""

from collections.abc import Callable, Iterator

from ops.formats import processes
from ops.schema import Host
from ops.text import did_you_mean

Rule = tuple[tuple[str, ...], str]
ALL = "all"  # every program, to supervisorctl


def rules(host: Host, written: Callable[[tuple[str, ...]], bool]) -> Iterator[Rule]:
    """(path of keys, rule) for each broken one; `written`: whether the inventory has a value there."""
    for table in ("programs", "groups"):
        if ALL in getattr(host, table):
            yield (table, ALL), f"must have another name: {ALL!r} means every program to supervisorctl"
    yield from _members(host, written)
    for name, program in host.programs.items():
        if program.numprocs > 1 and "%(process_num)" not in program.process_name:
            rule = "must contain %(process_num)02d, since numprocs is over 1"
            yield ("programs", name, "process_name"), rule
    owners: dict[str, str] = {}
    for name in host.programs:
        for full in dict.fromkeys(processes.names_of(host, name)):
            if owners.setdefault(full, name) != name:
                yield ("programs", name), f"has a process {full}, and so has programs.{owners[full]}"


def _members(host: Host, written: Callable[[tuple[str, ...]], bool]) -> Iterator[Rule]:
    """Who is in a group."""
    within: dict[str, str] = {}
    for group, table in host.groups.items():
        for number, name in enumerate(table.programs):
            loc = ("groups", group, "programs", str(number))
            if name not in host.programs:
                if not written(("programs", name)):  # otherwise that program has problems of its own
                    yield loc, f"must be the name of a program{did_you_mean(name, host.programs)}"
            elif host.programs[name].kind != "program":
                kind = host.programs[name].kind
                yield loc, f"must not be an {kind}: in another group, supervisord would run it as an ordinary program"
            elif name in within:
                yield loc, f"is also in groups.{within[name]}: a program has one group"
            within.setdefault(name, group)
    for group in host.groups:
        if group in host.programs and group not in within:
            yield ("groups", group), "must have another name: the program of that name is a group of its own"
