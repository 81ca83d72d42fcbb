"""Rolling changes of several hosts: the first host alone, then the others; a failure stops the rest."""

from collections.abc import Callable

from ops.errors import BadInput, OperatorError
from ops.rollout import HostResult, rolling_apply
from ops.schema import Host
from ops.ui import console
from tasks._task import show_error

ROLLING_HELP = {
    "yes": "Do not ask for confirmation; without a terminal this is required.",
    "force": "Overwrite files that were edited on the host since the last deploy (the release backs them up).",
    "remove": "Remove the programs, ports and virtual hosts that the plan lists and that poms-ops did not deploy.",
    "parallel": "How many hosts to change at once, after the first one alone (default 1); more than 1 needs --yes.",
}


def change_rolling(hosts: list[Host], change: Callable[[Host], str], *, yes: bool, parallel: int) -> int:
    """Change the first host alone, then the others, `parallel` at once; the first failure stops the rest.

    `change` returns the outcome in a few words. Prints the outcome of every host; returns fab's exit code.
    """
    if parallel < 1 or parallel > 100:
        raise BadInput(f"--parallel={parallel}: must be from 1 to 100. Nothing was touched.")
    if not yes and not console.is_terminal():
        raise BadInput("There is no terminal to ask on: read 'fab diff', then add --yes. Nothing was touched.")
    if not yes and parallel > 1:
        raise BadInput(
            "--parallel cannot ask for confirmation: read 'fab diff', then add --yes. Nothing was touched."
        )

    def one(host: Host) -> str:
        try:
            return change(host)
        except OperatorError as error:
            show_error(error)
            raise

    def interrupt() -> None:
        from ops.deploy.transaction import interrupt

        interrupt()  # first: nobody may be there to read
        console.say("Interrupted: every host that is being changed rolls back.", err=True)

    answers = rolling_apply(hosts, one, parallel, interrupt)
    if len(hosts) > 1:
        console.table(("host", "how it ended"), [(answer.host.name, _ending(answer)) for answer in answers])
    return next((answer.error.code for answer in answers if answer.error), 0)


def _ending(answer: HostResult[str]) -> str:
    if answer.error:
        return f"!{getattr(answer.error, 'outcome', 'failed')}"
    return answer.result or "!not tried"
