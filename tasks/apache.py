"""`check-apache`, `reload-apache`, `restart-apache`: each tests the configuration first."""

import functools
from typing import Any

from ops.formats.locations import door_ports
from ops.rollout import AT_ONCE, HostResult, apply_serially
from ops.schema import Host
from ops.services.apache import control, need_reload
from ops.services.restart_cost import RestartCost
from ops.ssh.session import connect
from ops.ui import colours, console
from tasks._query import PARALLEL_HELP, ask_hosts, by_host, code_of, nothing
from tasks._task import chosen, print_json, task


@task(
    help={
        "json": "Print one JSON document: per host, whether Apache accepts its configuration, or the error.",
        **PARALLEL_HELP,
    }
)
def check_apache(context: Any, json: bool = False, parallel: int = AT_ONCE) -> int:
    """Test Apache's configuration as it is on the host. Without -H: all hosts of the inventory."""
    answers = ask_hosts(context, parallel, lambda remote: control(remote, ""), nothing if json else _show)
    if json:
        print_json(by_host(answers, lambda _: {"ok": True}))
    return code_of(answers)


def _show(answers: list[HostResult[list[str]]]) -> None:
    for answer in answers:
        if not answer.error:
            console.say(f"{answer.host.name}: Apache's configuration is valid", colours.OK)


@task()
def reload_apache(context: Any) -> None:
    """Test Apache's configuration and a trial start of it, then reload Apache without dropping a request.

    Needs apache.reload in the inventory. If a test fails, Apache is not reloaded. Without -H: the default host.
    """
    hosts = chosen(everywhere=False)
    need_reload(hosts)
    apply_serially(hosts, functools.partial(_control, context.config, "reload"))


@task()
def restart_apache(context: Any) -> None:
    """Test Apache's configuration and a trial start of it, then restart Apache.

    Requests in progress are lost, or finish while the ports are closed: the task says which. If a test fails, Apache
    is not restarted. Without -H: the default host.
    """
    apply_serially(chosen(everywhere=False), functools.partial(_control, context.config, "restart"))


def _control(config: Any, action: str, host: Host) -> None:
    def report(cost: RestartCost) -> None:
        console.say(f"{host.name}: restarting Apache: {cost.describe()}")

    with connect(host, config) as remote:
        unvalidated = control(remote, action, report)
    for what in unvalidated:
        console.say(f"{host.name}: not validated: {what}", colours.WARNING)
    console.say(
        f"{host.name}: Apache {action} done, Apache answers on {' and '.join(map(str, door_ports(host).values()))}",
        colours.OK,
    )
