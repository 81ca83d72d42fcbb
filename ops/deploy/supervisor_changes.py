"""The effect of a supervisord.conf: two files that differ only in text or in explicit defaults are equal.

Source: `supervisor/options.py` of 4.3.0, which reads the file: groups, several processes of a program, `[include]`.
supervisor_values.py has the single settings.
"""

import configparser
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from ops.agent.service_messages import Surroundings
from ops.deploy.supervisor_sources import included_texts, with_variables
from ops.deploy.supervisor_values import (
    DAEMON_DEFAULTS,
    INET,
    PROGRAM_DEFAULTS,
    READERS,
    UNIX,
    Context,
    Settings,
    expand,
    read_address,
    read_settings,
)
from ops.formats.supervisor import LOGS, WITHOUT_UWSGI_VARIABLES
from ops.schema import Host

MOST_PROCESSES = 1000  # of one section; a file with more is not accepted
_COUNTS = ("numprocs", "numprocs_start")
_PROGRAMS = ("program:", "fcgi-program:", "eventlistener:")


class Group(NamedTuple):
    """A group's priority, and the settings of its processes by name, as supervisord prints it."""

    priority: int
    processes: dict[str, Settings]


@dataclass(frozen=True)
class Effect:
    """One configuration as supervisord reads it.

    `daemon`: settings that need a restart of supervisord. `groups`: each group of processes by name (for most, the
    program's name). `ports`: the ports of supervisord and of its programs' sockets. `includes`: the patterns of
    further files. `included`: the processes and ports that only those files have.
    """

    daemon: Settings
    groups: dict[str, Group]
    ports: frozenset[str]
    includes: tuple[str, ...]
    included: frozenset[str] = frozenset()

    @property
    def processes(self) -> frozenset[str]:
        """All names of processes."""
        return self.names(self.groups)

    def names(self, groups: Iterable[str]) -> frozenset[str]:
        """The names of the processes in some of the groups."""
        return frozenset(name for group in groups for name in self.groups[group].processes)


def read_effect(content: bytes, host: Host, around: Surroundings | None = None) -> Effect | None:
    """The effect of a file as the host's supervisord.conf; None if it cannot be parsed.

    `around`: the variables that it uses, and further files, of which it includes some, where they are known.
    """
    around = around or Surroundings()
    parser = configparser.RawConfigParser(strict=False, inline_comment_prefixes=(";", "#"))
    try:
        parser.read_string(with_variables(content.decode(), around.variables))
        own = _effect(_sections(parser), host)
        for text in included_texts(own.includes, around):
            parser.read_string(text)
        whole = _effect(_sections(parser), host)
        further = (whole.processes - own.processes) | (whole.ports - own.ports)
        return replace(whole, includes=own.includes, included=further)
    except (configparser.Error, UnicodeDecodeError, ValueError):
        return None


def _sections(parser: configparser.RawConfigParser) -> dict[str, dict[str, str]]:
    return {name: dict(parser[name]) for name in parser.sections()}


def _effect(sections: Mapping[str, Mapping[str, str]], host: Host) -> Effect:
    known: dict[str, object] = {"here": _folder(host), "ENV_HOME": host.home}
    of_daemon = Context(host.account, host.home, known, ("environment",))
    daemon: Settings = {}
    for name in sorted(sections, key=lambda name: name != "supervisord"):  # its environment first
        values = sections[name]
        if name == "supervisord":
            daemon[name] = read_settings(of_daemon, DAEMON_DEFAULTS | dict(values), READERS)
            known |= variables(daemon[name])
        elif name.startswith("unix_http_server"):
            defaults = {"chmod": "0700", "chown": host.account}
            daemon[name] = read_settings(of_daemon, defaults | dict(values), UNIX)
        elif name.startswith("inet_http_server"):
            daemon[name] = read_settings(of_daemon, values, INET)
        elif name.startswith("rpcinterface:"):
            daemon[name] = read_settings(of_daemon, values, {})
    groups = _groups(sections, Context(host.account, host.home, known, LOGS))
    ports = {str(daemon[name].get("port", "?")) for name in daemon if name.startswith("inet_http_server")}
    ports |= {
        read_address(values["socket"].removeprefix("tcp://"))
        for values in sections.values()
        if values.get("socket", "").startswith("tcp://")
    }
    files = sections.get("include", {}).get("files", "")
    includes = tuple(posixpath.join(_folder(host), word) for word in expand(files, known).split())
    return Effect(daemon, groups, frozenset(ports), includes)


