"""`tail-logs`: what the programs last wrote, and what they write now."""

from typing import Any

from ops import console
from ops.connection import connect
from ops.errors import BadInput, OperatorError
from ops.fleet import ask_all
from ops.logs import Following, LogLine, LogRequest, read_logs
from ops.programs import chosen_programs
from ops.schema import Host
from tasks._verb import chosen, show_error, verb


@verb(
    help={
        "programs": "Only these programs, by name, separated by commas.",
        "lines": "How many of the last lines of each log to show (default 20).",
        "follow": "Go on with new lines, also across rotation, until Ctrl-C.",
        "grep": "Only lines that match this basic regular expression; matched on the host.",
    }
)
def tail_logs(
    context: Any, programs: str | None = None, lines: int = 20, follow: bool = False, grep: str = ""
) -> int:
    """Show the last lines of the programs' logs, each with its host and program.

    Without -H: all hosts of the inventory, one after the other; with --follow line by line as they come.
    Ends with 130 after Ctrl-C, with 1 when no host can be followed any more.
    """
    if lines < 0 or lines > 1_000_000:
        raise BadInput(f"--lines={lines}: must be from 0 to 1000000. Nothing was connected to.")
    if any(ord(char) < 32 for char in grep):
        raise BadInput("--grep: must not hold a control character. Nothing was connected to.")
    hosts = chosen(everywhere=True)
    names = {host.name: chosen_programs(host, programs) for host in hosts}
    wanted = LogRequest(lines, grep)
    if follow:
        return _follow([(host, names[host.name]) for host in hosts], wanted, context.config)

    def read(host: Host) -> list[LogLine]:
        with connect(host, context.config) as remote:
            return read_logs(remote, names[host.name], wanted)

    errors = _Errors()
    for answer in ask_all(hosts, read):
        for line in answer.result or []:
            _show(line)
        if answer.error:
            errors.show(answer.error)
    return errors.code


def _follow(programs: list[tuple[Host, list[str]]], wanted: LogRequest, config: Any) -> int:
    errors = _Errors()
    with Following(programs, wanted, lambda host: connect(host, config)) as following:
        for said in following:
            if isinstance(said, LogLine):
                _show(said)
            else:
                errors.show(said)
    return errors.code or 1


class _Errors:
    """The errors of all hosts: each text once, since hosts refuse a pattern in the same words; the worst code."""

    def __init__(self) -> None:
        self.code = 0
        self._shown: set[str] = set()

    def show(self, error: OperatorError) -> None:
        self.code = max(self.code, error.code)
        if str(error) not in self._shown:
            self._shown.add(str(error))
            show_error(error)


def _show(line: LogLine) -> None:
    console.say(f"{line.host} {line.label} | {line.text}")
