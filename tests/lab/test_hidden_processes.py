"""Where an account may not see the processes of others, what it cannot see is not taken for down."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.site import Site, until

HOST = ("-H", "pomsgpvm01")
SOCKET = "/run/shibboleth/shibd.sock"
STOPPED = "/run/shibboleth/stopped"  # while it is there, the lab does not start shibd again


def findings(site: Site, task: str) -> dict[str, dict[str, Any]]:
    """What a task finds of Apache, shibd and supervisord."""
    told = json.loads(site.fab(*HOST, task, "--json").out)["pomsgpvm01"]
    found = told["findings"] if task == "status" else told
    return {one["what"]: one for one in found if one["what"] in ("Apache", "shibd", "supervisord")}


@pytest.fixture
def hidden(deployed: Site) -> Iterator[Site]:
    """A host whose /proc shows an account its own processes only."""
    deployed.root("mount -o remount,hidepid=2 /proc")
    try:
        assert deployed.root("runuser -u poms -- pgrep -x shibd || :") == ""
        yield deployed
    finally:
        deployed.root("mount -o remount,hidepid=0 /proc")


@pytest.mark.exhaustive
def test_what_answers_is_up_although_its_process_is_hidden(hidden: Site) -> None:
    assert findings(hidden, "status") == {}
    doctor = findings(hidden, "doctor")
    assert {what: one["level"] for what, one in doctor.items()} == {
        "Apache": "ok",
        "shibd": "ok",
        "supervisord": "ok",
    }
    shown = hidden.fab(*HOST, "status")
    assert (shown.code, shown.out.count("cannot see other accounts' processes")) == (0, 2), shown.all


@pytest.mark.exhaustive
def test_what_neither_shows_nor_answers_is_not_known(hidden: Site) -> None:
    stop, start = f"touch {STOPPED}; pkill -x shibd; rm -f {SOCKET}", f"rm {STOPPED}"
    if hidden.systemd():
        stop, start = "systemctl stop shibd", "systemctl start shibd"
    hidden.root(stop)
    until(lambda: hidden.root("pgrep -x shibd || :") == "", 20, "shibd has ended")
    try:
        assert findings(hidden, "status")["shibd"]["level"] == "warning"
        assert findings(hidden, "doctor")["shibd"]["level"] == "warning"
        hidden.root("mount -o remount,hidepid=0 /proc")
        assert findings(hidden, "status")["shibd"]["level"] == "error"
        assert findings(hidden, "doctor")["shibd"]["level"] == "error"
    finally:
        hidden.root(start)
        until(lambda: hidden.root(f"ls {SOCKET} 2>/dev/null || :") != "", 30, "shibd listens again")


def test_closed_ports_are_wrong_whoever_is_hidden(hidden: Site) -> None:
    hidden.root("service httpd stop")
    try:
        assert findings(hidden, "status")["Apache"]["level"] == "error"
    finally:
        hidden.root("service httpd start")
