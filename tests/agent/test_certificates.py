"""Lists without their entries, certificates in files, and Apache's processes."""

import datetime as dt
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from ops.agent import apache_processes, certificates
from ops.agent.certificates import first_certificate
from ops.agent.certificates_messages import CertificateFiles, CertificatesRequest
from ops.agent.host_processes import Process, process
from ops.agent.processes import OUTPUT, output_of
from ops.agent.revocation_list import without_entries

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
NAME = x509.Name(
    [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "é" * 60), x509.NameAttribute(NameOID.COMMON_NAME, "CA")]
)


def revocations(entries: int, encoding: serialization.Encoding) -> bytes:
    builder = x509.CertificateRevocationListBuilder(NAME, NOW, NOW + dt.timedelta(days=9))
    for number in range(1, entries + 1):
        revoked = x509.RevokedCertificateBuilder(number, NOW).build()
        builder = builder.add_revoked_certificate(revoked)
    builder = builder.add_extension(x509.CRLNumber(7), critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(encoding)


@pytest.mark.parametrize("encoding", [serialization.Encoding.PEM, serialization.Encoding.DER])
@pytest.mark.parametrize("entries", [0, 1, 5000])
def test_list_keeps_issuer_and_dates_without_its_entries(entries: int, encoding: serialization.Encoding) -> None:
    short = without_entries(revocations(entries, encoding))
    found = x509.load_der_x509_crl(short)
    assert (found.issuer, found.last_update_utc, found.next_update_utc) == (NAME, NOW, NOW + dt.timedelta(days=9))
    assert (len(found), len(short) < 500) == (0, True)


@given(st.integers(0, 400), st.binary(max_size=4))
def test_torn_list_is_refused_or_still_a_list(at: int, torn: bytes) -> None:
    whole = LIST_OF_ONE
    try:
        found = without_entries(whole[:at] + torn)
    except (ValueError, LookupError):
        return
    assert found[:1] == b"\x30"


LIST_OF_ONE = revocations(1, serialization.Encoding.DER)


def test_first_certificate_of_a_file_counts() -> None:
    def block(kind: bytes, text: bytes) -> bytes:
        return b"-----BEGIN %s-----\n%s\n-----END %s-----\n" % (kind, text, kind)

    text = b"subject=x\n" + block(b"PRIVATE KEY", b"k") + block(b"CERTIFICATE", b"a") + block(b"CERTIFICATE", b"b")
    assert first_certificate(text) == block(b"CERTIFICATE", b"a")
    assert first_certificate(block(b"TRUSTED CERTIFICATE", b"a")) == block(b"CERTIFICATE", b"a")
    assert first_certificate(b"-----BEGIN CERTIFICATE-----\nAAAA\n") == b""


def test_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    out = output_of(["sh", "-c", 'echo begun; sleep 600 & echo $! >"$0"; wait', str(tmp_path / "pid")], seconds=0.5)
    assert out == b"begun\n"
    child = int((tmp_path / "pid").read_text())
    end = time.monotonic() + 10
    while is_alive(child):
        assert time.monotonic() < end
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_output_of_a_command_is_cut() -> None:
    assert len(output_of([sys.executable, "-c", "print('x' * 2 * 10**6)"])) == OUTPUT
    assert output_of(["cat"], b"given") == b"given"


def test_apache_of_a_host_is_roots_and_in_no_container(monkeypatch: pytest.MonkeyPatch) -> None:
    """One process after the other, as the kernel tells of them; ticks since boot in the last place."""
    ticks = os.sysconf("SC_CLK_TCK")
    up = float(Path("/proc/uptime").read_text().split()[0])
    table = {
        5: ("httpd", 1, 10),
        6: ("httpd", 5, 100 * ticks),
        7: ("httpd", 5, 900 * ticks),
        8: ("httpd", 5, 300 * ticks),
        9: ("sleep", 1, 950 * ticks),
    }

    def processes() -> list[Process]:
        return [
            Process(pid, name, ["S", str(parent), "1", "1", *["0"] * 15, str(start)])
            for pid, (name, parent, start) in table.items()
        ]

    monkeypatch.setattr(apache_processes, "processes", processes)
    monkeypatch.setattr(apache_processes, "_is_first_of_host", lambda pid: pid == 5)
    assert apache_processes.apache_read_at() == pytest.approx(time.time() - up + 300, abs=5)
    del table[5]
    assert apache_processes.apache_read_at() is None


def test_own_process_is_read_as_the_kernel_says_it() -> None:
    with subprocess.Popen(["sleep", "60"]) as running:
        found = process(running.pid)
        running.kill()
    assert found
    assert (found.pid, found.name, found.parent) == (running.pid, "sleep", os.getpid())
    assert process(2**22 + 1) is None


def certificate() -> bytes:
    builder = x509.CertificateBuilder(NAME, NAME, KEY.public_key(), 1, NOW, NOW + dt.timedelta(days=9))
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def test_each_file_is_read_once_and_a_list_is_no_certificate(tmp_path: Path) -> None:
    (tmp_path / "own.pem").write_bytes(certificate())
    (tmp_path / "0a0a.0").symlink_to("own.pem")
    (tmp_path / "b.pem").write_bytes(certificate())
    (tmp_path / "host-key.pem").write_text("a key")
    (tmp_path / "list.pem").write_bytes(revocations(1, serialization.Encoding.PEM))
    (tmp_path / "list.crl").symlink_to("list.pem")
    (tmp_path / "torn.r0").write_text("torn")
    request = CertificatesRequest(
        certificate=f"{tmp_path}/own.pem", folders=[("ca", str(tmp_path))], revocation_dir=str(tmp_path), ports=[1]
    )
    (found,) = certificates.answer(request)
    assert isinstance(found, CertificateFiles)
    assert [(one.kind, Path(one.path).name) for one in found.files] == [("host", "own.pem"), ("ca", "b.pem")]
    assert [(Path(one.path).name, one.problem) for one in found.lists] == [("list.crl", ""), ("torn.r0", "broken")]
    assert [one.content for one in found.served] == [b""]


def test_missing_certificate_is_said_to_be_absent(tmp_path: Path) -> None:
    request = CertificatesRequest(certificate=f"{tmp_path}/none", folders=[], revocation_dir="", ports=[])
    (found,) = certificates.answer(request)
    assert isinstance(found, CertificateFiles)
    assert [one.problem for one in found.files] == ["absent"]
