"""Locations and doors: what the inventory refuses, what is rendered, what the probe and the smoke checks ask."""

import re
from pathlib import Path
from typing import Any

import pytest

from ops.agent.apache_messages import ProbeAttempt
from ops.deploy.identity_probe import trial
from ops.deploy.release_host import host_at_release, recorded_host
from ops.deploy.smoke_checks import checks_of, page_checks
from ops.deploy.undeclared_doors import undeclared_ports
from ops.errors import BadInput
from ops.formats.apache import maintenance_paths
from ops.formats.locations import dropped_headers
from ops.inventory.constraints import constraint_violations
from ops.inventory.loader import read_inventory
from ops.monitoring.door_findings import open_sockets
from ops.rendering.rendered_file import file_at
from ops.rendering.renderer import render
from ops.schema import Host
from tests.unit.hosts import host

APP = {"path": "/poms/x", "app": True}
OPEN = APP | {"allow": "anyone", "reason": "why"}
TOKEN = {"path": "/poms", "app": True, "on": ["token"]}


def located(one: dict[str, Any], **values: Any) -> Host:
    return host(locations={"x": one}, **values)


@pytest.mark.parametrize(
    ("one", "key"),
    [
        (APP | {"path": "/poms"}, "path"),
        (APP | {"path": "/poms-ops/x"}, "path"),
        (APP | {"path": "/Shibboleth.sso"}, "path"),
        (APP | {"path": "/poms-ops-maintenance"}, "path"),
        (APP | {"on": ["token"]}, "on"),
        (APP | {"allow": "anyone"}, "allow"),
        (APP | {"reason": "why"}, "reason"),
        (APP | {"require_attributes": {"mail": ["x"]}}, "require_attributes"),
        (APP | {"addresses": ["10.0.0.1/8"]}, "addresses.0"),
        (APP | {"allow": "anyone", "addresses": ["0.0.0.0/0"]}, "addresses"),
        (APP | {"allow": "anyone", "addresses": ["0.0.0.0/1", "128.0.0.0/1"]}, "addresses"),
        (APP | {"allow": "anyone", "addresses": ["10.0.0.0/8", "::/0"]}, "addresses"),
        ({"path": "/x", "url": "http://127.0.0.1:8888/"}, "url"),
        ({"path": "/x", "url": "http://127.0.0.1:99999/"}, "url"),
        ({"path": "/x", "folder": "/home/poms"}, "folder"),
        ({"path": "/x", "folder": "/home"}, "folder"),
        ({"path": "/x", "folder": "/home/poms/private/logs/poms/x"}, "folder"),
        ({"path": "/x", "folder": "/etc"}, "folder"),
        ({"path": "/x", "folder": "/srv/${A}"}, "folder"),
    ],
)
def test_location_that_others_contradict_is_refused_by_key(one: dict[str, Any], key: str) -> None:
    found = [".".join(loc) for loc, _ in constraint_violations(located(one))]
    assert found == [f"locations.x.{key}"]


@pytest.mark.parametrize("one", [OPEN, APP | {"allow": "anyone", "addresses": ["10.0.0.0/8"]}, APP])
def test_location_of_the_guide_is_accepted(one: dict[str, Any]) -> None:
    assert list(constraint_violations(located(one))) == []


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"token": {}}, "token"),
        ({"token": {"port": 443}, "locations": {"x": TOKEN}}, "token.port"),
        ({"apache": {"redirect_from": 8443}}, "apache.redirect_from"),
        ({"apache": {"other_ports": [443]}}, "apache.other_ports.0"),
        ({"apache": {"addresses": ["300.1.1.1"]}}, "apache.addresses.0"),
        ({"identity": {"attributes": {"x-shib-userid": "uid"}}}, "identity.attributes.x-shib-userid"),
        ({"identity": {"attributes": {"Authorization": "uid"}}}, "identity.attributes.Authorization"),
        ({"token": {}, "locations": {"x": TOKEN | {"allow": "certificate"}}}, "locations.x.allow"),
        ({"token": {}, "locations": {"a": TOKEN, "b": TOKEN}}, "locations.b.path"),
        (
            {"token": {}, "locations": {"x": {"path": "/x", "folder": "/srv/x", "on": ["token"]}}},
            "locations.x.folder",
        ),
    ],
)
def test_door_that_others_contradict_is_refused_by_key(values: dict[str, Any], key: str) -> None:
    assert [".".join(loc) for loc, _ in constraint_violations(host(**values))] == [key]


def test_backend_whose_port_begins_as_the_apps_is_another() -> None:
    one = {"path": "/x", "url": "http://127.0.0.1:8888/"}
    assert list(constraint_violations(located(one, app={"listen": "127.0.0.1:888"}))) == []


