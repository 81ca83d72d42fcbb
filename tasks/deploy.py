"""`deploy`: deploy the inventory's and the templates' files to a host."""

from typing import Any

from ops.schema import Host
from ops.ssh.ssh_config_query import ask_ahead
from tasks._query import rendered
from tasks._rollout import ROLLING_HELP, change_rolling
from tasks._task import chosen, task


@task(
    help={
        "unvalidated": "Deploy even if the host validates less than deploy.validation; the release records it.",
        **ROLLING_HELP,
    }
)
def deploy(
    context: Any,
    yes: bool = False,
    force: bool = False,
    remove: bool = False,
    parallel: int = 1,
    unvalidated: bool = False,
) -> int:
    """Deploy the files of the inventory and the templates to a host; a second run changes nothing.

    Shows the changes and asks, validates all new files together, puts them in place, and reloads or restarts only
    what changed. Any failure rolls everything back. Of several hosts, the first is changed alone; the first failure
    stops the rest. Exit code 2 if the web service does not serve at the end. Without -H: the default host.
    """
    hosts = chosen(everywhere=False)
    ask_ahead(context.config, hosts)
    from ops.ssh.session import Connections  # slow to import: do it while ssh answers

    with Connections(context.config, ahead=hosts[:1]) as lines:
        files = rendered(hosts)
        from ops.deploy.undeclared_doors import refuse_undeclared_ports
        from tasks._apply import Consent
        from tasks._confirm import Agreement
        from tasks._deploy_host import deploy_to  # imported while the first connection opens
        from tasks._templates import warn_of_what_is_not_rendered

        for host in hosts:
            refuse_undeclared_ports(host, files[host.name])
        warn_of_what_is_not_rendered(hosts)

        consent = Consent(yes, force, remove, Agreement([host.name for host in hosts]))

        def change(host: Host) -> str:
            return deploy_to(lines, host, files[host.name], consent, unvalidated=unvalidated)

        return change_rolling(hosts, change, yes=yes, parallel=parallel)
