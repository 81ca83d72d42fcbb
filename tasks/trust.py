"""`trust`: confirm and record a host key."""

from typing import Any

from ops.errors import BadInput, HostError
from ops.schema import Host
from ops.ssh.keyscan import Shown, ask_key, record
from ops.ui import colours, console
from tasks._task import named, task


@task(
    positional=["host"],
    help={
        "host": "A host or group of the inventory.",
        "fingerprint": "The expected fingerprint, SHA256:…; then trust does not ask.",
    },
)
def trust(context: Any, host: str, fingerprint: str = "") -> None:
    """Show a host's key for comparison, and record it in known_hosts once you confirm it.

    A host whose key differs from the recorded one is refused.
    """
    if not fingerprint and not console.is_terminal():
        raise BadInput("There is no terminal to ask on: add --fingerprint=SHA256:… with the expected fingerprint.")
    for one in named(host, everywhere=False):
        _get_to_know(one, ask_key(one, context.config), fingerprint)


def _get_to_know(host: Host, shown: Shown, fingerprint: str) -> None:
    what = f"{host.name} ({shown.names}) shows the {shown.key.get_name()} key"
    if shown.is_known:
        console.say(f"{what} {shown.fingerprint}, which is already recorded.", colours.OK)
        return
    console.say(f"{what}\n    {shown.fingerprint}")
    if fingerprint:
        if shown.fingerprint != fingerprint:
            raise HostError(
                host.name, f"its fingerprint is not {fingerprint}", left=f"{shown.file}: nothing was recorded"
            )
    else:
        console.say(
            "On the host, its administrator prints the fingerprints with: "
            "for f in /etc/ssh/ssh_host_*.pub; do ssh-keygen -lf $f; done"
        )
        if not console.confirm("Is it the same?"):
            raise HostError(host.name, "not trusted: you said no", left=f"{shown.file}: nothing was recorded")
    record(shown)
    console.say(f"{host.name}: recorded in {shown.file}", colours.OK)
