"""Ports that another program listens on, found before anything changes."""

import os
import pwd

from ops.agent.apache_directives import files_below, listen_ports, text_of
from ops.agent.apache_ports import listeners
from ops.agent.apache_processes import apache_parent
from ops.agent.host_processes import sees_others
from ops.agent.staged_tree import below
from ops.agent.validation_failed import ValidationFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ops.agent.apache_messages import ApacheConfiguration
    from ops.agent.staged_tree import StagedFile

ROOT = 0


def live_ports(apache: "ApacheConfiguration") -> "list[int]":
    """The ports in Apache's current files."""
    return listen_ports("\n".join(map(text_of, files_below(apache.server_root))))


def wanted_ports(apache: "ApacheConfiguration", files: "Iterable[StagedFile]", live: "list[int]") -> "list[int]":
    """The ports that Apache will listen on: of its files as they will be, and those of the inventory."""
    staged = [text_of(file.content) for file in below(apache.server_root, files) if file.content is not None]
    return sorted({*live, *apache.ports, *listen_ports("\n".join(staged))})


def check_apache(live: "list[int]", wanted: "list[int]") -> None:
    """Raise ValidationFailed for a port of Apache's that another program uses."""
    ended = sees_others() and not apache_parent()
    for port in wanted:
        for owner in listeners(port):
            if owner != ROOT or port not in live or ended:
                raise _taken(port, owner, "Apache")


def check_app(listen: str) -> None:
    """Raise ValidationFailed if a program of another account listens where the app will."""
    port = "" if listen.startswith("/") else listen.rpartition(":")[2]
    for owner in listeners(int(port)) if port.isdigit() else []:
        if owner != os.getuid():
            raise _taken(int(port), owner, "the app")


def _taken(port: int, owner: int, needs: str) -> ValidationFailed:
    try:
        account = pwd.getpwuid(owner).pw_name
    except KeyError:
        account = f"account {owner}"
    return ValidationFailed(
        f"port {port} belongs to another program: one of {account} listens on it, so {needs} cannot. End that "
        "program, or choose another port in the inventory."
    )
