"""`python -m lab.pictures`: the screens of `status` and `workers` for the running lab, as docs/pictures/*.svg.

Deploy to its first host before. This module makes the app there leak memory and answer slowly.
"""

import re
import ssl
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import fabric
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, Group, RenderableType

from lab.place import Lab
from ops.inventory.loader import read_inventory
from ops.monitoring import workers
from ops.monitoring.health import collect
from ops.project import PROJECT
from ops.rendering.renderer import render
from ops.schema import Host
from ops.ssh.session import Remote, connect
from ops.ui import status_view, watch, workers_view

WIDTH = 112
LOOKS, EVERY = 40, 2  # and seconds
# Without rich's fonts, which a browser would download.
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


def main() -> None:
    """Write both pictures."""
    lab = Lab()
    hosts = list(read_inventory(lab.inventory).hosts.values())
    for path in ["/poms/slow?seconds=110", *(["/poms/slow?seconds=0.3"] * 3)]:
        Thread(target=_ask, args=(lab, hosts[0], path), daemon=True).start()
    trends = {host.name: workers.Trend(every=30) for host in hosts[:1]}
    config = fabric.Config(overrides={"run": {"in_stream": False}})
    with connect(hosts[0], config) as remote:
        for number in range(LOOKS):
            _ask(lab, hosts[0], f"/poms/leak?megabytes={2 + number % 5}")
            seen = trends[hosts[0].name].collect(remote)
            time.sleep(EVERY)
    _keep("workers", [_watched(hosts[0], seen)], lambda told, width: workers_view.draw(_seen(told), width))

    def once(remote: Remote) -> Any:
        return collect(remote, render(remote.host, values=False))

    found = []
    for host in hosts:
        with connect(host, config) as remote:
            found.append(_watched(host, once(remote)))
    _keep("status", found, lambda told, width: status_view.draw(status_view.Seen(_seen(told)), width))


def _seen(watched: list[watch.Watched[Any]]) -> list[tuple[Host, Any]]:
    return [(one.host, one.last) for one in watched]


def _watched(host: Host, seen: Any) -> watch.Watched[Any]:
    one: watch.Watched[Any] = watch.Watched(host)
    one.take(seen)
    return one


def _ask(lab: Lab, host: Host, path: str) -> None:
    """Request a page with a client certificate, and ignore its content."""
    context = ssl.create_default_context(cafile=lab.certificates / "ca.pem")
    context.load_cert_chain(lab.certificates / "jdoe.pem", lab.certificates / "jdoe.key")
    context.check_hostname = False  # the URL has the host's address
    url = f"https://{host.address}:{host.apache.cert_port}{path}"
    urllib.request.urlopen(url, context=context, timeout=120).close()


def _keep(
    verb: str,
    watched: list[watch.Watched[Any]],
    draw: Callable[[list[watch.Watched[Any]], int], Iterator[RenderableType]],
) -> None:
    picture(verb, f"fab {verb} --watch", Group(*watch.screen(watched, draw, EVERY, WIDTH)))


def picture(name: str, title: str, drawn: RenderableType) -> None:
    """Write docs/pictures/NAME.svg: a terminal of WIDTH columns that shows `drawn`."""
    console = Console(record=True, width=WIDTH, file=sys.stderr, force_terminal=True, color_system="truecolor")
    console.print(drawn)
    path = PROJECT / f"docs/pictures/{name}.svg"
    path.parent.mkdir(exist_ok=True)
    path.write_text(console.export_svg(title=title, code_format=FORMAT))
    print(path)


if __name__ == "__main__":
    main()
