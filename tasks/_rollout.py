"""What every verb that changes hosts does with several of them: the first alone, and none after a failure."""

from collections.abc import Callable

from ops.errors import BadInput, OperatorError
from ops.rollout import Answer, roll_out
from ops.schema import Host
from ops.ui import console
from tasks._task import show_error

ROLLING_HELP = {
    "yes": "Do not ask for confirmation; without a terminal this is required.",
    "force": "Overwrite files that were edited on the host since the last deploy (they are kept in the release).",
    "remove": "Take away what runs now and no file will have: programs, ports, virtual hosts that the plan names.",
    "parallel": "How many hosts are changed at once, after the first one alone (default 1); more need --yes.",
}


def change_rolling(hosts: list[Host], change: Callable[[Host], str], *, yes: bool, parallel: int) -> int:
    """Change the first host alone, then the others, `parallel` at once; the first failure stops the rest.

    `change` returns how it went in a word or two. Tells of every host how it ended; returns fab's exit code.
    """
    if parallel < 1 or parallel > 100:
        raise BadInput(f"--parallel={parallel}: must be from 1 to 100. Nothing was touched.")
    if not yes and not console.is_terminal():
        raise BadInput("There is no terminal to ask on: read 'fab diff', then add --yes. Nothing was touched.")
    if not yes and parallel > 1:
        raise BadInput("Hosts that are changed at once cannot be asked about: read 'fab diff', then add --yes.")

    def one(host: Host) -> str:
        try:
            return change(host)
        except OperatorError as error:
            show_error(error)
            raise

    def interrupt() -> None:
        from ops.deploy.transaction import interrupt

        console.say("Interrupted: every host that is being changed puts back what it has changed.", err=True)
        interrupt()

    answers = roll_out(hosts, one, parallel, interrupt)
    if len(hosts) > 1:
        console.table(("host", "how it ended"), [(answer.host.name, _ending(answer)) for answer in answers])
    return next((answer.error.code for answer in answers if answer.error), 0)


def _ending(answer: Answer[str]) -> str:
    if answer.error:
        return f"!{getattr(answer.error, 'outcome', 'failed')}"
    return answer.result or "!not tried"
