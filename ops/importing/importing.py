"""A host that was set up by hand, as a site of its own: what is equal in effect, what is not, and why."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ops.agent.apache_words import Directive
from ops.agent.host_reading_messages import SupervisordReading, UwsgiReading
from ops.agent.messages import Message
from ops.agent.uwsgi_ini import options_of
from ops.formats.apps import views
from ops.importing import (
    apache_settings,
    from_apache,
    from_supervisor,
    from_uwsgi,
    reasons,
    supervisor_settings,
    uwsgi_settings,
)
from ops.importing.comparing import problems
from ops.importing.imported import Data, Imported, NotImported
from ops.importing.imported_secrets import leave_out_secrets
from ops.importing.reading import HostReading, parsed_of
from ops.importing.settings import APACHE, SUPERVISORD, UWSGI, Difference, Setting, compare
from ops.importing.toml_text import dotted
from ops.inventory.loader import validate
from ops.inventory.schema_errors import has
from ops.rendering.rendered_file import RenderedFile
from ops.schema import Host

OF_TABLE = {
    "supervisor": SUPERVISORD,
    "programs": SUPERVISORD,
    "groups": SUPERVISORD,
    "uwsgi": UWSGI,
    "apps": UWSGI,
    "app": UWSGI,
    "apache": APACHE,
    "identity": APACHE,
    "locations": APACHE,
    "token": APACHE,
}


@dataclass(frozen=True)
class Report:
    """The three lists: what is equal, what is changed on purpose with the reason, and what is not imported."""

    equal: list[Setting] = field(default_factory=list)
    changed: list[tuple[Difference, str]] = field(default_factory=list)
    not_imported: list[NotImported] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def imported_from(reading: HostReading) -> Imported:
    """What the inventory can say of the host; what breaks one of its rules is left out, with the rule."""
    found, account = Imported(), reading.account
    found.put(account.name, "account")
    found.put(account.home, "home")
    found.put(account.activates, "activate")
    from_supervisor.read(reading, found)
    from_uwsgi.read(reading, found)
    from_apache.read(reading, found)
    leave_out_secrets(found)
    found.data = dict(_without_rule_breakers(reading.host, found))
    return found


def _without_rule_breakers(host: Host, found: Imported) -> Data:
    """The values without those that the inventory refuses."""
    data = found.data
    while True:
        _, errors = validate({"name": host.name, "address": host.address, **data})
        # A location without one of its values would be another one.
        broken = [(loc, rule) for loc, rule in errors if _remove(data, loc[:2] if loc[0] == "locations" else loc)]
        for loc, rule in broken:
            found.leave_out(OF_TABLE.get(loc[0], ""), ".".join(loc), f"the inventory refuses it: it {rule}")
        if not broken:
            for loc, rule in errors:
                found.leave_out(OF_TABLE.get(loc[0], ""), ".".join(loc), rule)
            return data


def _remove(data: Any, loc: tuple[str, ...]) -> bool:
    """Remove the value at `loc`, or the one around it that is no table; whether there was one."""
    for number, part in enumerate(loc):
        if not isinstance(data, dict) or part not in data:
            return False
        if number == len(loc) - 1 or not isinstance(data[part], dict):
            del data[part]
            return True
        data = data[part]
    return False


def prove(
    reading: HostReading, imported: Imported, host: Host, rendered: list[RenderedFile], read_back: list[Message]
) -> Report:
    """Compare the host with the files of the imported site, as `read_back` by each program's own parser."""
    live, ours = _live(reading, host, rendered), _ours(reading, host, rendered, read_back)
    equal, differences = compare(live, ours)
    places = {(one.of, one.place) for one in ours}
    report = Report(equal, not_imported=[*imported.left_out], notes=[*imported.notes, *problems(reading)])
    for one in differences:
        _explain(one, imported, (one.of, one.place) in places, report)
    for message in read_back:
        if isinstance(message, SupervisordReading | UwsgiReading) and message.problem:
            path = message.conf if isinstance(message, SupervisordReading) else message.path
            report.notes.append(f"{path}, as it is rendered: {message.problem}")
    return report


def _explain(one: Difference, imported: Imported, is_known: bool, report: Report) -> None:
    """Add a difference to the lists: of several values, each by itself. `is_known`: we have its place, too."""
    reason = imported.explained.get((one.of, one.place, one.name))
    meant: list[str] = []
    why = reason or ""
    for value in one.first:
        table = imported.said.get((one.of, one.place, one.name, value), ())
        if reason is not None:
            found = reason
        elif table and has(imported.data, table):
            found = f"the same, as {dotted(table)}"
        else:
            found = reasons.purpose(one.of, one.name, value) if is_known else ""
        if found or reason is not None:
            meant.append(value)
            why = why or found or ""
        else:
            shown = replace(one, first=(value,), second=()).shown()[0]
            advice = reasons.advice(one.of, one.name)
            report.not_imported.append(NotImported(one.of, f"{one.describe()} {shown}".strip(), advice))
    if reason != "" and (meant or one.second):
        why = why or reasons.written(one.of, one.name)
        report.changed.append((replace(one, first=tuple(meant)), why))


def uwsgi_paths(host: Host) -> list[str]:
    """The files of the apps' uWSGI."""
    return [view.uwsgi.file for view in views(host)]


def _live(reading: HostReading, host: Host, rendered: list[RenderedFile]) -> list[Setting]:
    """What the host has in the files that the site replaces."""
    found: list[Setting] = []
    if reading.parsed is not None:
        found += supervisor_settings.settings_of(reading.parsed, reading.account.name, reading.account.number)
    options = {one.path: one.options for one in reading.uwsgi}
    for path in uwsgi_paths(host):
        found += uwsgi_settings.settings_of(path, options.get(path, []))
    if reading.apache:
        found += apache_settings.settings_of(replaced(apache_settings.directives(reading.apache), rendered))
    return found


def replaced(found: list[Directive], rendered: list[RenderedFile]) -> Iterator[Directive]:
    """The directives of files that are replaced, and of virtual hosts on the ports of those, whatever the address."""
    found = [apache_settings.on_any_address(one) for one in found]
    paths = {one.path for one in rendered}
    headings = {
        one.path[0]
        for made in rendered
        if made.service == "apache"
        for one in apache_settings.of_text(made.content.decode(), made.path)
        if one.path
    }
    return (one for one in found if one.file in paths or (one.path and one.path[0] in headings))


def _ours(reading: HostReading, host: Host, rendered: list[RenderedFile], read_back: list[Message]) -> list[Setting]:
    found: list[Setting] = []
    for message in read_back:
        if isinstance(message, SupervisordReading) and (parsed := parsed_of(message)):
            found += supervisor_settings.settings_of(parsed, reading.account.name, reading.account.number)
    for made in rendered:
        text = made.content.decode()
        if made.path in uwsgi_paths(host):
            found += uwsgi_settings.settings_of(made.path, options_of(text, made.path))
        elif made.service == "apache":
            found += apache_settings.settings_of(apache_settings.of_text(text, made.path))
    return found
