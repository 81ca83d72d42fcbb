"""The findings on several hosts as lines: errors first, and equal findings once, with the hosts' names."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from ops.errors import HostError, OperatorError
from ops.monitoring.findings import ERROR, Finding
from ops.schema import Host
from ops.ui import colours
from ops.ui.console import cell

if TYPE_CHECKING:
    from rich.text import Text

_HOSTS, _ADDRESS = "\0hosts\0", "\0address\0"  # placeholders for a host's name and address in a comparison


def finding_of(error: OperatorError) -> Finding:
    """The finding for a host that could not be asked, or whose answer could not be read."""
    if isinstance(error, HostError):
        return Finding(error.ended, ERROR, error.message, error.next_step)
    return Finding("failed", ERROR, str(error))


def grouped(found: Iterable[tuple[Host, Finding]]) -> list[tuple[list[str], Finding]]:
    """(names of hosts, finding), errors first; equal findings are one, at the place of the first.

    Two findings are equal if they differ only in the host's name after -H or its address after @. The merged one has
    all names after -H, which takes several, and HOST for addresses that differ.
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
    """For the screen: each of `grouped`, with its advice below it."""
    from rich.text import Text

    for names, one in found:
        text = cell(f"{', '.join(names)}: {one.what}: {one.found}")
        text.stylize(colours.BOLD_ERROR if one.level == ERROR else colours.WARNING)
        yield text
        if one.advice:
            yield Text("    ").append_text(cell(one.advice))