def _folder(host: Host) -> str:
    """The folder of the file, from which the names of further files count."""
    return posixpath.dirname(host.supervisor.file)


def variables(settings: Settings) -> dict[str, object]:
    """The expansions that the environment in a section makes known."""
    found = settings.get("environment", {})
    return {f"ENV_{name}": value for name, value in found.items()} if isinstance(found, dict) else {}


def _groups(sections: Mapping[str, Mapping[str, str]], context: Context) -> dict[str, Group]:
    """Each group of processes by name."""
    groups: dict[str, Group] = {}
    members: set[str] = set()  # the sections of programs that belong to a group
    for name, values in sections.items():
        if name.startswith("group:"):
            programs = [program.strip() for program in values.get("programs", "").split(",")]
            own = [f"{kind}:{program}" for program in programs for kind in ("program", "fcgi-program")]
            members |= {*own}
            group = name.partition(":")[2].strip()
            processes: dict[str, Settings] = {}
            for section in own:
                processes |= _processes(section, sections[section], group, context) if section in sections else {}
            groups[group] = Group(int(values.get("priority", "999")), processes)
    for name, values in sections.items():
        if name.startswith(_PROGRAMS) and name not in members:
            group = name.partition(":")[2].strip()
            groups[group] = Group(0, _processes(name, values, group, context))  # its priority is the program's
    return groups


def _processes(section: str, values: Mapping[str, str], group: str, context: Context) -> dict[str, Settings]:
    """The settings of each process of one section by its name, as supervisord prints it."""
    first, count = int(values.get("numprocs_start", "0")), int(values.get("numprocs", "1"))
    if count > MOST_PROCESSES:
        raise ValueError("more processes than any host has")
    found = {}
    for number in range(first, first + count):
        names = {
            "program_name": section.partition(":")[2].strip(),
            "group_name": group,
            "process_num": number,
            "numprocs": count,
        }
        settings = _program(section, values, replace(context, known=dict(context.known) | names))
        name = str(settings.pop("process_name"))
        found[name if name == group else f"{group}:{name}"] = settings
    return found


def _program(section: str, values: Mapping[str, str], context: Context) -> Settings:
    defaults = dict(PROGRAM_DEFAULTS)
    defaults["killasgroup"] = values.get("stopasgroup", "false")
    if section.startswith("eventlistener:"):
        defaults |= {"priority": "-1", "buffer_size": "10"}
    elif section.startswith("fcgi-program:") and values.get("socket", "").startswith("unix:"):
        defaults["socket_mode"] = "0700"
    own = read_settings(context, {"environment": values.get("environment", "")}, READERS)
    context = replace(context, known=dict(context.known) | variables(own))
    given = {key: text for key, text in values.items() if key not in (*_COUNTS, "environment")}
    settings = read_settings(context, defaults | given, READERS) | own
    if "command" in settings:  # this prefix does not change which program runs
        settings["command"] = str(settings["command"]).removeprefix(WITHOUT_UWSGI_VARIABLES)
    settings["kind"] = section.partition(":")[0]
    for stream in ("stdout", "stderr"):
        if stream == "stderr" and settings["redirect_stderr"] is True:
            settings["stderr_logfile"] = "none"
        if settings[f"{stream}_logfile"] == "syslog":  # an older word for the other key
            settings |= {f"{stream}_logfile": "none", f"{stream}_syslog": True}
        if settings[f"{stream}_logfile"] == "none":
            settings.pop(f"{stream}_logfile_maxbytes")
            settings.pop(f"{stream}_logfile_backups")
    return settings
