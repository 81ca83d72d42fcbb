"""uWSGI without memory limits, with several sockets or none, with placeholders: as uWSGI itself reads it."""

import json
from pathlib import Path
from typing import Any

import pytest

from ops.formats.uwsgi import unwritable
from ops.inventory.addresses import are_one
from ops.inventory.constraints import constraint_violations
from ops.monitoring.status_findings import assess
from ops.monitoring.workers import WorkerPool, facts, needs_attention
from ops.rendering.renderer import render
from ops.services.request_parts import uwsgi_program
from ops.ui import status_view
from tests.unit.hosts import host
from tests.unit.test_overview import app
from tests.unit.test_supervisor_words import broken
from tests.unit.test_uwsgi_format import read, refused
from tests.unit.test_workers import drawn, rising, worker

WEB = {"command": "uwsgi --ini /home/poms/private/config/poms/uwsgi-service.ini", "reload_signal": "HUP"}
NO_LIMITS = {"reload-on-as": False, "evil-reload-on-as": False}


@pytest.fixture
def ini(tmp_path: Path) -> Path:
    return tmp_path / "uwsgi-service.ini"


# ---- no limits ----


@pytest.mark.parametrize("left", ["reload-on-as", "evil-reload-on-as", None])
def test_a_limit_that_is_false_is_not_written(ini: Path, left: str | None) -> None:
    limits = NO_LIMITS if left is None else {key: False for key in NO_LIMITS if key != left}
    assert not broken(uwsgi=limits)
    found = dict(read(ini, limits))
    assert {key for key in NO_LIMITS if key in found} == ({left} if left else set())


def test_workers_without_limits_are_never_over_one() -> None:
    one = host(uwsgi=NO_LIMITS | {"options": {"stats": "/home/poms/s.sock"}}, programs={"web": WEB})
    large = worker(1, 9000, record=rising(700, 9000, 3600))
    pool = WorkerPool((large,))
    assert not needs_attention(one, {"service": pool})
    found = facts(one, {"service": pool})
    assert (found["soft_limit"], found["hard_limit"]) == (None, None)
    assert found["workers"][0]["hours_to_soft_limit"] is None
    assert found["workers"][0]["growth"]
    assert json.dumps(found)
    health = app(pool=pool)
    assert not [finding for finding in assess(one, health) if finding.what.startswith("worker")]
    text = drawn(large, one=one)
    assert "9000" in text
    assert "now" not in text
    seen = dict(status_view._workers(one, health))
    assert seen["largest worker"].startswith("9000 MB")


@pytest.mark.parametrize(("limits", "level"), [({"evil-reload-on-as": False}, 1), ({"reload-on-as": False}, 0)])
def test_one_limit_alone_is_judged_by(limits: dict[str, Any], level: int) -> None:
    one = host(uwsgi=limits | {"options": {"stats": "/home/poms/s.sock"}}, programs={"web": WEB})
    health = app(pool=WorkerPool((worker(1, 1500),)))
    findings = [finding for finding in assess(one, health) if finding.what == "worker 1"]
    assert len(findings) == level
    assert all("None" not in f"{finding}" for finding in findings)
    assert "1500" in drawn(worker(1, 1500), one=one)


# ---- sockets ----


