"""The lab's network: a bridge, one cable (veth pair) to each host, addresses from 198.18.0.0/15.

That range is reserved for tests of network devices (RFC 2544), so no site uses it. Each lab takes a /24 of it: the
one at the hash of its name, or the next one that no interface of this machine uses.
"""

import contextlib
import errno
import ipaddress
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from lab.command import attempt, run
from lab.place import KDC, PROVIDER, Lab
from ops.errors import OperatorError

RANGE = ipaddress.IPv4Network("198.18.0.0/15")
PREFIX = 24  # bits of an address that are the lab's
FIRST_HOST, LAST_HOST = 11, 250  # numbers in it
SERVICES = {PROVIDER: 251, KDC: 252}
FAILS = "Cannot set up the lab's network"
CHOOSING = "\0poms-ops-lab-network"  # an abstract socket, as a lock: one process of this machine binds it at a time
MAX_WAIT = 60.0  # seconds


def ensure_bridge(lab: Lab) -> ipaddress.IPv4Network:
    """Set up the lab's bridge, with the subnet's first address for this machine; the subnet."""
    with alone():  # otherwise two labs that start at once may take the same subnet
        links = _links()
        if lab.bridge not in links:
            run("ip", "link", "add", "name", lab.bridge, "type", "bridge", fails=FAILS)
        found = next(_ipv4(links.get(lab.bridge, [])), None)
        if found is None:
            found = _free_subnet(int(lab.tag, 16), [address for there in links.values() for address in there])
            run("ip", "address", "add", f"{found[1]}/{found.prefixlen}", "dev", lab.bridge, fails=FAILS)
    run("ip", "link", "set", lab.bridge, "up", fails=FAILS)
    return found


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """A lock on the choice of a subnet, for all labs of this machine. Raises OperatorError after a minute."""
    end = time.monotonic() + MAX_WAIT
    with socket.socket(socket.AF_UNIX) as held:
        while True:
            try:
                held.bind(CHOOSING)
                break
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                if time.monotonic() > end:
                    raise OperatorError(f"{FAILS}: another lab has held the lock on it for a minute.") from None
                time.sleep(0.05)
        yield


def exists(lab: Lab) -> bool:
    """Whether the lab's bridge exists."""
    return Path("/sys/class/net", lab.bridge).exists()


def plug_in(lab: Lab, address: ipaddress.IPv4Address, pid: int) -> None:
    """Connect the bridge with `eth0` in the network namespace of `pid`."""
    cable = _cable(lab, address)
    attempt(["ip", "link", "delete", cable])  # of the same host before it died
    mac = f"02:00:{address.packed.hex(':')}"  # the same at every start: no stale ARP
    peer = ("peer", "name", "eth0", "address", mac, "netns", str(pid))
    run("ip", "link", "add", "name", cable, "type", "veth", *peer, fails=FAILS)
    run("ip", "link", "set", cable, "master", lab.bridge, "up", fails=FAILS)


def remove_network(lab: Lab) -> None:
    """Remove the bridge and every cable, also those that a killed `up` has just requested."""
    end = time.monotonic() + 5
    while left := _of(lab):
        if time.monotonic() > end:
            raise OperatorError(f"Cannot remove the lab's network: {', '.join(left)} is still there.")
        for link in left:
            attempt(["ip", "link", "delete", link])  # a cable may already be gone with its host


def _of(lab: Lab) -> list[str]:
    return [link for link in _links() if link.startswith(lab.bridge)]


def _cable(lab: Lab, address: ipaddress.IPv4Address) -> str:
    return f"{lab.bridge}{address.packed[3]:02x}"


def _free_subnet(preferred: int, taken: list[str]) -> ipaddress.IPv4Network:
    subnets = list(RANGE.subnets(new_prefix=PREFIX))
    used = list(_ipv4(taken))
    for offset in range(len(subnets)):
        subnet = subnets[(preferred + offset) % len(subnets)]
        if not any(subnet.overlaps(network) for network in used):
            return subnet
    raise OperatorError(f"{FAILS}: every subnet of {RANGE} is in use on this machine.")


def _ipv4(addresses: list[str]) -> Iterator[ipaddress.IPv4Network]:
    for address in addresses:
        network = ipaddress.ip_interface(address).network
        if isinstance(network, ipaddress.IPv4Network):
            yield network


def _links() -> dict[str, list[str]]:
    """This machine's interfaces and the addresses (with prefix length) that each has."""
    rows = json.loads(run("ip", "-json", "address", "show", fails=FAILS))
    return {
        row["ifname"]: [f"{info['local']}/{info['prefixlen']}" for info in row.get("addr_info", [])] for row in rows
    }
