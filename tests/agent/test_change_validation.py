"""What must hold before any new file is live: SELinux, the level of validation, the parsers, a way to start."""

import os
from pathlib import Path
from typing import Any

import pytest

from ops.agent import change_validation
from ops.agent.apache_messages import ProbedDoor, Unvalidated
from ops.agent.apache_validation import Validation
from ops.agent.doctor_messages import SelinuxAccess
from ops.agent.service_messages import App, StartRefused
from ops.agent.transaction_messages import (
    IdentityProbed,
    RequiredValidation,
    Validated,
    ValidationInsufficient,
)
from ops.agent.uwsgi_standby import NO_CONNECTION
from tests.agent.shells import executable
from tests.agent.transactions import NEW, OLD, FakeHost, Ran, carry_out, write

LISTEN = "127.0.0.1:8888"


@pytest.fixture
def fake(tmp_path: Path) -> FakeHost:
    made = FakeHost(tmp_path)
    made.conf.write_bytes(OLD)
    return made


def app(listen: str = LISTEN) -> App:
    return App(listen=listen, page="/", headers=[], statuses=[], ini="", log="/dev/null", timeout=60, start=5)


# ---- SELinux ---------------------------------------------------------------------------------------------------


def access(verdict: str, mode: str = "Enforcing") -> SelinuxAccess:
    return SelinuxAccess(
        mode=mode, verdict=verdict, kind="app-port", source="httpd_t", target="x_port_t", how="found", subject=LISTEN
    )


def deploy(fake: FakeHost, monkeypatch: pytest.MonkeyPatch, found: SelinuxAccess, **validation: Any) -> Ran:
    """A deploy of Apache's files, where the kernel has this answer."""
    monkeypatch.setattr(change_validation, "accesses", lambda *_: [found])
    request = fake.request(write(fake.conf, NEW), apps=[app()], validation=RequiredValidation(**validation))
    return carry_out(request)


