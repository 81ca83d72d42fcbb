"""What is wrong on several hosts as lines: the worst first, and equal findings once, with the hosts' names."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ops.errors import HostError, OperatorError
from ops.monitoring.findings import ERROR, Finding
from ops.schema import Host
from ops.ui.console import cell

if TYPE_CHECKING:
    from rich.text import Text

_HOSTS, _ADDRESS = "\0hosts\0", "\0address\0"  # what stands for a host's own name and address while they are compared


def finding_of(error: OperatorError) -> Finding:
    """The finding that a host could not be asked, or did not answer as it must."""
    if isinstance(error, HostError):
        return Finding(error.ended, ERROR, error.message, error.next_step)
    return Finding("failed", ERROR, str(error))


def grouped(found: Iterable[tuple[Host, Finding]]) -> list[tuple[list[str], Finding]]:
    """(hosts' names, finding), the worst first; equal ones together, where the first of them stands.

    Two are equal up to the host's own name behind -H and its own address behind @. Of several hosts the one names all
    of them, since -H takes several, and the other says HOST where they differ.
    """
    groups: dict[Finding, list[Host]] = {}
    for host, one in sorted(found, key=lambda pair: pair[1].level != ERROR):
        key = replace(one, found=_general(host, one.found), advice=_general(host, one.advice))
        hosts = groups.setdefault(key, [])
        if host not in hosts:
            hosts.append(host)
    return [
        (
            [host.name for host in hosts],
            replace(one, found=_special(hosts, one.found), advice=_special(hosts, one.advice)),
        )
        for one, hosts in groups.items()
    ]


def _general(host: Host, text: str) -> str:
    text = re.sub(rf"(?<![\w-])-H {re.escape(host.name)}(?![\w.,@-])", lambda _: f"-H {_HOSTS}", text)
    return re.sub(rf"@{re.escape(host.address)}(?![\w.-])", lambda _: f"@{_ADDRESS}", text)


def _special(hosts: list[Host], text: str) -> str:
    addresses = {host.address for host in hosts}
    text = text.replace(_HOSTS, ",".join(host.name for host in hosts))
    return text.replace(_ADDRESS, addresses.pop() if len(addresses) == 1 else "HOST")


def lines(found: Iterable[tuple[list[str], Finding]]) -> Iterator["Text"]:
    """For the screen: each of `grouped` with what to do below it."""
    from rich.text import Text

    for names, one in found:
        text = cell(f"{', '.join(names)}: {one.what}: {one.found}")
        text.stylize("bold red" if one.level == ERROR else "yellow")
        yield text
        if one.advice:
            yield Text("    ").append_text(cell(one.advice))
