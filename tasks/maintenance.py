"""`maintenance`: show the site's page instead of the app, and the app again."""

import re
import unicodedata
from typing import Any

from ops.errors import BadInput
from ops.logs.catalog import Moment, moment
from ops.rollout import AT_ONCE, HostResult, map_hosts
from ops.schema import Host
from tasks._maintenance import Done, facts, show, switch_host
from tasks._query import PARALLEL_HELP, by_host, code_of
from tasks._task import chosen, print_json, show_error, task

ON, OFF = "on", "off"
LONGEST = 1000  # characters of a message
CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):[0-5][0-9]")
NOTHING = "Nothing was connected to."


@task(
    positional=["switch"],
    help={
        "switch": "on or off.",
        "message": "With on: what visitors and jobs read, one paragraph.",
        "until": "With on: the end that visitors and fab status read; it does not end by itself. A time span from "
        "now (30m, 2h), a time of day (18:30, the next one) or a time (2026-11-25T03:00), in the host's zone.",
        "json": "Print one JSON document: per host, what is on now and was on before, and what was not checked.",
        **PARALLEL_HELP,
    },
)
def maintenance(
    context: Any, switch: str, message: str = "", until: str = "", json: bool = False, parallel: int = AT_ONCE
) -> int:
    """Switch the maintenance page on or off: Apache answers 503 with it, before any login, without a reload.

    It takes no lock, so it works during a deploy, too. Several hosts are switched at once; an error on one stops no
    other. Without -H: the default host.
    """
    end = _checked(switch, message, until, parallel)
    hosts = chosen(everywhere=False)
    from ops.ssh.session import Connections  # loaded when the command line is right

    with Connections(context.config, ahead=hosts[:parallel]) as lines:

        def one(host: Host) -> Done:
            with lines.connect(host) as remote:
                return switch_host(remote, message, end)

        def show_new(answers: list[HostResult[Done]], _: list[Host]) -> None:
            for answer in answers:
                if answer.error:
                    show_error(answer.error)
                elif answer.result and not json:
                    show(answer.host, answer.result)

        answers = map_hosts(hosts, one, parallel, show_new)
    if json:
        print_json(by_host(answers, lambda answer: answer.result and facts(answer.result)))
    return code_of(answers)


def _checked(switch: str, message: str, until: str, parallel: int) -> Moment | None:
    """The wanted end. Raises BadInput."""
    if switch not in (ON, OFF):
        raise BadInput(f"maintenance {switch!r}: must be on or off. {NOTHING}")
    if not 1 <= parallel <= 200:
        raise BadInput(f"--parallel={parallel}: must be from 1 to 200. {NOTHING}")
    if switch == OFF and (message or until):
        raise BadInput(f"maintenance off takes no --message and no --until. {NOTHING}")
    if switch == ON and not message.strip():
        raise BadInput(f'Visitors need a reason: fab maintenance on --message="…". {NOTHING}')
    if len(message) > LONGEST:
        raise BadInput(f"--message has {len(message)} characters, at most {LONGEST} are allowed. {NOTHING}")
    if any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for char in message):
        raise BadInput(f"--message must not hold a control character or a line break. {NOTHING}")
    if not until or CLOCK.fullmatch(until):
        return until or None
    try:
        return moment("until", until)
    except BadInput:
        rule = "must be a time span (30m, 2h), a time of day (18:30) or a time (2026-11-25T03:00)"
        raise BadInput(f"--until={until}: {rule}. {NOTHING}") from None
