"""What the agent reads of real certificates and lists, and what the operator is told of them."""

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ops.monitoring.certificates import Expiry, parse, request
from ops.schema import Host
from tests.agent import local_agent
from tests.agent.shells import SHELLS
from tests.unit.hosts import host

NOW = dt.datetime.now(dt.UTC)
KEY = ec.generate_private_key(ec.SECP256R1())


def name(text: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Lab"), x509.NameAttribute(NameOID.COMMON_NAME, text)]
    )


def certificate(days: float, common_name: str) -> bytes:
    builder = x509.CertificateBuilder(
        issuer_name=name("CA"),
        subject_name=name(common_name),
        public_key=KEY.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=NOW - dt.timedelta(days=900),
        not_valid_after=NOW + dt.timedelta(days=days),
    )
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def revocations(days: float) -> bytes:
    builder = x509.CertificateRevocationListBuilder(
        name("CA"), NOW - dt.timedelta(days=99), NOW + dt.timedelta(days=days)
    )
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def expiries(shell: str, one: Host) -> list[Expiry]:
    return parse(one, local_agent.ask(shell, request(one))[0])


@pytest.mark.parametrize("shell", SHELLS)
def test_expiries_list_unreadable_files_then_earliest_expiry_first(shell: str, tmp_path: Path) -> None:
    trusted = tmp_path / "TrustedCAs"
    trusted.mkdir()
    (trusted / "ca one.pem").write_bytes(certificate(100.5, "CA"))
    (trusted / "0a0a.0").symlink_to("ca one.pem")
    (trusted / "0a0a.r0").write_bytes(revocations(3.5))
    (trusted / "0b0b.r0").write_bytes(revocations(-2.5))
    (trusted / "torn.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n")
    (tmp_path / "host.pem").write_bytes(certificate(0.3, "web1"))
    one = host(
        apache={"certificate": str(tmp_path / "host.pem"), "ca_dir": str(trusted)},
        certificates={"shibboleth_dir": str(tmp_path / "none")},
    )
    found = expiries(shell, one)
    told = [(end.kind, end.describe(), end.name, end.path.rpartition("/")[2]) for end in found]
    assert told == [
        ("ca", "is not a certificate or list", "", "torn.pem"),
        ("revocations", "EXPIRED 2 days ago", "CN=CA,O=Lab", "0b0b.r0"),
        ("host", "7 hours", "CN=web1,O=Lab", "host.pem"),
        ("revocations", "3 days", "CN=CA,O=Lab", "0a0a.r0"),
        ("ca", "100 days", "CN=CA,O=Lab", "ca one.pem"),
    ]
    assert [end.is_due(21) for end in found] == [True, True, True, True, False]
    (tmp_path / "host.pem").unlink()
    gone = expiries(shell, one)
    assert Expiry("host", str(tmp_path / "host.pem"), problem="is not there") in gone