@pytest.mark.parametrize("value", ["~", "~^poms$", "~ x"])
def test_value_that_would_turn_the_next_ones_into_patterns_is_refused(tmp_path: Path, value: str) -> None:
    path = tmp_path / "hosts.toml"
    location = f"path = '/x'\napp = true\non = ['login']\nrequire_attributes = {{ mail = ['{value}', 'a.b'] }}\n"
    path.write_text(f"[fleet]\ndefault = 'web1'\n[hosts.web1.locations.x]\n{location}")
    with pytest.raises(BadInput, match=r"require_attributes\.mail"):
        read_inventory(path)


@pytest.mark.parametrize("backends", ["", "app = true\nurl = 'http://127.0.0.1:1/'", "url = 'http://10.0.0.1:1/'"])
def test_location_has_one_backend_of_this_host(tmp_path: Path, backends: str) -> None:
    path = tmp_path / "hosts.toml"
    path.write_text(f"[fleet]\ndefault = 'web1'\n[hosts.web1.locations.x]\npath = '/x'\n{backends}\n")
    with pytest.raises(BadInput, match=r"hosts\.web1\.locations\.x"):
        read_inventory(path)


# ---- what is rendered --------------------------------------------------------------------------------------------


def apache_file(one: Host, name: str) -> str:
    return next((file.content.decode() for file in render(one) if file.path.endswith(f"/{name}")), "")


def location(text: str, path: str) -> str:
    return text.partition(f'<Location "{path}">')[2].partition("</Location>")[0]


def test_nobody_is_told_to_the_app_where_nobody_is_asked() -> None:
    for name in ("ssl.conf", "cert_ssl.conf"):
        text = location(apache_file(located(OPEN), name), "/poms/x")
        assert "RequestHeader set" not in text
        assert "RequestHeader unset X-Shib-Userid\n" in text
        assert "Require all granted" in text


def test_app_at_the_root_stands_before_apaches_own_pages() -> None:
    text = apache_file(host(app={"path": "/"}), "ssl.conf")
    app = text.index("ProxyPass")
    for own in ("<LocationMatch", '<Location "/poms-ops/">', '<Location "/poms-ops-maintenance/page.html">'):
        assert text.index(own) > app


def test_certificate_is_optional_at_443_only_where_a_location_wants_one() -> None:
    wanted = located(APP | {"on": ["login"], "allow": "certificate"})
    assert "SSLVerifyClient optional" in apache_file(wanted, "ssl.conf")
    assert "SSLVerifyClient" not in apache_file(located(APP), "ssl.conf")
    assert "SSLVerifyClient require" in apache_file(wanted, "cert_ssl.conf")


def test_authorization_is_kept_on_the_token_door_alone() -> None:
    one = host(token={}, locations={"x": TOKEN})
    assert "Authorization" in dropped_headers(one, "login")
    assert "Authorization" in dropped_headers(one, "certificate")
    assert "Authorization" not in dropped_headers(one, "token")
    assert {*dropped_headers(one, "token")} == {*dropped_headers(one, "login")} - {"Authorization"}


def test_backend_of_http_gets_no_spelling_of_a_dropped_header() -> None:
    one = located({"path": "/x", "url": "http://127.0.0.1:1/", "on": ["login"]})
    assert "X_Shib-Name_First" in dropped_headers(one, "login")
    assert "X_Shib_Userid" not in dropped_headers(one, "certificate")


def test_maintenance_closes_all_of_the_app_and_nothing_else() -> None:
    values = {"locations": {"a": {"path": "/api", "app": True}, "f": {"path": "/poms/f", "folder": "/srv/f"}}}
    closed = re.compile(maintenance_paths(host(**values)))
    assert [bool(closed.match(path)) for path in ("/poms", "/api/x", "/poms/f/x", "/apix")] == [
        *(True, True, False, False)
    ]
    root = re.compile(maintenance_paths(host(app={"path": "/"}, **values)))
    assert [bool(root.match(path)) for path in ("/", "/x", "/Shibboleth.sso/Login", "/poms-ops-maintenance/x")] == [
        *(True, True, False, False)
    ]


# ---- what is asked -----------------------------------------------------------------------------------------------


def attempts(one: Host, port: int, path: str) -> list[ProbeAttempt]:
    found = trial(one).probe
    assert found
    return [request for request in found.attempts if (request.port, request.location) == (port, path)]


def test_every_location_is_attacked_on_each_of_its_doors() -> None:
    one = host(token={}, locations={"x": OPEN, "t": TOKEN}, apache={"redirect_from": 80})
    must = {request.must_arrive for request in attempts(one, 443, "/poms/x") if "out of" not in request.name}
    assert must == {True}
    out = [request for request in attempts(one, 443, "/poms/x") if "out of" in request.name]
    assert out
    assert not any(request.nameless for request in out)
    assert all(request.user is None and request.nameless for request in attempts(one, 8443, "/poms/x"))
    assert {bool(request.token) for request in attempts(one, 9443, "/poms")} == {True, False}
    assert all(request.is_plain and request.redirects_to for request in attempts(one, 80, "/"))
    assert attempts(one, 9443, "/")