def test_deploy_to_address_denied_to_apache_changes_nothing(fake: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = deploy(fake, monkeypatch, access("denied"), minimum="none")
    assert (ran.failed.step, ran.ended) == ("prove", "unchanged")
    assert [one.verdict for one in ran.all(SelinuxAccess)] == ["denied"]
    assert fake.conf.read_bytes() == OLD


def test_earlier_denial_does_not_block_deploy(fake: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    (fake.root / "etc/conf.d").mkdir(parents=True)
    (fake.root / "etc/conf.d/ssl.conf").write_text(f"ProxyPass uwsgi://{LISTEN}\n")
    ran = deploy(fake, monkeypatch, access("denied"), minimum="none")
    assert ran.ended == "committed", ran
    assert [one.verdict for one in ran.all(SelinuxAccess)] == ["denied-already"]


@pytest.mark.parametrize("validation", [{}, {"minimum": "none", "is_waived": True}])
def test_rollback_and_unvalidated_deploy_report_selinux_denial(
    fake: FakeHost, monkeypatch: pytest.MonkeyPatch, validation: dict[str, Any]
) -> None:
    ran = deploy(fake, monkeypatch, access("denied"), **validation)
    assert ran.ended == "committed", ran
    assert [one.what for one in ran.all(Unvalidated) if LISTEN in one.what]


def test_unknown_and_permissive_verdicts_do_not_block_deploy(fake: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = deploy(fake, monkeypatch, access("unknown"), minimum="none")
    assert ran.ended == "committed", ran
    assert [one.what for one in ran.all(Unvalidated) if LISTEN in one.what]
    ran = deploy(fake, monkeypatch, access("denied", "Permissive"), minimum="none")
    assert ran.ended == "committed", ran
    assert [one.mode for one in ran.all(SelinuxAccess)] == ["Permissive"]


# ---- Apache's level --------------------------------------------------------------------------------------------


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> Validation:
    """STAND-IN for the trial start: it comes to this."""
    found = Validation("configtest", "no namespaces")

    class Stands:
        def __init__(self, *_: object) -> None:
            pass

        def run(self, *_: object) -> Validation:
            return found

    monkeypatch.setattr(change_validation, "ApacheValidation", Stands)
    return found


def test_too_little_validation_changes_nothing(fake: FakeHost, reached: Validation) -> None:
    ran = carry_out(fake.request(write(fake.conf, NEW), validation=RequiredValidation(minimum="trial-start")))
    assert (ran.failed.step, ran.ended) == ("prove", "unchanged")
    assert ran.all(ValidationInsufficient) == [ValidationInsufficient(level="configtest", reason="no namespaces")]
    assert fake.conf.read_bytes() == OLD


def test_operator_may_accept_less_and_it_is_recorded(fake: FakeHost, reached: Validation) -> None:
    validation = RequiredValidation(minimum="trial-start", is_waived=True)
    ran = carry_out(fake.request(write(fake.conf, NEW), validation=validation))
    assert ran.ended == "committed"
    (left_out,) = ran.all(Unvalidated)
    assert "trial-start" in left_out.what
    record = (fake.state / "current/meta").read_text().splitlines()
    assert f"unvalidated {left_out.what}" in record
    assert "validation configtest" in record


def test_what_was_validated_is_told_and_recorded(fake: FakeHost, reached: Validation) -> None:
    doors = [ProbedDoor(port=443, path="/poms", requests=17)]
    reached.reached, reached.obstacle, reached.probed = "identity-probe", "", doors
    ran = carry_out(fake.request(write(fake.conf, NEW), validation=RequiredValidation(minimum="identity-probe")))
    assert ran.ended == "committed"
    assert ran.all(IdentityProbed) == [IdentityProbed(doors=doors)]
    (validated,) = ran.all(Validated)
    record = (fake.state / "current/meta").read_text().splitlines()
    assert f"proof {validated.level} {validated.what}" in record
    assert "probed 443 17 /poms" in record


def test_a_host_that_allows_no_namespaces_is_found_by_trying(fake: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """STAND-IN for unshare: it notes its words, and allows nothing; its help says what a tool of each age says."""
    text = f"""#!/bin/sh
echo "$*" | head -n 1 >>{fake.root}/asked
case $* in *help*) echo "--map-user=<uid>|<name>" ;; *) echo no namespaces >&2; exit 1 ;; esac
"""
    executable(fake.root / "bin/unshare", text)
    monkeypatch.setenv("PATH", f"{fake.root}/bin:{os.environ['PATH']}")
    assert carry_out(fake.request(write(fake.conf, NEW))).ended == "committed"
    tried = (fake.root / "asked").read_text().splitlines()
    assert "--map-root-user" in tried[0]
    assert [words for words in tried if "help" in words] == []


# ---- programs --------------------------------------------------------------------------------------------------


def test_products_that_give_no_supervisord_change_nothing(fake: FakeHost) -> None:
    ran = carry_out(fake.request(write(fake.conf, NEW), reloads=["supervisord apply"], activate="PATH=/nowhere"))
    assert (ran.failed.step, ran.ended) == ("prove", "unchanged")
    assert "supervisord" in ran.failed.evidence
    assert fake.conf.read_bytes() == OLD


def test_deploy_refuses_to_start_supervisord_that_logout_would_kill(
    fake: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan has said so already; linger may have been taken away since."""
    from ops.agent import supervisord_start

    monkeypatch.setattr(supervisord_start, "way_to_start", lambda _: "refused killed")
    monkeypatch.setattr(change_validation, "run_with_products", lambda *_, **__: Ended())
    ran = carry_out(fake.request(write(fake.conf, NEW), reloads=["supervisord start"]))
    assert ran.all(StartRefused) == [StartRefused(why="killed")]
    assert (ran.failed.step, ran.ended) == ("look", "unchanged")
    assert fake.conf.read_bytes() == OLD


class Ended:
    """STAND-IN for a program that ran."""

    code = 0
    text = ""


def test_no_trial_start_where_the_database_allows_no_connection(fake: FakeHost) -> None:
    one = app()
    one.spare_requests = 0
    ini = fake.root / "web.ini"
    ran = carry_out(fake.request(write(ini, b"[uwsgi]\nmodule = missing\n", parser="uwsgi"), apps=[one], reloads=[]))
    assert (ran.ended, ran.all(Validated)) == ("committed", [])
    assert [NO_CONNECTION in told.what for told in ran.all(Unvalidated)] == [True]
