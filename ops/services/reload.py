"""Reload methods: how each program reads a changed file again, and which program is the web service. Pure."""

import re

from ops.formats import uwsgi
from ops.formats.start_program import start_program_path
from ops.schema import Host, Program

GRACEFUL, RESTART = "graceful", "restart-running"  # or "signal-NAME"


def reload_methods(host: Host, paths: list[str]) -> list[tuple[str, str, str]]:
    """(program, how it reloads, file) for each of `paths` that is in a program's command or `reads`, or starts it."""
    found = []
    for name, program in host.programs.items():
        found += [
            (name, _how(host, program, path), path)
            for path in paths
            if path in program.reads or path == start_program_path(host) or names_file(program, path)
        ]
    return found


def restart_method(host: Host, name: str) -> str:
    """How a program comes to run another version."""
    return _how(host, host.programs[name], start_program_path(host))


def _how(host: Host, program: Program, path: str) -> str:
    is_start = path == start_program_path(host)
    own = uwsgi.is_uwsgi(program) and names_file(program, uwsgi.ini_path(host)) and program.reload_signal == "HUP"
    if own and (is_start or path == uwsgi.ini_path(host)):
        return GRACEFUL  # uWSGI starts itself by the script
    return RESTART if is_start or not program.reload_signal else f"signal-{program.reload_signal}"


def names_file(program: Program, path: str) -> bool:
    """Whether the command contains the path as a word or part of one: absolute, or relative to its directory."""
    spellings = [path]
    if program.directory and path.startswith(program.directory + "/"):
        spellings.append(path.removeprefix(program.directory + "/"))
    ends = r"(?=$|[\s'\":;,])"
    return any(re.search(rf"(?:^|[\s'\"=:,]){re.escape(text)}{ends}", program.command) for text in spellings)


def web_program(host: Host) -> str | None:
    """The program with uWSGI's file in its command, or else in its `reads`; None if there is none."""
    ini = uwsgi.ini_path(host)
    by_command = [name for name, one in host.programs.items() if names_file(one, ini)]
    return next(iter(by_command + [name for name, one in host.programs.items() if ini in one.reads]), None)