def test_token_that_apache_checks_must_not_be_accepted() -> None:
    one = host(token={"checked_by": "apache"}, locations={"t": TOKEN})
    assert not any(request.must_arrive or request.nameless for request in attempts(one, 9443, "/poms"))
    assert any("Bearer" in line for request in attempts(one, 9443, "/poms") for line in request.lines)


def test_address_is_tried_from_inside_and_outside() -> None:
    one = located(APP | {"allow": "anyone", "addresses": ["10.9.0.0/16"]})
    asked = [request for request in attempts(one, 443, "/poms/x") if "out of" not in request.name]
    sources = {request.source: request.must_arrive for request in asked}
    assert sources == {"10.9.0.1": True, "127.0.0.2": False}


def test_location_open_to_all_addresses_has_no_outside_to_try() -> None:
    one = located(APP | {"addresses": ["0.0.0.0/0"]})
    assert attempts(one, 443, "/poms/x")
    assert not any("another address" in request.name for request in attempts(one, 443, "/poms/x"))


def test_smoke_checks_ask_every_location_that_a_stranger_can_reach() -> None:
    one = host(token={}, locations={"x": OPEN, "t": TOKEN, "c": APP | {"path": "/c", "allow": "certificate"}})
    found = {(check.port, check.path): check.status for check in checks_of(one)[2:]}
    assert found == {(443, "/poms/x"): [200], (443, "/c"): [401, 403], (9443, "/poms"): [401, 403]}
    redirect = host(apache={"redirect_from": 80})
    assert [(check.port, check.status) for check in checks_of(redirect)[2:]] == [(80, [301])]
    assert all(check.port != 80 for check in page_checks(redirect))


def test_port_that_the_inventory_does_not_have_is_named_with_its_file() -> None:
    def found(text: str, **apache: Any) -> list[str]:
        one = host(apache=apache)
        return list(undeclared_ports(one, [file_at(one, "/etc/httpd/conf.d/x.conf", text.encode(), "0644", "x.j2")]))

    assert found("Listen 443\n<VirtualHost _default_:8443>\n") == []
    for text in ("Listen 9000", "listen 10.0.0.1:9000 https", "Li\\\nsten 9000", '<VirtualHost "*:9000">'):
        (said,) = found(text)
        assert "x.conf" in said
        assert "9000" in said
    assert found("Listen 9000", other_ports=[9000]) == []
    assert len(found("Listen ${PORT}")) == 1


def test_socket_open_to_anyone_needs_a_reason_and_is_a_warning() -> None:
    uwsgi = {"options": {"http-socket": ":8082"}}
    assert [loc for loc, _ in constraint_violations(host(uwsgi=uwsgi))] == [("uwsgi", "options", "http-socket")]
    one = host(uwsgi=uwsgi | {"open_to_anyone": {"http-socket": "until March"}})
    assert list(constraint_violations(one)) == []
    (warned,) = open_sockets(one)
    assert (warned.level, "until March" in warned.found, ":8082" in warned.found) == ("warning", True, True)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "http-socket"),
        ({"http-socket": "127.0.0.1:8082"}, "http-socket"),
        ({"stats": ":1717"}, "stats"),
        ({"pty-socket": ":1"}, "pty-socket"),
        ({"max-requests": 1}, "max-requests"),
    ],
)
def test_exception_for_what_is_not_open_or_has_no_excuse_is_refused(options: dict[str, Any], name: str) -> None:
    one = host(uwsgi={"options": options, "open_to_anyone": {name: "why"}})
    assert ("uwsgi", "open_to_anyone", name) in [loc for loc, _ in constraint_violations(one)]


def test_release_brings_its_doors_back() -> None:
    doors = {"token": {"port": 9444}, "locations": {"t": TOKEN}, "apache": {"redirect_from": 80}}
    then, today = host(**doors), host()
    back = host_at_release(today, recorded_host(then))
    assert back
    assert (back.token, back.locations) == (then.token, then.locations)
    older = '{"apache": {}, "app": {}, "supervisor": {}}'
    before = host_at_release(then, older)
    assert before
    assert (before.token, before.locations, before.apache.redirect_from) == (None, {}, None)


def test_of_nested_folders_each_serves_its_own_path() -> None:
    """Apache takes the first alias that fits, and the last location."""
    folders = {"a": {"path": "/static", "folder": "/srv/a"}, "b": {"path": "/static/pub", "folder": "/srv/b"}}
    text = next(file.content.decode() for file in render(host(locations=folders)) if file.path.endswith("/ssl.conf"))
    aliases, locations = (
        re.findall(rf'^    {word} "(/static[^"]*)"', text, re.MULTILINE) for word in ("Alias", "<Location")
    )
    assert (aliases, locations) == (["/static/pub", "/static"], ["/static", "/static/pub"])
