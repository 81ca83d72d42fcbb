"""The questions that a deploy asks the trial start of Apache."""

from typing import Any

import pytest
from cryptography import x509

from ops.agent.apache_messages import IdentityProbe
from ops.deploy.identity_probe import trial
from ops.deploy.location_probe import SPOOFED_VALUE
from ops.deploy.plan import Plan
from ops.deploy.releases import Release, rollback_to
from ops.deploy.transaction_request import transaction_request
from ops.formats.locations import IDENTITY
from ops.schema import Host
from tests.unit.hosts import host

ROW = {"issuer": "CN=Robots,O=X", "subject": "CN=r.x.org,O=X", "user": "robot"}


def probe(one: Host) -> IdentityProbe:
    found = trial(one).probe
    assert found
    return found


def test_identity_probe_trusts_inventory_cas_and_one_foreign_ca() -> None:
    one = host(identity={"certificate_issuer": "CN=A,O=X", "service_certificates": [ROW]})
    authorities = [x509.load_pem_x509_certificate(pem.encode()) for pem in probe(one).authorities]
    assert [one.subject.rfc4514_string() for one in authorities] == ["CN=A,O=X", "CN=Robots,O=X", "CN=Another CA"]


def test_every_header_that_must_be_dropped_is_tried_and_watched() -> None:
    one = host(identity={"dropped_headers": ["X-Mine"]})
    found = probe(one)
    assert found.headers == [*IDENTITY, "X-Mine", "Authorization"]
    sent = {line for request in found.attempts for line in request.lines}
    assert {f"{name}: {SPOOFED_VALUE}" for name in (*IDENTITY, "X-Mine")} <= sent


def test_identity_probe_first_sends_requests_that_must_be_accepted() -> None:
    one = host(identity={"user_id": "[0-9]{6}", "service_certificates": [ROW]})
    probe_requests = probe(one).attempts
    accepted = [request.user for request in probe_requests if request.user]
    assert accepted[0] == "123456"
    assert [*dict.fromkeys(accepted)] == ["123456", "robot"]
    assert probe_requests[0].user
    assert all(request.user is None for request in probe_requests if request.port == one.apache.port)


def test_both_ports_and_the_apps_path_are_the_inventorys() -> None:
    one = host(app={"path": "/dune/x"}, apache={"port": 1443, "cert_port": 2443})
    probe_requests = probe(one).attempts
    assert {request.port for request in probe_requests} == {1443, 2443}
    assert {request.path for request in probe_requests if request.port == 1443} >= {
        "/dune/x",
        "//dune/x",
        "/./dune/x",
        "/dune/x/../x",
        "/%64une/x",
    }


def test_identity_probe_requests_local_check_page_without_user() -> None:
    probe_requests = probe(host(app={"check_path": "/poms/metrics"})).attempts
    own = [request for request in probe_requests if request.path.startswith("/poms-ops/poms/metrics")]
    assert {request.method for request in own if not request.nameless} == {"GET", "HEAD"}
    (allowed,) = [request for request in probe_requests if request.nameless]
    assert (allowed.method, allowed.path, allowed.user) == ("HEAD", "/poms-ops/poms/metrics", None)
    assert allowed.lines
    off = probe(host(app={"check_through_apache": False})).attempts
    assert not [request for request in off if "/poms-ops/" in request.path]


def test_identity_probe_omits_requests_that_site_allows() -> None:
    def needs(**apache: Any) -> dict[str | None, bool]:
        """Whether another CA must be trusted for the question, by who asks it."""
        return {request.certificate: request.needs_another_ca for request in probe(host(apache=apache)).attempts}

    below = "a CA below another, under the name of the users'"
    assert (needs()["revoked"], needs()[below]) == (False, False)
    assert "revoked" not in needs(revocation="off")
    assert needs(verify_depth=2)[below]


@pytest.mark.parametrize(
    ("identity", "says"),
    [
        ({"user_id": "z{9}"}, "no known user id matches identity.user_id (z{9})"),
        ({"certificate_issuer": "CN=A,ZZ=b"}, "does not fit into a certificate"),
        ({"certificate_subject_end": "OU=People,C=Germany"}, "does not fit into a certificate"),
    ],
)
def test_identity_probe_reports_why_it_cannot_run(identity: dict[str, Any], says: str) -> None:
    found = trial(host(identity=identity))
    assert found.probe is None
    assert says in found.why_not


def test_names_as_openssl_prints_them_fit() -> None:
    row = ROW | {"subject": "emailAddress=r@x.org,SN=A\\, B,CN=\\C3\\BC+serialNumber=7,C=DE"}
    assert trial(host(identity={"service_certificates": [row]})).probe


def test_headers_trusted_by_poms_are_dropped_by_default() -> None:
    believed = {"X-Scitoken-Sub", "X-Scitoken-Scope", "X-Scitoken-Iss", "X-Forwarded-For", "Remote-Addr"}
    believed |= {"X-Poms-Agent", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Server", "X-Original-URL"}
    assert believed | {"X-Rewrite-URL"} <= set(host().identity.dropped_headers)


def test_deploy_of_apache_gets_the_same_probe_and_rollback_none() -> None:
    plan = Plan(host(), [], "reload", "", [])
    sent = transaction_request(plan, Release("r", "me")).validation.probe
    assert sent
    assert sent.attempts == probe(host()).attempts
    back = transaction_request(plan, Release("r", "me", purpose=rollback_to("r0"))).validation
    assert (back.probe, back.minimum) == (None, "")
    odd = Plan(host(identity={"user_id": "z{9}"}), [], "reload", "", [])
    assert transaction_request(odd, Release("r", "me")).validation.no_probe.startswith("no identity probe: ")
