"""Which program of supervisord's runs an app."""

import re

from ops.formats import processes
from ops.formats.uwsgi import ini_path
from ops.schema import Host


def web_program(host: Host) -> str | None:
    """The program of the app, with its uWSGI's file in the command, or else in its `reads`; None if there is none."""
    ini = ini_path(host)
    by_command = [name for name in host.programs if names_file(host, name, ini)]
    return next(iter(by_command + [name for name, one in host.programs.items() if ini in one.reads]), None)


def web_process(host: Host) -> str:
    """The full name of its first process; "" if there is none."""
    name = web_program(host)
    return processes.names_of(host, name)[0] if name else ""


def holds_app_socket(host: Host, name: str | None) -> bool:
    """Whether supervisord opens the app's socket for this program, which is the web service: uWSGI does not then."""
    is_web = name is not None and name == web_program(host)
    return is_web and processes.socket_of(host, name or "") == host.app.listen


def names_file(host: Host, name: str, path: str) -> bool:
    """Whether the command contains the path as a word or part of one: absolute, or relative to its directory."""
    program, spellings = host.programs[name], [path]
    folder = processes.value_of(host, name, program.directory or "")
    if folder and path.startswith(folder + "/"):
        spellings.append(path.removeprefix(folder + "/"))
    ends = r"(?=$|[\s'\":;,])"
    command = processes.value_of(host, name, program.command)
    return any(re.search(rf"(?:^|[\s'\"=:,]){re.escape(text)}{ends}", command) for text in spellings)
