"""Deploy to one host."""

from dataclasses import replace

from ops.deploy.plan import make_plan
from ops.deploy.release_source import what_is_missing
from ops.deploy.releases import new_release
from ops.errors import HostError
from ops.rendering.rendered_file import RenderedFile
from ops.schema import Host
from ops.services.supervisord import need_service
from ops.ssh.session import Connections
from ops.ui import colours, console
from tasks._apply import Consent, carry_out_plan, collect_and_recover


def deploy_to(
    lines: Connections, host: Host, wanted: list[RenderedFile], consent: Consent, *, unvalidated: bool
) -> str:
    """Deploy the `wanted` files to `host`. Return the outcome in a few words. Raises HostError and Unreachable."""
    with lines.connect(host) as remote:
        snapshot = collect_and_recover(remote, wanted, elsewhere_is_left=consent.force)
        plan = replace(make_plan(host, wanted, snapshot), bake=host.deploy.bake_seconds)
        if plan.is_empty:
            need_service(host, snapshot.services, f"nothing to do; all {len(wanted)} files are up to date")
            console.say(f"{host.name}: nothing to do; all {len(wanted)} files are up to date.", colours.OK)
            return "nothing to do"
        missing = what_is_missing(snapshot.commit, snapshot.toolkit)
        if missing and not consent.force:
            raise HostError(
                host.name,
                f"it runs release {snapshot.release} from {missing}, which is not in this checkout: a deploy would "
                "undo a colleague's work",
                left="everything",
                outcome="runs a commit that is not in this checkout",
                next_step="fetch and merge that commit, or overwrite it with --force",
            )
        return carry_out_plan(remote, plan, new_release(remote.who, unvalidated=unvalidated), consent)
