"""Keys that the account cannot read: which they are, and whether each belongs to its certificate."""

import os
from pathlib import Path

import pytest

from ops.agent import closed_keys
from ops.agent.closed_keys import ClosedKeys, TrialPair, check_pairs, make_trial_pair
from ops.agent.processes import run
from ops.agent.validation_failed import ValidationFailed

NOW = 2_000_000_000.0


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[TrialPair]:
    return [make_trial_pair(ClosedKeys(), str(tmp_path_factory.mktemp("pair"))) for _ in range(2)]


@pytest.fixture
def closed(pairs: list[TrialPair]) -> ClosedKeys:
    found = ClosedKeys()
    found.certificates, found.keys = [pairs[0].certificate], [pairs[0].key]
    return found


def running(monkeypatch: pytest.MonkeyPatch, serves: str, read_at: float | None) -> None:
    """Apache serves a certificate; it has read its files at a time."""
    monkeypatch.setattr(closed_keys, "asked_tls", lambda _: Path(serves).read_bytes() if serves else b"")
    monkeypatch.setattr(closed_keys, "apache_read_at", lambda: read_at)


@pytest.mark.parametrize(("serves", "read_at", "count"), [(0, NOW * 2, 0), (0, None, 0), (0, 1.0, 1), (None, NOW, 1)])
def test_served_key_belongs_to_its_certificate(
    closed: ClosedKeys,
    pairs: list[TrialPair],
    serves: int | None,
    read_at: float | None,
    count: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    running(monkeypatch, "" if serves is None else pairs[serves].certificate, read_at)
    found = check_pairs(closed, "/nowhere", [443, 8443])
    assert len(found) == count
    assert all(one.startswith(f"that {closed.keys[0]} belongs to {closed.certificates[0]}") for one in found)


def test_key_in_use_that_belongs_to_another_certificate_is_refused(
    closed: ClosedKeys, pairs: list[TrialPair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running(monkeypatch, pairs[1].certificate, NOW * 2)
    assert len(check_pairs(closed, str(tmp_path), [443])) == 1
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/ssl.conf").write_text(f"SSLCertificateKeyFile {closed.keys[0]}\n")
    with pytest.raises(ValidationFailed, match="does not belong to"):
        check_pairs(closed, str(tmp_path), [443])


def test_files_with_a_closed_key_are_found(
    closed: ClosedKeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = tmp_path / "ssl.conf"
    conf.write_text(f"SSLCertificateFile {closed.certificates[0]}\nSSLCertificateKeyFile {closed.keys[0]}\n")
    assert closed_keys.find([str(conf)]).keys == []
    monkeypatch.setattr(os, "access", lambda path, _: path != closed.keys[0])
    found = closed_keys.find([str(conf)])
    assert (found.certificates, found.keys) == (closed.certificates, closed.keys)


def test_throwaway_pair_has_the_type_of_the_certificate(tmp_path: Path) -> None:
    made = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -keyout /dev/null -out"
    rsa = run([*made.split(), f"{tmp_path}/rsa.pem"], seconds=60)
    assert rsa.code == 0, rsa.text
    closed = ClosedKeys()
    closed.certificates = [f"{tmp_path}/rsa.pem"]
    pair = make_trial_pair(closed, str(tmp_path))
    shown = run(["openssl", "x509", "-in", pair.certificate, "-noout", "-text"])
    assert b"rsaEncryption" in shown.output
