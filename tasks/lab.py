"""`lab.up`, `lab.down`, `lab.status`: disposable real hosts on this machine."""

import time
from typing import Any

from invoke.collection import Collection

import lab
from ops.project import PROJECT
from ops.ui import colours, console
from tasks._task import print_json, task


@task(
    help={
        "hosts": "Names of the hosts, separated by commas (default: pomsgpvm01,fermicloud045).",
        "base": f"The base system of new hosts: {', '.join(lab.BASES)} (docs/guide/lab.md).",
    }
)
def up(_context: Any, hosts: str = ",".join(lab.DEFAULT_HOSTS), base: str = "") -> None:
    """Start real hosts on this machine, to try tasks where nothing can break; needs root.

    Each has its own file system, network, sshd, sudo, Apache and shibd. The first run builds their root file system.
    """
    names = [name for name in (part.strip() for part in hosts.split(",")) if name]
    report = lab.up(names, base=base or None, say=_progress)
    for name in report.already_running:
        console.say(f"{name} was already running.")
    console.say(f"Inventory: {report.inventory}", colours.OK)
    console.say(f"Try: POMS_INVENTORY={_short(str(report.inventory))} fab -H {names[0]} deploy")
    for line in (*lab.by_hand(lab.Lab()), *lab.with_a_ticket(lab.Lab())):
        console.say(_short(line))


@task()
def down(_context: Any) -> None:
    """Stop the lab's hosts and remove all that they left: processes, mounts, interfaces, keys."""
    names = lab.down(say=_progress)
    console.say(f"Stopped and removed: {', '.join(names)}." if names else "There was no lab.")


@task(help={"json": "Print one JSON document: a list of hosts."})
def status(_context: Any, json: bool = False) -> None:
    """Show the lab's hosts, their addresses and what runs in them."""
    hosts = lab.status(say=_progress)
    if json:
        print_json([vars(host) for host in hosts])
        return
    if not hosts:
        console.say("There is no lab; fab lab.up creates one.")
        return
    rows = []
    for host in hosts:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(host.since)) if host.since else ""
        runs = ", ".join(f"{name} x{count}" if count > 1 else name for name, count in sorted(host.processes.items()))
        rows.append((host.name, host.address, host.base, "running" if host.running else "!not running", since, runs))
    console.table(("host", "address", "base", "state", "since", "processes"), rows)


def _progress(text: str) -> None:
    console.say(text, "dim", err=True)


def _short(text: str) -> str:
    return text.replace(f"{PROJECT}/", "")


namespace = Collection(up, down, status)
