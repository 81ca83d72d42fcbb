"""Addresses that only this host can reach, or only an account with access to the account's own folders."""

import ipaddress
import re
from pathlib import PurePosixPath

from ops.formats.apps import views
from ops.schema import Host


def protected_places(host: Host) -> list[str]:
    """The folders in which only the account makes sockets: its home, and its folders elsewhere."""
    places = [host.home, host.config_dir, host.state_dir]
    sockets = [(view.app.listen, view.app.cron_listen or "") for view in views(host)]
    for socket in [path for both in sockets for path in both]:
        if socket.startswith("/"):  # in a folder of its own, as ops/inventory/constraints.py checks
            places.append(str(PurePosixPath(socket).parent))
    outermost = [place for place in places if not any(_is_below(place, other) for other in places)]
    return list(dict.fromkeys(outermost))


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder.rstrip('/')}/")


def is_protected(host: Host, address: str) -> bool:
    """Whether only this host can connect to it, or only an account with access to one of the protected places."""
    if address.startswith("/"):
        plain = re.fullmatch(r"(?!.*/\.\.?(/|$))(/[^/:,;*%]+)+", address)  # with a colon it is a port to uWSGI
        return bool(plain) and any(_is_below(address, place) for place in protected_places(host))
    name, _, port = address.rpartition(":")
    if not re.fullmatch("[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        return False
    if name == "localhost":
        return True
    try:
        if name.startswith("[") and name.endswith("]"):
            return ipaddress.IPv6Address(name[1:-1]) == ipaddress.IPv6Address("::1")
        return ipaddress.IPv4Address(name).is_loopback
    except ValueError:
        return False
