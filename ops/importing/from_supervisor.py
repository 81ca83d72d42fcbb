"""A parsed supervisord.conf as values of the inventory.

What the inventory has no key for stays as it is written, as a section in the site's own template.
"""

import re
from collections.abc import Iterable, Iterator

from ops.importing import supervisor_daemon, supervisor_programs
from ops.importing.imported import Imported
from ops.importing.reading import HostReading
from ops.importing.settings import SUPERVISORD, is_secret_variable
from ops.importing.supervisor_sections import GROUP, Section, members, sections_of
from ops.importing.supervisor_settings import Parsed
from ops.importing.supervisor_texts import raw_environment

TEMPLATE, BLOCK = "home/supervisord.conf.j2", "more"
_PRIORITY = 999  # of a group, in supervisord and in the inventory


def read(reading: HostReading, into: Imported) -> None:
    """Add what the host's supervisord has."""
    parsed, conf = reading.parsed, reading.supervisord.conf
    if parsed is None:
        into.leave_out(SUPERVISORD, conf, f"it cannot be parsed: {reading.supervisord.problem}")
        return
    into.put(conf, "supervisor", "file")
    supervisor_daemon.read(conf, parsed, into)
    found = sections_of(parsed)
    kept = _kept_groups(found, conf, reading.account.number)
    shared = parsed["daemon"]["environment"] or {}
    for one in found:
        if one.group["name"] not in kept:
            supervisor_programs.read(one, conf, shared, into)
    for heading, values in parsed["sections"]:
        kind, _, name = heading.partition(":")
        if kind == GROUP and name.strip() not in kept:
            _read_group(name.strip(), dict(values), parsed, into)
    _keep_sections(parsed, {one.heading for one in found if one.group["name"] in kept}, kept, into)
    into.notes.extend(_notes(parsed, into))


def _kept_groups(found: list[Section], conf: str, number: int) -> set[str]:
    """The groups that the inventory cannot say, or of which it cannot say one program."""
    headings = [one.heading for one in found]
    return {
        one.group["name"]
        for one in found
        if headings.count(one.heading) > 1 or not supervisor_programs.is_sayable(one, conf, number)
    }


def _read_group(name: str, values: dict[str, str], parsed: Parsed, into: Imported) -> None:
    into.put(members(values), "groups", name, "programs")
    own = next(one for one in parsed["groups"] if one["name"] == name)
    if own["priority"] != _PRIORITY:
        into.put(own["priority"], "groups", name, "priority")


def _keep_sections(parsed: Parsed, headings: set[str], groups: Iterable[str], into: Imported) -> None:
    """Keep sections as they are written, in a template: those with the headings, and those of the groups."""
    headings = headings | {f"{GROUP}:{name}" for name in groups}
    for name, values in parsed["sections"]:
        if name not in headings:
            continue
        if any(map(is_secret_variable, raw_environment(dict(values).get("environment", "")))):
            advice = "its environment has secrets: write it into a template with {{ secrets.NAME }}"
            into.leave_out(SUPERVISORD, f"[{name}]", advice)
            continue
        lines = [f"[{name}]", *(f"{key}={value}" for key, value in values), ""]
        into.add_lines(TEMPLATE, BLOCK, [part for line in lines for part in line.replace("\n", "\n ").split("\n")])


def _notes(parsed: Parsed, into: Imported) -> Iterator[str]:
    """What changes its way although it has the same effect."""
    for section, values in parsed["sections"]:
        for key, value in values:
            for name in dict.fromkeys(re.findall(r"%\(ENV_(\w+)\)s", value)):
                stays = f"%(ENV_{name})s" in str(_table_of(section, into))
                how = (
                    "stays: supervisord must have it"
                    if stays
                    else "is written out, as the running supervisord has it"
                )
                yield f"[{section}] {key}: %(ENV_{name})s {how}"
    if any(section == "include" for section, _ in parsed["sections"]):
        yield (
            "[include]: the programs of the included files are in the inventory and go on running; "
            "the files stay where they are, and supervisord no longer reads them"
        )


def _table_of(section: str, into: Imported) -> object:
    """The inventory's table of a section."""
    if section == "supervisord":
        return into.data.get("supervisor")
    return into.data.get("programs", {}).get(section.partition(":")[2].strip())
