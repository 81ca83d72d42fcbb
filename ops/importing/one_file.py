"""One file of a host as the readers of an import see it: its settings, and the inventory's values for them."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ops.agent.host_reading_messages import (
    AccountReading,
    ApacheDirective,
    ApacheReading,
    SupervisordReading,
    UwsgiReading,
)
from ops.agent.uwsgi_ini import options_of
from ops.formats import apps
from ops.formats.start_program import start_program_path
from ops.formats.supervisor import WITHOUT_UWSGI_VARIABLES
from ops.importing import (
    apache_settings,
    from_apache,
    from_own_apache,
    from_supervisor,
    from_uwsgi,
    supervisor_settings,
    uwsgi_settings,
)
from ops.importing.imported import Imported
from ops.importing.reading import HostReading, parsed_of
from ops.importing.settings import Setting, compare
from ops.rendering.rendered_file import RenderedFile, supervisord_conf
from ops.schema import Host

# What supervisor's own parser makes of a text in place of the host's supervisord.conf.
Parse = Callable[[str], SupervisordReading]
_NO_USER_ID = -1  # the account's number is not asked for: what names a user is not one of ours


@dataclass(frozen=True)
class FileReading:
    """The settings of a file, and what the inventory can say of them; neither if it is in another language.

    `problem`: why it cannot be read.
    """

    settings: list[Setting] = field(default_factory=list)
    found: Imported = field(default_factory=Imported)
    problem: str = ""

    def equals(self, other: "FileReading") -> bool:
        """Whether both files have the same effect, as far as that can be read."""
        return bool(self.settings) and not compare(self.settings, other.settings)[1]


def read_file(host: Host, file: RenderedFile, text: str, parse: Parse) -> FileReading:
    """What `text` says in the place of `file`."""
    view = next((view for view in apps.views(host) if view.uwsgi.file == file.path), None)
    if file.path == supervisord_conf(host):
        return _supervisord(host, parse(text))
    if view:
        return _uwsgi(view, text)
    if file.service == "apache" and file.path.endswith(".conf"):
        return _apache(host, text, file.path)
    return FileReading()


def _supervisord(host: Host, reading: SupervisordReading) -> FileReading:
    parsed = parsed_of(reading)
    if parsed is None:
        return FileReading(problem=reading.problem)
    for process in (process for group in parsed["groups"] for process in group["processes"]):
        for prefix in (WITHOUT_UWSGI_VARIABLES, f"{shlex.quote(start_program_path(host))} "):
            process["command"] = process["command"].removeprefix(prefix)
    found = Imported()
    from_supervisor.read(_reading(host, parsed=parsed), found)
    return FileReading(supervisor_settings.settings_of(parsed, host.account, _NO_USER_ID), found)


def _uwsgi(view: Host, text: str) -> FileReading:
    path = view.uwsgi.file
    options, found = options_of(text, path), Imported()
    from_uwsgi.read(_reading(view, uwsgi=[UwsgiReading(program="", path=path, options=options)]), found)
    if not apps.is_main(view):
        uwsgi, app = (found.data.pop(table, {}) for table in ("uwsgi", "app"))
        found.put(app | {"uwsgi": uwsgi}, "apps", view.app_name)
    return FileReading(uwsgi_settings.settings_of(path, options), found)


def _apache(host: Host, text: str, path: str) -> FileReading:
    directives, found = apache_settings.of_text(text, path), Imported()
    listed = [
        ApacheDirective(path=list(one.path), name=one.written, words=one.words, file=path) for one in directives
    ]
    from_apache.read(_reading(host, apache=ApacheReading(how="files", directives=listed)), found)
    from_own_apache.read(host, directives, found)
    return FileReading(apache_settings.settings_of(directives), found)


def _reading(host: Host, **read: Any) -> HostReading:
    """The reading of a host that has nothing else; `read` as in HostReading."""
    account = AccountReading(
        name=host.account, number=_NO_USER_ID, home=host.home, activates=host.activation, grants=[]
    )
    whole: dict[str, Any] = {"parsed": None} | read
    return HostReading(host, account, SupervisordReading(conf=supervisord_conf(host)), **whole)
