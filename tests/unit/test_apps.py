"""Several apps of one host: their rules, their files, and what a change of one touches."""

import re
from pathlib import Path
from typing import Any

import pytest

from ops.deploy.identity_probe import trial
from ops.deploy.plan import make_plan
from ops.deploy.release_host import host_at_release, recorded_host
from ops.deploy.smoke_checks import checks_of
from ops.deploy.snapshot import FoundFile, Snapshot
from ops.formats.apps import view_of, views, with_pages
from ops.inventory import capacity
from ops.inventory.constraints import constraint_violations
from ops.rendering.renderer import render
from ops.rendering.template_tree import TOOLKIT_TREE, TemplateTree
from ops.schema import Host
from ops.services.request_parts import all_apps
from tests.unit.hosts import host

CONFIG = "/home/poms/private/config/poms"
AGENT: dict[str, Any] = {"path": "/agent", "listen": "127.0.0.1:9001", "uwsgi": {"workers": 2, "threads": 5}}
PROGRAMS = {
    "web": {"command": f"uwsgi --ini {CONFIG}/uwsgi-service.ini", "reload_signal": "HUP"},
    "agent": {"command": f"uwsgi --ini {CONFIG}/uwsgi-agent.ini", "reload_signal": "HUP"},
}


def two(**agent: Any) -> Host:
    """A host with two apps, of which the second has these values."""
    return host(apps={"agent": AGENT | agent}, programs=PROGRAMS)


def texts(one: Host, tree: TemplateTree | None = None) -> dict[str, str]:
    return {file.path: file.content.decode() for file in render(one, tree)}


@pytest.mark.parametrize(
    ("agent", "keys"),
    [
        ({}, []),
        ({"path": "/poms"}, ["apps.agent.path"]),
        ({"path": "/poms-ops/x"}, ["apps.agent.path"]),
        ({"check_path": "/poms"}, ["apps.agent.check_path"]),
        ({"path": None}, ["apps.agent.check_path"]),
        ({"path": None, "check_path": "/x"}, []),
        ({"listen": "127.0.0.1:8888"}, ["apps.agent.listen"]),
        ({"listen": "127.0.0.1:8443"}, ["apps.agent.listen"]),
        ({"listen": "/home/poms/app.sock"}, ["apps.agent.listen"]),
        ({"uwsgi": {"workers": 2, "cheaper": 2}}, ["apps.agent.uwsgi.cheaper"]),
        ({"uwsgi": {"options": {"http-socket": ":80"}}}, ["apps.agent.uwsgi.options.http-socket"]),
        ({"uwsgi": {"options": {"http": "127.0.0.1:8888"}}}, ["apps.agent.uwsgi.options.http"]),
        ({"uwsgi": {"options": {"socket": "x"}}}, ["apps.agent.uwsgi.options.socket"]),
    ],
)
def test_wrong_value_is_named_by_its_own_key(agent: dict[str, Any], keys: list[str]) -> None:
    assert [".".join(loc) for loc, _ in constraint_violations(two(**agent))] == keys


def test_two_apps_share_no_socket_and_each_needs_a_program() -> None:
    stats = {"options": {"stats": "/home/poms/s.sock"}}
    both = host(apps={"agent": AGENT | {"uwsgi": stats}}, programs=PROGRAMS, uwsgi=stats)
    assert [".".join(loc) for loc, _ in constraint_violations(both)] == ["apps.agent.uwsgi.options.stats"]
    alone = host(apps={"agent": AGENT}, programs={"web": PROGRAMS["web"]})
    assert [".".join(loc) for loc, _ in constraint_violations(alone)] == ["apps.agent"]


def test_each_app_has_a_file_and_a_location_of_its_own() -> None:
    made = texts(two())
    first, second = made[f"{CONFIG}/uwsgi-service.ini"], made[f"{CONFIG}/uwsgi-agent.ini"]
    assert ("socket = 127.0.0.1:8888" in first, "socket = 127.0.0.1:9001" in second) == (True, True)
    assert ("workers = 6" in first, "workers = 2" in second) == (True, True)
    shared = {*re.findall(r"\S+\.(?:zerg|serving)\b", first)} & {*re.findall(r"\S+\.(?:zerg|serving)\b", second)}
    assert not shared
    for name in ("ssl.conf", "cert_ssl.conf"):
        found = re.findall(
            r'<Location "(/poms|/agent)">.*?ProxyPass "(\S+)"', made[f"/etc/httpd/conf.d/{name}"], re.S
        )
        assert found == [("/poms", "uwsgi://127.0.0.1:8888/poms"), ("/agent", "uwsgi://127.0.0.1:9001/agent")]
    assert '<Location "/agent">' not in texts(two(path=None, check_path="/x"))["/etc/httpd/conf.d/ssl.conf"]


