"""A host's Apache: test its configuration, reload or restart it."""

import base64
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ops.errors import BadInput, HostError, read_answer
from ops.inventory.validation_levels import is_less
from ops.schema import Host
from ops.services.request_lines import apache_directory_lines, apache_lines, apache_logs
from ops.services.restart_cost import RestartCost
from ops.services.restart_cost import parse as parse_cost
from ops.services.supervisord import need_lock
from ops.ssh.operator_identity import lock_owner
from ops.ssh.session import Remote

COST = "restart_cost "  # first word of a line of the host's answer
UNKNOWN = "UNKNOWN: see fab check-apache"


@dataclass
class _Answer:
    """The host's answer: the result and evidence of each step, and what was not validated."""

    ended: dict[str, str] = field(default_factory=dict)
    evidence: dict[str, str] = field(default_factory=dict)
    unvalidated: list[str] = field(default_factory=list)


def need_reload(hosts: list[Host]) -> None:
    """Raise BadInput if a host's Apache can only be restarted."""
    for host in hosts:
        if not host.apache.reload:
            raise BadInput(
                f"{host.name}: the inventory sets no apache.reload, so fab can only restart Apache, which interrupts "
                f"visitors: fab -H {host.name} restart-apache. Nothing was touched."
            )


def control(remote: Remote, action: str, report: Callable[[RestartCost], None] = lambda _: None) -> list[str]:
    """Test the configuration, and if it is valid do `action`: "restart", "reload" or "" for only the test.

    A trial start precedes an action; before a restart, `report` gets its cost. Returns what could not be validated,
    one sentence each.

    Raises HostError with Apache's own message; if a test or trial start fails, the running Apache is unchanged.
    """
    host = remote.host

    def hear(line: str) -> None:
        if line.startswith(COST):
            with read_answer(host.name, "apache", left=UNKNOWN):
                report(parse_cost(line.removeprefix(COST)))

    answer = remote.ask("apache", [*_request(remote, action), *remote.password_lines()], hear)
    need_lock(host, answer)
    with read_answer(host.name, "apache", left=UNKNOWN):
        answer_ = _read(answer)
    failed = next((step for step, how in answer_.ended.items() if how == "failed"), None)
    if failed:
        raise _failure(host, action, failed, answer_)
    if answer[-1:] != ["end"]:
        raise HostError(
            host.name,
            "the connection was lost before Apache's answer",
            next_step=f"fab -H {host.name} check-apache",
        )
    return answer_.unvalidated


def _request(remote: Remote, action: str) -> Iterator[str]:
    host = remote.host
    if action:
        yield f"state_dir {host.state_dir}"
        yield f"by {lock_owner(remote.who)}, {action}-apache"
        yield "validate"
        if action == "restart":
            yield "cost"
        if is_less(host.deploy.validation, "trial-start"):
            yield "optional"
        yield from apache_directory_lines(host)
        yield from (f"log_file {path}" for path in apache_logs(host))
    yield from apache_lines(host, action)
    yield f"listens {host.apache.port}"
    yield f"listens {host.apache.cert_port}"


def _read(answer: list[str]) -> _Answer:
    """Parse the answer of remote/apache.sh. Raises ValueError if it is malformed."""
    answer_, step = _Answer(), ""
    for line in answer:
        kind, _, value = line.partition(" ")
        if kind == "evidence":
            answer_.evidence[step] = base64.b64decode(value).decode(errors="replace").strip()
        elif kind == "unvalidated":
            answer_.unvalidated.append(value)
        elif value in ("up", "down"):
            answer_.ended["now"] = value
        elif value in ("ok", "failed", "barred"):
            step = kind
            answer_.ended[step] = value
    return answer_


def _failure(host: Host, action: str, step: str, answer_: _Answer) -> HostError:
    """The error for the `step` that failed."""
    evidence, fab = answer_.evidence.get(step, ""), f"fab -H {host.name}"
    if step == "configtest":
        return HostError(
            host.name,
            f"Apache rejects its configuration:\n{evidence}",
            left="the running Apache: nothing was reloaded or restarted",
            next_step="'fab diff' shows what was changed by hand; 'fab deploy --force' restores the wanted files",
        )
    if step == "trial":
        return HostError(
            host.name,
            f"Apache does not start with its current files:\n{evidence}",
            left="the running Apache: nothing was reloaded or restarted",
            next_step="fix the error above. If this host does not allow a trial start, set deploy.validation to "
            "configtest, with deploy.validation_reason",
        )
    said = f"Apache's {action} failed" if step == "apache" else f"Apache does not answer after the {action}"
    said = f"{said}, and Apache is {answer_.ended.get('now', 'in an unknown state')}:\n{evidence}"
    restart = shlex.join(host.apache.restart)
    started = answer_.ended.get("started")
    if started == "ok":
        said += f"\n'{restart}' has started it again, and it answers. Requests in progress were lost."
        return HostError(host.name, said, next_step="find out why the reload ended Apache before you reload it again")
    if started:
        why = "was not permitted" if started == "barred" else "did not start it"
        said += f"\n'{restart}' {why}:\n{answer_.evidence.get('started', '')}"
        return HostError(host.name, said, next_step=f"fix the error above; then root starts Apache: {restart}")
    if answer_.ended.get("now") == "down":
        return HostError(host.name, said, next_step=f"fix the error above, then {fab} restart-apache: '{restart}'")
    return HostError(host.name, said, next_step=f"fix the error above; {fab} status shows what answers")
