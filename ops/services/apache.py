"""Asking a host's Apache: test its configuration, reload or restart it."""

import base64
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ops.errors import BadInput, HostError, read_answer
from ops.inventory.validation_levels import is_less
from ops.schema import Host
from ops.services.request_lines import apache_lines, apache_logs, apache_place_lines
from ops.services.restart_cost import RestartCost
from ops.services.restart_cost import parse as parse_cost
from ops.services.supervisord import need_lock
from ops.ssh.operator_identity import holder
from ops.ssh.session import Remote

COST = "restart_cost "  # of the host's answer
UNKNOWN = "UNKNOWN: see fab check-apache"


@dataclass
class _Told:
    """What the host told: how each step ended, the evidence behind it, what was not validated."""

    ended: dict[str, str] = field(default_factory=dict)
    evidence: dict[str, str] = field(default_factory=dict)
    unvalidated: list[str] = field(default_factory=list)


def need_reload(hosts: list[Host]) -> None:
    """Raise BadInput for a host whose Apache may only be restarted."""
    for host in hosts:
        if not host.apache.reload:
            raise BadInput(
                f"{host.name}: the inventory has no apache.reload, so this site's sudo rules grant only a restart, "
                f"which costs visitors (fab -H {host.name} doctor says what): fab -H {host.name} restart-apache. "
                "Nothing was touched."
            )


def control(remote: Remote, action: str, report: Callable[[RestartCost], None] = lambda _: None) -> list[str]:
    """Test the configuration, and if it is well-formed do `action`: "restart", "reload" or "" for the test alone.

    A trial start goes before an action, and before a restart `report` gets what it will cost. Returns what could
    not be validated, a sentence each.

    Raises HostError with Apache's own message; a failing test or trial start leaves the running Apache as it is.
    """
    host = remote.host

    def hear(line: str) -> None:
        if line.startswith(COST):
            with read_answer(host.name, "apache", left=UNKNOWN):
                report(parse_cost(line.removeprefix(COST)))

    answer = remote.ask("apache", [*_request(remote, action), *remote.password_lines()], hear)
    need_lock(host, answer)
    with read_answer(host.name, "apache", left=UNKNOWN):
        told = _read(answer)
    failed = next((step for step, how in told.ended.items() if how == "failed"), None)
    if failed:
        raise _failure(host, action, failed, told)
    if answer[-1:] != ["end"]:
        raise HostError(
            host.name,
            "the line was lost before Apache's answer",
            next_step=f"fab -H {host.name} check-apache",
        )
    return told.unvalidated


def _request(remote: Remote, action: str) -> Iterator[str]:
    host = remote.host
    if action:
        yield f"state_dir {host.state_dir}"
        yield f"by {holder(remote.who)}, {action}-apache"
        yield "validate"
        if action == "restart":
            yield "cost"
        if is_less(host.deploy.validation, "trial-start"):
            yield "optional"
        yield from apache_place_lines(host)
        yield from (f"log_file {path}" for path in apache_logs(host))
    yield from apache_lines(host, action)
    yield f"listens {host.apache.port}"
    yield f"listens {host.apache.cert_port}"


def _read(answer: list[str]) -> _Told:
    """The answer of remote/apache.sh. Raises ValueError for an odd one."""
    told, step = _Told(), ""
    for line in answer:
        kind, _, value = line.partition(" ")
        if kind == "evidence":
            told.evidence[step] = base64.b64decode(value).decode(errors="replace").strip()
        elif kind == "unvalidated":
            told.unvalidated.append(value)
        elif value in ("up", "down"):
            told.ended["now"] = value
        elif value in ("ok", "failed", "barred"):
            step = kind
            told.ended[step] = value
    return told


def _failure(host: Host, action: str, step: str, told: _Told) -> HostError:
    """What to tell of the `step` that failed."""
    evidence, fab = told.evidence.get(step, ""), f"fab -H {host.name}"
    if step == "configtest":
        return HostError(
            host.name,
            f"Apache refuses its configuration:\n{evidence}",
            left="the running Apache: nothing was reloaded or restarted",
            next_step="'fab diff' shows what was changed by hand; 'fab deploy --force' puts the wanted files there",
        )
    if step == "trial":
        return HostError(
            host.name,
            f"Apache does not start with its files as they are:\n{evidence}",
            left="the running Apache: nothing was reloaded or restarted",
            next_step="correct what it names. Where this host allows no trial start, set deploy.validation to "
            "configtest, with deploy.validation_reason",
        )
    said = f"Apache's {action} failed" if step == "apache" else f"after its {action} Apache does not answer"
    said = f"{said}, and Apache is {told.ended.get('now', 'in an unknown state')}:\n{evidence}"
    restart = shlex.join(host.apache.restart)
    started = told.ended.get("started")
    if started == "ok":
        said += f"\nIt was started again by '{restart}', and answers. Requests under way were lost."
        return HostError(host.name, said, next_step="find out why the reload has ended Apache before the next one")
    if started:
        why = "was not granted" if started == "barred" else "did not start it"
        said += f"\n'{restart}' {why}:\n{told.evidence.get('started', '')}"
        return HostError(host.name, said, next_step=f"correct what it names; then root starts Apache: {restart}")
    if told.ended.get("now") == "down":
        return HostError(host.name, said, next_step=f"correct what it names, then {fab} restart-apache: '{restart}'")
    return HostError(host.name, said, next_step=f"correct what it names; {fab} status says what answers")
