"""Reload methods: how each program reads a changed file again. Pure."""

from ops.formats import uwsgi
from ops.formats.apps import views
from ops.formats.start_program import start_program_path
from ops.formats.web_program import names_file
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
    own = [ini for ini in map(uwsgi.ini_path, views(host)) if names_file(program, ini)]
    if uwsgi.is_uwsgi(program) and program.reload_signal == "HUP" and own and (is_start or path in own):
        return GRACEFUL  # uWSGI starts itself by the script
    return RESTART if is_start or not program.reload_signal else f"signal-{program.reload_signal}"
