"""`status`, `start-`, `stop-`, `restart-`, `reload-programs` and `start-supervisord`."""

from collections.abc import Callable
from typing import Any

from ops import console
from ops.connection import Remote, connect
from ops.fleet import Answer, ask_all, change_in_turn
from ops.plan import reload_ways
from ops.programs import ProgramState, Report, ask_supervisord, chosen_programs, need_supervisord
from ops.schema import Host
from ops.templates import render
from tasks._verb import NEEDS_ATTENTION, chosen, print_json, show_error, verb

PROGRAMS_HELP = "Only these programs, by name, separated by commas."


@verb(help={"json": "Print one JSON document: per host, supervisord's state and each program's."})
def status(context: Any, json: bool = False) -> int:
    """Show each program's state, process and uptime. Exit code 2 if something needs attention.

    Without -H: all hosts of the inventory.
    """

    def ask(host: Host) -> Report:
        with connect(host, context.config) as remote:
            return ask_supervisord(remote, "states")

    answers = ask_all(chosen(everywhere=True), ask)
    if json:
        print_json({answer.host.name: _facts(answer) for answer in answers})
    else:
        rows = [row for answer in answers if answer.result for row in _rows(answer.host, answer.result)]
        if rows:
            console.table(("host", "program", "state", "pid", "uptime", ""), rows)
    for answer in answers:
        if answer.error:
            show_error(answer.error)
    if any(answer.error for answer in answers):
        return 1
    return NEEDS_ATTENTION if any(answer.result and _attention(answer.result) for answer in answers) else 0


@verb(help={"programs": PROGRAMS_HELP})
def start_programs(context: Any, programs: str | None = None) -> None:
    """Start programs; changed settings are taken in first. Without -H: the default host."""
    _change(context.config, "start", programs, lambda _host, names: names)


@verb(help={"programs": PROGRAMS_HELP})
def stop_programs(context: Any, programs: str | None = None) -> None:
    """Stop programs; they stay stopped until start-programs. Without -H: the default host."""
    _change(context.config, "stop", programs, lambda _host, names: names)


@verb(help={"programs": PROGRAMS_HELP})
def restart_programs(context: Any, programs: str | None = None) -> None:
    """Stop and start programs with their present settings; one that was stopped stays so unless it is named.

    Without -H: the default host.
    """
    _change(context.config, "restart" if programs else "restart-running", programs, lambda _host, names: names)


@verb(help={"programs": PROGRAMS_HELP})
def reload_programs(context: Any, programs: str | None = None) -> None:
    """Let programs take in their changed files and settings; those with none are left alone.

    A program that was stopped on purpose stays stopped. Without -H: the default host.
    """

    def changed_files(host: Host, names: list[str]) -> list[str]:
        ways = reload_ways(host, [file.path for file in render(host) if file.service == "programs"])
        chosen_names = names if programs else []  # none named: programs that are gone from the inventory too
        return [str(len(chosen_names)), *chosen_names, *(word for way in ways if way[0] in names for word in way)]

    _change(context.config, "reload-changed", programs, changed_files)


@verb()
def start_supervisord(context: Any) -> None:
    """Start supervisord, and with it the programs, where it is not running. Without -H: the default host.

    Refuses where one runs without its socket, or programs of a killed one do: all would run twice.
    """

    def start(host: Host) -> None:
        with connect(host, context.config) as remote:
            report = ask_supervisord(remote, "start-supervisord")
        if report.supervisord == "up":
            console.say(f"{host.name}: supervisord runs already, process {report.pid}", "green")
            return
        _tell(host, report, "supervisord started")

    change_in_turn(chosen(everywhere=False), start)


def _change(
    config: Any, action: str, programs: str | None, arguments: Callable[[Host, list[str]], list[str]]
) -> None:
    hosts = chosen(everywhere=False)
    names = {host.name: chosen_programs(host, programs) for host in hosts}

    def change(host: Host) -> None:
        with connect(host, config) as remote:
            report = _ask(remote, action, arguments(host, names[host.name]))
        _tell(host, report, "nothing to do: no program's files or settings changed")

    change_in_turn(hosts, change)


def _ask(remote: Remote, action: str, names: list[str]) -> Report:
    report = ask_supervisord(remote, action, names)
    need_supervisord(remote.host, report)
    return report


def _tell(host: Host, report: Report, nothing: str) -> None:
    rows: dict[str, dict[str, object]] = {}
    for fact in report.done:
        rows.setdefault(str(fact.get("program", "supervisord")), {}).update(fact)
    if rows:
        lines = [
            (host.name, name, str(row.get("did", "started")), str(row.get("state", ""))) for name, row in rows.items()
        ]
        console.table(("host", "program", "done", "state"), lines)
    else:
        console.say(f"{host.name}: {nothing}", "green")


def _rows(host: Host, report: Report) -> list[tuple[str, ...]]:
    if report.supervisord == "down":
        if report.orphans:
            return [(host.name, "supervisord", "!killed", "", "", f"its programs still run: {report.orphans}")]
        return [
            (host.name, "supervisord", "!not running", "", "", f"fab -H {host.name} start-supervisord (or deploy)")
        ]
    if report.supervisord == "deaf":
        advice = f"its socket is gone; 'kill -HUP {report.pid}' on the host makes it again"
        return [(host.name, "supervisord", "!cannot be asked", str(report.pid), "", advice)]
    return [(host.name, *_row(program)) for program in report.programs]


def _row(program: ProgramState) -> tuple[str, ...]:
    state = f"!{program.state}" if program.needs_attention else program.state
    return program.name, state, str(program.pid or ""), _duration(program.uptime), program.detail


def _duration(seconds: int) -> str:
    if not seconds:
        return ""
    days, rest = divmod(seconds, 86_400)
    clock = f"{rest // 3600}:{rest % 3600 // 60:02}:{rest % 60:02}"
    return f"{days}d {clock}" if days else clock


def _attention(report: Report) -> bool:
    return report.supervisord != "up" or any(program.needs_attention for program in report.programs)


def _facts(answer: Answer[Report]) -> dict[str, object]:
    if answer.result is None:
        return {"error": str(answer.error)}
    programs = {
        p.name: {"state": p.state, "pid": p.pid or None, "uptime": p.uptime, "detail": p.detail}
        for p in answer.result.programs
    }
    return {"supervisord": answer.result.supervisord, "pid": answer.result.pid, "programs": programs}