def test_further_sockets_follow_the_apps(ini: Path) -> None:
    sockets = ["127.0.0.1:7001", "[::1]:7001", f"{ini.parent}/more.sock"]
    found = read(ini, {"sockets": sockets})
    assert [value for key, value in found if key == "socket"] == ["127.0.0.1:0", *sockets]
    assert ("chmod-socket", "660") in found


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        ({"uwsgi": {"sockets": ["127.0.0.1:8888"]}}, ["uwsgi.sockets.0"]),
        ({"uwsgi": {"sockets": ["127.0.0.1:443"]}}, ["uwsgi.sockets.0"]),
        ({"uwsgi": {"sockets": ["[::1]:8888", "127.0.0.2:8888"]}}, []),
        ({"uwsgi": {"sockets": ["[::1]:7001", "[::1]:7001"]}}, ["uwsgi.sockets.1"]),
        ({"uwsgi": {"sockets": ["/var/lib/other/s.sock"]}}, ["uwsgi.sockets.0"]),
        ({"uwsgi": {"options": {"http-socket": ["127.0.0.1:7001", "[::1]:7001"]}}}, []),
        (
            {"uwsgi": {"options": {"http-socket": ["127.0.0.1:7001", "localhost:7001"]}}},
            ["uwsgi.options.http-socket"],
        ),
    ],
)
def test_a_port_is_taken_only_where_it_cannot_be_listened_on(values: dict[str, Any], keys: list[str]) -> None:
    assert [*broken(**values)] == keys


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (":8000", "[::1]:8000", True),
        (":8000", "127.0.0.1:8001", False),
        ("0.0.0.0:8000", "[::]:8000", False),
        ("0.0.0.0:8000", "127.0.0.1:8000", True),
        ("[::]:8000", "[::1]:8000", True),
        ("[::]:8000", "127.0.0.1:8000", False),
        ("localhost:8000", "127.0.0.1:8000", True),
    ],
)
def test_ipv4_and_ipv6_are_two_addresses(one: str, other: str, same: bool) -> None:
    assert are_one(one, other) is same
    assert are_one(other, one) is same


def test_uwsgi_opens_no_socket_where_supervisord_holds_it() -> None:
    program = WEB | {"kind": "fcgi-program", "socket": "tcp://127.0.0.1:8888", "numprocs": 2}
    values = {"programs": {"web": program}}
    assert not broken(**values)
    one = host(**values)
    (text,) = [file.content.decode() for file in render(one) if file.path.endswith("uwsgi-service.ini")]
    assert not [line for line in text.splitlines() if line.startswith(("socket =", "zerg-server"))]
    assert uwsgi_program(one) == "", "it restarts one process after the other"
    other = {"programs": {"web": WEB, "other": program | {"command": "serve"}}}
    assert [*broken(**other)] == ["programs.other.socket"]


# ---- placeholders ----


def test_uwsgi_expands_placeholders_and_nothing_else(ini: Path) -> None:
    options = {
        "set-placeholder": "current=/tmp/100%",
        "set-ph": ["inner=%(current)/x"],
        "env": ["A=%(inner) %(unknown) 50%"],
        "log-format": "%(uri) %(status) %(current)",
    }
    assert not broken(uwsgi={"options": options})
    found = dict(read(ini, {"options": options}))
    assert found["env"] == "A=/tmp/100%/x %(unknown) 50%"
    assert found["log-format"] == "%(uri) %(status) /tmp/100%"


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"set-placeholder": "workers=3"}, "set-placeholder"),
        ({"set-ph": "novalue"}, "set-ph"),
        ({"base": "/tmp", "chdir": "%(base)/x"}, "base"),
        ({"chdir": "%(threads)"}, "chdir"),
    ],
)
def test_placeholders_that_uwsgi_would_not_take_are_refused(options: dict[str, Any], key: str) -> None:
    assert next(found for found, _ in refused(options)) == f"options.{key}"


@pytest.mark.parametrize(
    "options",
    [
        {"https2": "addr=127.0.0.1:7001,%(more)"},
        {"http-socket": "127.0.0.1:%(port)"},
        {"stats": "/home/poms/%(name)"},
    ],
)
def test_where_uwsgi_listens_is_no_placeholder(options: dict[str, Any]) -> None:
    options = {"set-ph": ["more=addr=:7002", "port=7001", "name=s.sock"]} | options
    assert not list(unwritable(host(uwsgi={"options": options}).uwsgi))
    made = host(uwsgi={"options": options})
    assert [loc[-1] for loc, _ in constraint_violations(made)] == [next(iter(options.keys() - {"set-ph"}))]
