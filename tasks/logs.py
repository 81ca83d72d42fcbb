"""`tail-logs`: what the programs last wrote, and what they write now."""

from typing import Any

from ops import console
from ops.connection import connect
from ops.errors import BadInput
from ops.fleet import ask_all
from ops.logs import LogRequest, read_logs
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

    Without -H: all hosts of the inventory.
    """
    if lines < 0 or lines > 1_000_000:
        raise BadInput(f"--lines={lines}: must be from 0 to 1000000. Nothing was connected to.")
    if any(ord(char) < 32 for char in grep):
        raise BadInput("--grep: must not hold a control character. Nothing was connected to.")
    hosts = chosen(everywhere=True)
    names = {host.name: chosen_programs(host, programs) for host in hosts}
    wanted = LogRequest(lines, grep, follow)

    def read(host: Host) -> None:
        def show(label: str, text: str) -> None:
            console.say(f"{host.name} {label} | {text}")

        with connect(host, context.config) as remote:
            read_logs(remote, names[host.name], wanted, show)

    answers = ask_all(hosts, read)
    for answer in answers:
        if answer.error:
            show_error(answer.error)
    return 1 if any(answer.error for answer in answers) else 0
