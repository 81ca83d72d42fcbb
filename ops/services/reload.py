"""Reload methods: how each program reads a changed file again. Pure."""

from ops.formats import processes, uwsgi
from ops.formats.apps import views
from ops.formats.start_program import start_program_path
from ops.formats.web_program import names_file
from ops.schema import Host

GRACEFUL, RESTART = "graceful", "restart-running"  # or "signal-NAME"


def reload_methods(host: Host, paths: list[str]) -> list[tuple[str, str, str]]:
    """(process, how it reloads, file) for each of `paths` that is in a program's command or `reads`, or starts it."""
    return [
        (full, _how(host, name, path), path)
        for name, program in host.programs.items()
        for path in paths
        if path in program.reads or path == start_program_path(host) or names_file(host, name, path)
        for full in processes.names_of(host, name)
    ]


def restart_method(host: Host, process: str) -> str:
    """How a process comes to run another version."""
    return _how(host, processes.all_names(host)[process], start_program_path(host))


def _how(host: Host, name: str, path: str) -> str:
    program, is_start = host.programs[name], path == start_program_path(host)
    own = [ini for ini in map(uwsgi.ini_path, views(host)) if names_file(host, name, ini)]
    is_own = uwsgi.is_uwsgi(program) and program.reload_signal == "HUP" and bool(own)
    is_own = is_own and program.numprocs == 1 and program.kind == "program"  # only uWSGI's own sockets are handed out
    if is_own and (is_start or path in own):
        return GRACEFUL  # uWSGI starts itself by the script
    return RESTART if is_start or not program.reload_signal else f"signal-{program.reload_signal}"
