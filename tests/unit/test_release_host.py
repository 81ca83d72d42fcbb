"""What a release remembers of its host, and the host that comes of it."""

import json

import pytest

from ops.deploy.release_host import host_at_release, recorded_host
from tests.unit.hosts import host

PROGRAM = {"web": {"command": "uwsgi --ini x", "reload_signal": "HUP", "environment": {"TOKEN": "s3cret"}}}
CHECKS = [
    {"name": "page", "port": 443, "path": "/old"},
    {"name": "mine", "port": 8443, "path": "/x", "certificate": "/mine.pem", "key": "/mine.key"},
]


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ({"apache": {"port": 443}}, {"apache": {"port": 444}}),
        ({"apache": {"cert_port": 8443}}, {"apache": {"cert_port": 8444}}),
        ({"app": {"listen": "127.0.0.1:8888"}}, {"app": {"listen": "/home/poms/run/app.sock"}}),
        ({"app": {"path": "/poms"}}, {"app": {"path": "/other"}}),
        ({"config_dir": "/home/poms/a"}, {"config_dir": "/home/poms/b"}),
        ({"programs": PROGRAM}, {"programs": {}}),
        ({"checks": CHECKS[:1]}, {"checks": []}),
    ],
)
def test_a_releases_own_values_go_before_todays(then: dict, now: dict) -> None:  # type: ignore[type-arg]
    made = host_at_release(host(**now), recorded_host(host(**then)))
    expected = host(**then)
    assert made is not None
    assert (made.apache.port, made.apache.cert_port) == (expected.apache.port, expected.apache.cert_port)
    assert (made.app, made.config_dir) == (expected.app, expected.config_dir)
    assert [one.path for one in made.checks] == [one.path for one in expected.checks]
    assert {name: one.command for name, one in made.programs.items()} == {
        name: one.command for name, one in expected.programs.items()
    }


def test_rollback_uses_current_connection_and_reload_settings() -> None:
    then = host(state_dir="/old", apache={"reload": ["old"], "restart": ["old"], "configtest": ["old"]})
    now = host(state_dir="/new", address="elsewhere", apache={"reload": ["new"]}, activate="new", deploy={"limit": 7})
    made = host_at_release(now, recorded_host(then))
    assert made is not None
    assert (made.state_dir, made.address, made.activate, made.deploy) == ("/new", "elsewhere", "new", now.deploy)
    assert (made.apache.reload, made.apache.restart) == (now.apache.reload, now.apache.restart)
    assert made.apache.configtest == now.apache.configtest


@pytest.mark.parametrize(
    ("then", "activation", "version"),
    [
        ({"version": "v1", "product": "poms"}, "new v1", "v1"),
        (None, "new v2", None),  # with today's products, but without the script that starts programs
    ],
)
def test_release_has_its_own_version(then: dict[str, str] | None, activation: str, version: str | None) -> None:
    now = host(activate="new {version}", software={"version": "v2", "product": "poms", "install": "today"})
    made = host_at_release(now, recorded_host(host(activate="old {version}", **({"software": then} if then else {}))))
    assert made is not None
    assert made.activation == activation
    assert (made.software and (made.software.version, made.software.install)) == (version and (version, "today"))


def test_release_record_contains_no_secret_and_no_local_path() -> None:
    full = host(
        programs=PROGRAM,
        checks=CHECKS,
        app={"check_headers": {"X-Token": "s3cret"}},
        supervisor={"environment": {"PASSWORD": "s3cret"}},
        secrets={"db": {"command": ["pass", "show", "s3cret"]}},
        ssh={"identity_file": "/mine.key"},
        uwsgi={"options": {"route-if": "s3cret"}},
    )
    said = recorded_host(full)
    assert "\n" not in said
    assert "s3cret" not in said
    assert "/mine" not in said


def test_certificate_check_of_release_uses_current_certificate_or_is_dropped() -> None:
    said = recorded_host(host(checks=CHECKS))
    made = host_at_release(host(checks=CHECKS[1:]), said)
    assert made is not None
    assert [(one.name, one.certificate) for one in made.checks] == [("page", None), ("mine", "/mine.pem")]
    made = host_at_release(host(), said)
    assert made is not None
    assert [one.name for one in made.checks] == ["page"]


def test_release_record_of_other_version_is_read_where_known() -> None:
    record = json.loads(recorded_host(host(apache={"port": 444})))
    record["later"] = 1
    record["apache"]["later"] = [2]
    record["programs"] = {"web": {"command": "x", "later": True}}
    del record["app"]["path"], record["checks"], record["uwsgi"]
    today = host(app={"path": "/today"}, checks=CHECKS)
    made = host_at_release(today, json.dumps(record))
    assert made is not None
    assert (made.apache.port, made.app.path, made.checks) == (444, "/today", today.checks)


def test_release_from_before_there_were_further_apps_has_none_of_todays() -> None:
    record = json.loads(recorded_host(host()))
    del record["apps"], record["locations"]
    today = host(apps={"rest": {"path": "/rest", "listen": "127.0.0.1:8889"}})
    made = host_at_release(today, json.dumps(record))
    assert made is not None
    assert (made.apps, made.locations) == ({}, {})


@pytest.mark.parametrize(
    "said", ["", "{", "[]", "7", '{"apache": 3}', '{"apache": {"port": "x"}}', '{"home": 3}', '{"checks": [{}]}']
)
def test_unreadable_release_record_is_ignored(said: str) -> None:
    assert host_at_release(host(), said) is None
