"""Asking a host's Apache: test its configuration, reload or restart it."""

import base64

from ops.connection import Remote
from ops.errors import BadInput, HostError, read_answer
from ops.programs import need_lock
from ops.request import apache_lines
from ops.schema import Host
from ops.who import holder


def need_reload(hosts: list[Host]) -> None:
    """Raise BadInput for a host whose Apache may only be restarted."""
    for host in hosts:
        if not host.apache.reload:
            raise BadInput(
                f"{host.name}: the inventory has no apache.reload, so this site's sudo rules grant only a restart, "
                f"which loses requests in progress: fab -H {host.name} restart-apache. Nothing was touched."
            )


def control(remote: Remote, action: str) -> None:
    """Test the configuration, and if it is well-formed do `action`: "restart", "reload" or "" for the test alone.

    Raises HostError with Apache's own message; a failing test leaves the running Apache as it is.
    """
    host = remote.host
    ports = [f"listens {port}" for port in (host.apache.port, host.apache.cert_port)]
    lock = [f"state_dir {host.state_dir}", f"by {holder(remote.who)}, {action}-apache"] if action else []
    answer = remote.ask("apache", [*lock, *apache_lines(host, action), *ports, *remote.password_lines()])
    need_lock(host, answer)
    evidence = ""
    failed = [line.removesuffix(" failed") for line in answer if line.endswith(" failed")]
    for line in answer:
        if line.startswith("evidence "):
            with read_answer(host.name, "apache", left="UNKNOWN: see fab check-apache"):
                evidence = base64.b64decode(line.removeprefix("evidence ")).decode(errors="replace").strip()
    if failed == ["configtest"]:
        raise HostError(
            host.name,
            f"Apache refuses its configuration:\n{evidence}",
            left="the running Apache: nothing was reloaded or restarted",
            next_step="'fab diff' shows what was changed by hand; 'fab deploy --force' puts the wanted files there",
        )
    if failed == ["apache"]:
        raise HostError(
            host.name,
            f"Apache's {action} failed:\n{evidence}",
            next_step="read the text above; is Apache up?",
        )
    if failed:
        raise HostError(
            host.name,
            f"after its {action} Apache does not answer: {evidence}",
            next_step="read its error log",
        )
    if answer[-1:] != ["end"]:
        raise HostError(
            host.name,
            "the line was lost before Apache's answer",
            next_step=f"fab -H {host.name} check-apache",
        )
