"""How far Apache's new files are validated before they are live: real namespaces, and a stand-in for Apache."""

import subprocess
from pathlib import Path

import pytest

from ops.agent import closed_keys, trial_namespace
from ops.agent.apache_messages import IdentityProbe, ProbeAttempt, ProbedDoor
from ops.agent.apache_validation import ApacheValidation, Validation
from ops.agent.validation_failed import ValidationFailed
from tests.agent.stand_in_apache import StandInApache

NO_PROBE = "no identity probe: it is a test"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> closed_keys.TrialPair:
    return closed_keys.make_trial_pair(closed_keys.ClosedKeys(), str(tmp_path_factory.mktemp("pair")))


@pytest.fixture
def apache(tmp_path: Path, pair: closed_keys.TrialPair) -> StandInApache:
    made = StandInApache(tmp_path)
    (tmp_path / "cert.pem").write_bytes(Path(pair.certificate).read_bytes())
    (tmp_path / "key.pem").write_bytes(Path(pair.key).read_bytes())
    return made


@pytest.fixture
def no_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_namespace, "UNSHARE", ["sh", "-c", "echo no namespaces; exit 1"])


def validate(apache: StandInApache, text: str, probe: IdentityProbe | None = None) -> Validation:
    validation = ApacheValidation(apache.configuration(), apache.staged(text), apache.work)
    return validation.run(probe, "" if probe else NO_PROBE)


def test_new_files_are_started_and_nothing_live_changes(apache: StandInApache) -> None:
    found = validate(apache, apache.text + "# new\n")
    assert (found.reached, found.obstacle, found.unvalidated) == ("trial-start", NO_PROBE, [])
    assert apache.conf.read_text() == apache.text
    assert not list((apache.root / "log").iterdir())
    assert not list((apache.root / "run").iterdir())


@pytest.mark.parametrize(
    ("more", "evidence"),
    [("BROKEN", "Syntax error"), ("ENDS", "the trial start of Apache ended\ncannot start")],
)
def test_new_files_that_apache_cannot_use_are_refused(apache: StandInApache, more: str, evidence: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        validate(apache, apache.text + f"{more}\n")
    assert evidence in caught.value.evidence


def test_fault_of_the_live_files_is_an_obstacle(apache: StandInApache) -> None:
    apache.conf.write_text(apache.text + "ENDS\n")
    found = validate(apache, apache.text + "ENDS\n# new\n")
    assert (found.reached, found.obstacle) == (
        "configtest",
        "the trial start fails with the current files, too: cannot start",
    )


@pytest.mark.usefixtures("no_namespaces")
def test_copy_is_tested_where_no_trial_can_start(apache: StandInApache) -> None:
    found = validate(apache, apache.text + "# new\n")
    assert (found.reached, found.obstacle) == ("configtest", "no trial start: no namespaces")
    with pytest.raises(ValidationFailed, match="Syntax error"):
        validate(apache, "BROKEN\n")
    apache.conf.write_text("BROKEN by hand\n")
    found = validate(apache, "BROKEN\n")
    assert found.reached == "none"
    assert found.obstacle.endswith("a copy fails with the current files, too")


@pytest.mark.usefixtures("no_namespaces")
def test_copy_that_does_not_read_the_new_file_proves_nothing(apache: StandInApache) -> None:
    files = apache.staged("# new\n", "conf/unread.conf")
    found = ApacheValidation(apache.configuration(), files, apache.work).run(None, NO_PROBE)
    assert found.reached == "none"


def test_removed_file_is_gone_in_the_trial(apache: StandInApache) -> None:
    apache.conf.with_name("other.conf").write_text("ENDS\n")
    found = ApacheValidation(apache.configuration(), apache.staged(None, "conf.d/other.conf"), apache.work)
    assert found.run(None, NO_PROBE).reached == "trial-start"


# ---- the identity probe ----------------------------------------------------------------------------------------


def probe(apache: StandInApache, *names: str, needs_another_ca: bool = False) -> IdentityProbe:
    attempts = [ProbeAttempt(name="its own", port=443, path="/right", user="p", location="/poms")]
    forged = ["X-Shib-Userid: root"]
    attempts += [ProbeAttempt(name=name, port=443, path="/wrong", lines=forged, location="/poms") for name in names]
    attempts += [ProbeAttempt(name="below", port=443, path="/", needs_another_ca=True)] * needs_another_ca
    text = subprocess.run(
        ["openssl", "x509", "-in", apache.root / "cert.pem"], capture_output=True, text=True, check=True
    ).stdout
    return IdentityProbe(
        issuers=["CN=trial"],
        authorities=[text],
        lists=[],
        backends=["/home/poms/app.sock"],
        headers=["X-Shib-Userid"],
        spoofed="intruder",
        certificates={},
        attempts=attempts,
    )


def test_probe_that_rejects_every_forged_request_is_the_highest_level(apache: StandInApache) -> None:
    found = validate(apache, apache.text, probe(apache, "forged", needs_another_ca=True))
    assert (found.reached, found.obstacle) == ("identity-probe", "")
    assert found.probed == [ProbedDoor(port=443, path="/poms", requests=2)]
    (left_out,) = found.unvalidated
    assert left_out.startswith("left out of the identity probe: below. This host trusts no other CA")


def test_accepted_forged_request_is_refused_by_name(apache: StandInApache) -> None:
    with pytest.raises(ValidationFailed) as caught:
        validate(apache, apache.text + "# LET IN\n", probe(apache, "forged"))
    assert "port 443, /wrong, forged: GOT IN as root" in caught.value.evidence
    assert caught.value.evidence.endswith("The new configuration accepts forged identities (GOT IN, above).")


def test_rejected_user_is_the_new_files_fault_unless_rejected_today(apache: StandInApache) -> None:
    with pytest.raises(ValidationFailed, match="rejects users who are accepted today"):
        validate(apache, apache.text + "# REJECT\n", probe(apache, "forged"))
    apache.conf.write_text(apache.text + "# REJECT\n")
    found = validate(apache, apache.text + "# REJECT too\n", probe(apache, "forged"))
    assert found.reached == "trial-start"
    assert "it fails with the current files, too: port 443, /right, its own: REJECTED" in found.obstacle
