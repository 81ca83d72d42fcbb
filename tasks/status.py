"""`status`: what runs, and what needs attention."""

from dataclasses import dataclass
from typing import Any

from ops import capacity, console
from ops.certs import KINDS, Ending, read_endings
from ops.connection import Remote
from ops.fleet import AT_ONCE, Answer
from ops.programs import ProgramState, Report, ask_supervisord
from ops.schema import Host
from tasks._look import PARALLEL_HELP, ask_hosts, code_of
from tasks._verb import inventory, print_json, verb


@dataclass(frozen=True)
class Seen:
    """What one host showed: supervisord's report, and the certificates and lists that end soon."""

    report: Report
    ending: list[Ending]

    @property
    def needs_attention(self) -> bool:
        """Whether somebody should do something."""
        broken = any(program.needs_attention for program in self.report.programs)
        return self.report.supervisord != "up" or broken or bool(self.ending)


@verb(
    help={
        "json": "Print one JSON document: per host, supervisord's state, each program's, and what ends soon.",
        **PARALLEL_HELP,
    }
)
def status(context: Any, json: bool = False, parallel: int = AT_ONCE) -> int:
    """Show each program's state, process and uptime, and what ends soon. Exit code 2 if something needs attention.

    Without -H: all hosts of the inventory.
    """

    def ask(remote: Remote) -> Seen:
        report = ask_supervisord(remote, "states")
        warn_days = remote.host.certificates.warn_days
        return Seen(report, [one for one in read_endings(remote) if one.is_due(warn_days)])

    answers = ask_hosts(context, parallel, ask)
    if json:
        print_json({answer.host.name: _facts(answer) for answer in answers})
    else:
        _show(answers)
        known = inventory()
        console.say(f"capacity: {capacity.in_words(known.hosts.values(), known.fleet)}")
    return code_of(answers, attention=any(a.result and a.result.needs_attention for a in answers))


def _show(answers: list[Answer[Seen]]) -> None:
    rows = [row for answer in answers if answer.result for row in _rows(answer.host, answer.result.report)]
    if rows:
        console.table(("host", "program", "state", "pid", "uptime", ""), rows)
    for answer in answers:
        for one in answer.result.ending if answer.result else []:
            said = f"{answer.host.name}: {KINDS[one.kind]} {one.path}: {one.in_words()}; see fab certs"
            console.say(said, "bold red")


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


def _facts(answer: Answer[Seen]) -> dict[str, object]:
    if answer.result is None:
        return {"error": str(answer.error)}
    report = answer.result.report
    programs = {
        p.name: {"state": p.state, "pid": p.pid or None, "uptime": p.uptime, "detail": p.detail}
        for p in report.programs
    }
    ending = [vars(one) for one in answer.result.ending]
    return {"supervisord": report.supervisord, "pid": report.pid, "programs": programs, "ending": ending}
