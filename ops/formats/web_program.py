"""Which program of supervisord's runs an app."""

import re

from ops.formats.uwsgi import ini_path
from ops.schema import Host, Program


def web_program(host: Host) -> str | None:
    """The program of the app, with its uWSGI's file in the command, or else in its `reads`; None if there is none."""
    ini = ini_path(host)
    by_command = [name for name, one in host.programs.items() if names_file(one, ini)]
    return next(iter(by_command + [name for name, one in host.programs.items() if ini in one.reads]), None)


def names_file(program: Program, path: str) -> bool:
    """Whether the command contains the path as a word or part of one: absolute, or relative to its directory."""
    spellings = [path]
    if program.directory and path.startswith(program.directory + "/"):
        spellings.append(path.removeprefix(program.directory + "/"))
    ends = r"(?=$|[\s'\":;,])"
    return any(re.search(rf"(?:^|[\s'\"=:,]){re.escape(text)}{ends}", program.command) for text in spellings)
