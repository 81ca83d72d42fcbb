"""`start-at-boot`: start supervisord when the host boots."""

from typing import Any

from ops.errors import BadInput, HostError
from ops.rollout import apply_serially
from ops.schema import Host
from ops.services import boot
from ops.services.supervisord_survival import assess_boot
from ops.ssh.session import connect
from ops.ui import colours, console
from tasks._task import chosen, print_json, task


@task(
    help={
        "remove": "Remove what this task has installed.",
        "yes": "Do not ask for confirmation; without a terminal this is required.",
        "json": "Print one JSON document: per host, what was done. Needs --yes.",
    }
)
def start_at_boot(context: Any, remove: bool = False, yes: bool = False, json: bool = False) -> None:
    """Start supervisord when the host boots: by a line in the account's crontab, or by a systemd user unit.

    Shows the change first. The rest of the crontab is unchanged. Does nothing if something starts it already.
    Without -H: the default host.
    """
    hosts = chosen(everywhere=False)
    if not yes and (json or not console.is_terminal()):
        names = ", ".join(host.name for host in hosts)
        raise BadInput(f"There is no terminal to ask on: add --yes. Nothing was touched on {names}.")
    done: dict[str, object] = {}

    def change(host: Host) -> None:
        with connect(host, context.config) as remote:
            found = boot.collect(remote)
            if remove:
                changes = boot.removals(found)
            else:
                wanted = boot.choose(host, found)
                changes = [wanted] if wanted else []
            done[host.name] = [{"did": one.does, "what": one.what, "text": one.text} for one in changes]
            for one in changes:
                _show(host, one, found, err=json)
            if changes and not yes and not console.confirm(f"Do this to {host.name}?"):
                raise HostError(host.name, "not done: you said no", left="everything", outcome="not done")
            for one in changes:
                boot.carry_out(remote, one)
        said = "done"
        if not changes:
            said = "nothing to do: " + ("nothing is installed" if remove else _who(host, found))
        console.say(f"{host.name}: {said}", colours.OK, err=json)

    apply_serially(hosts, change)
    if json:
        print_json(done)


def _who(host: Host, found: boot.Found) -> str:
    return assess_boot(host, found.survival, found.boot).found


def _show(host: Host, change: boot.Change, found: boot.Found, *, err: bool) -> None:
    console.say(f"{host.name}: {change.does} {boot.describe(change)}", err=err)
    sign = "+" if change.does == boot.ADD else "-"
    for line in change.text.splitlines():
        console.say(f"    {sign}{line}", err=err)
    if change.what == boot.LINE:
        others = found.lines - (2 if found.own else 0)
        console.say(f"    its other {others} line{' is' if others == 1 else 's are'} unchanged", err=err)
