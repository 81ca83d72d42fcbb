"""A host's Apache: test its configuration, reload or restart it."""

import shlex
from collections.abc import Callable

from ops.agent.apache_messages import ApacheConfiguration, ApacheRequest, ApacheStep, LockRefused, Unvalidated
from ops.agent.messages import Message
from ops.agent.service_messages import RestartSettings
from ops.errors import BadInput, HostError, read_answer
from ops.formats.locations import door_ports
from ops.inventory.validation_levels import is_less
from ops.schema import Host
from ops.services.lock_refusal import refusal
from ops.services.request_parts import apache_logs
from ops.services.restart_cost import RestartCost, restart_cost
from ops.ssh.operator_identity import lock_owner
from ops.ssh.session import Remote

OK = "ok"
UNKNOWN = "UNKNOWN: see fab check-apache"


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

    def hear(message: Message) -> None:
        if isinstance(message, RestartSettings):
            with read_answer(host.name, "apache", left=UNKNOWN):
                report(restart_cost(message))

    answer = remote.answer(_request(remote, action), hear)
    for message in answer.received:
        if isinstance(message, LockRefused):
            raise refusal(host, message)
    steps = [message for message in answer.received if isinstance(message, ApacheStep)]
    failed = next((step for step in steps if step.result != OK), None)
    if failed:
        raise _failure(host, action, failed, steps[-1])
    if answer.error and not steps:
        raise answer.error
    if not answer.python:
        raise HostError(
            host.name,
            "the connection was lost before Apache's answer",
            next_step=f"fab -H {host.name} check-apache",
        )
    return [message.what for message in answer.received if isinstance(message, Unvalidated)]


def configuration(host: Host) -> ApacheConfiguration:
    """What a trial start needs to know of the host's Apache."""
    return ApacheConfiguration(
        httpd=host.apache.configtest[0],
        server_root=host.apache.server_root,
        log_dir=host.apache.log_dir,
        ports=[*door_ports(host).values()],
        maintenance=host.maintenance.folder,
    )


def _request(remote: Remote, action: str) -> ApacheRequest:
    host, password = remote.host, remote.sudo_password or ""
    request = ApacheRequest(
        apache=configuration(host), configtest=list(host.apache.configtest), sudo_password=password
    )
    if action:
        restart = list(host.apache.restart)
        request.command = list(host.apache.reload or restart) if action == "reload" else restart
        request.start = restart
        request.state_dir = host.state_dir
        request.owner = f"{lock_owner(remote.who)}, {action}-apache"
        request.validate = True
        request.is_trial_optional = is_less(host.deploy.validation, "trial-start")
        request.with_cost = action == "restart"
        request.logs = apache_logs(host)
    return request


def _failure(host: Host, action: str, failed: ApacheStep, last: ApacheStep) -> HostError:
    """The error for the step that failed; `last` may be the start of an Apache that it has ended."""
    evidence, fab = failed.evidence.strip(), f"fab -H {host.name}"
    if failed.step == "configtest":
        return HostError(
            host.name,
            f"Apache rejects its configuration:\n{evidence}",
            left="the running Apache: nothing was reloaded or restarted",
            next_step="'fab diff' shows what was changed by hand; 'fab deploy --force' restores the wanted files",
        )
    if failed.step == "trial":
        return HostError(
            host.name,
            f"Apache does not start with its current files:\n{evidence}",
            left="the running Apache: nothing was reloaded or restarted",
            next_step="fix the error above. If this host does not allow a trial start, set deploy.validation to "
            "configtest, with deploy.validation_reason",
        )
    said = f"Apache's {action} failed" if failed.step == "command" else f"Apache does not answer after the {action}"
    now = {True: "up", False: "down", None: "in an unknown state"}[failed.is_up]
    said = f"{said}, and Apache is {now}:\n{evidence}"
    restart = shlex.join(host.apache.restart)
    if last.step == "start" and last.result == OK:
        said += f"\n'{restart}' has started it again, and it answers. Requests in progress were lost."
        return HostError(host.name, said, next_step="find out why the reload ended Apache before you reload it again")
    if last.step == "start":
        why = "was not permitted" if last.result == "barred" else "did not start it"
        said += f"\n'{restart}' {why}:\n{last.evidence.strip()}"
        return HostError(host.name, said, next_step=f"fix the error above; then root starts Apache: {restart}")
    if failed.is_up is False:
        return HostError(host.name, said, next_step=f"fix the error above, then {fab} restart-apache: '{restart}'")
    return HostError(host.name, said, next_step=f"fix the error above; {fab} status shows what answers")