def test_an_app_below_another_comes_behind_it() -> None:
    """Apache takes the last one that fits; one around the first app would take its requests."""
    assert [view.app.path for view in with_pages(two(path="/poms/agent"))] == ["/poms", "/poms/agent"]
    around = host(apps={"agent": AGENT}, programs=PROGRAMS, app={"path": "/agent/poms"})
    assert [".".join(loc) for loc, _ in constraint_violations(around)] == ["apps.agent.path"]


def test_a_location_may_lead_to_any_app() -> None:
    one = host(apps={"agent": AGENT}, programs=PROGRAMS, locations={"a": {"path": "/x", "app": "agent"}})
    assert not [*constraint_violations(one)]
    assert 'ProxyPass "uwsgi://127.0.0.1:9001/x"' in texts(one)["/etc/httpd/conf.d/ssl.conf"]
    none = host(locations={"a": {"path": "/x", "app": "none"}})
    assert [".".join(loc) for loc, _ in constraint_violations(none)] == ["locations.a.app"]


def test_the_probe_attacks_each_app() -> None:
    probe = trial(two()).probe
    assert probe is not None
    assert {"127.0.0.1:8888", "127.0.0.1:9001"} <= {*probe.backends}
    tried = {(one.port, one.location) for one in probe.attempts}
    assert {(443, "/agent"), (8443, "/agent"), (443, "/poms-ops/agent")} <= tried


def test_a_template_for_one_app_goes_before_that_for_all(tmp_path: Path) -> None:
    own = tmp_path / "home/private/config/poms"
    own.mkdir(parents=True)
    (own / "uwsgi-agent.ini.j2").write_text("[uwsgi]\n# ours\n")
    made = texts(two(), TemplateTree(TOOLKIT_TREE, tmp_path))
    assert made[f"{CONFIG}/uwsgi-agent.ini"] == "[uwsgi]\n# ours\n"
    assert "socket = 127.0.0.1:8888" in made[f"{CONFIG}/uwsgi-service.ini"]


def test_all_apps_count_for_the_capacity() -> None:
    assert capacity.at_once(two()) == 6 * 10 + 2 * 5
    assert capacity.terms(two()) == "6 x 10 + 2 x 5"


def test_the_host_is_told_of_each_app() -> None:
    told = [(one.name, one.listen, one.program, one.reloadable, bool(one.own_page)) for one in all_apps(two())]
    assert told == [
        ("service", "127.0.0.1:8888", "web", "web", True),
        ("agent", "127.0.0.1:9001", "agent", "agent", True),
    ]
    assert all_apps(two(path=None, check_path="/x"))[1].own_page is None


def test_a_change_of_one_app_reloads_no_other() -> None:
    wanted = render(two())
    found = {file.path: FoundFile(file.path, file.digest, file.mode) for file in wanted}
    changed = next(file for file in wanted if file.path.endswith("uwsgi-agent.ini"))
    old = changed.content.replace(b"threads = 5", b"threads = 4")
    found[changed.path] = FoundFile(changed.path, "0" * 64, changed.mode, content=old)
    deployed = {file.path: found[file.path].digest or "" for file in wanted}
    memory = {"service": (100, 10**6), "agent": (100, 10)}
    snapshot = Snapshot(found, deployed, "r1", None, "up", 1, 10**6, memory=memory)
    plan = make_plan(two(), wanted, snapshot)
    assert plan.programs == [("agent", "graceful")]
    assert "too few" in "".join(plan.services()), "of its own workers' memory"


def test_each_app_has_its_checks() -> None:
    assert [(check.port, check.path) for check in checks_of(two())] == [
        (443, "/poms"),
        (8443, "/poms"),
        (443, "/agent"),
    ]


def test_a_release_knows_its_apps() -> None:
    then = recorded_host(two(check_headers={"X-Token": "s3cret"}))
    assert "s3cret" not in then
    made = host_at_release(host(programs=PROGRAMS), then)
    assert made is not None
    assert (made.apps["agent"].listen, view_of(made, "agent").uwsgi.workers) == ("127.0.0.1:9001", 2)
    changed = host_at_release(two(listen="127.0.0.1:9002", check_headers={"X-Token": "new"}), then)
    assert changed is not None
    assert (changed.apps["agent"].listen, changed.apps["agent"].check_headers) == (
        "127.0.0.1:9001",
        {"X-Token": "new"},
    )
    before = host_at_release(two(), recorded_host(host(programs=PROGRAMS)))
    assert before is not None
    assert [view.app_name for view in views(before)] == ["service"]
