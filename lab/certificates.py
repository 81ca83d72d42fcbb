"""The lab's certificates: a trusted CA, an untrusted CA, and the certificates of hosts, people and services."""

import base64
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lab.files import put

# Names are in RFC 2253 form: the last part of the encoded name comes first.
DOMAIN = "O=Lab,DC=example,DC=org"
CA_NAME = f"CN=Lab Kerberized CA,{DOMAIN}"
UNTRUSTED_CA_NAME = "CN=Somebody Else's CA,O=Elsewhere,DC=example,DC=org"
PEOPLE = f"OU=People,{DOMAIN}"
SERVICE_NAME = f"CN=pomsagent.poms.example,OU=Services,{DOMAIN}"

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        """The certificate in PEM form."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key in PEM form, without a password."""
        form, nothing = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, form, nothing)

    @property
    def base64_der(self) -> str:
        """The certificate as SAML metadata quotes it."""
        return base64.b64encode(self.certificate.public_bytes(serialization.Encoding.DER)).decode()


def ensure_certificates(folder: Path) -> Pair:
    """The lab's CA. It is made, with the certificates of users and service, if `folder` has none yet."""
    if (folder / "ca.pem").exists():  # written last
        return read_pair(folder / "ca.pem", folder / "ca.key")
    authority, untrusted = _authority(CA_NAME), _authority(UNTRUSTED_CA_NAME)
    user = f"CN=UID:jdoe,CN=Jane Doe,{PEOPLE}"
    write_pair(issue(authority, user), folder / "jdoe.pem", folder / "jdoe.key")
    write_pair(issue(authority, SERVICE_NAME), folder / "service.pem", folder / "service.key")
    stranger = f"CN=UID:mallory,CN=Mallory Moe,{PEOPLE}"
    write_pair(issue(untrusted, stranger), folder / "mallory.pem", folder / "mallory.key")
    write_pair(authority, folder / "ca.pem", folder / "ca.key")
    return authority


def issue(authority: Pair, subject: str, host_names: Sequence[str] = ()) -> Pair:
    """A certificate from `authority`: for a server if host names are given, else for a client."""
    usage = ExtendedKeyUsageOID.SERVER_AUTH if host_names else ExtendedKeyUsageOID.CLIENT_AUTH
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(x509.Name.from_rfc4514_string(subject), authority.certificate.subject, key)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if host_names:
        names = x509.SubjectAlternativeName([x509.DNSName(name) for name in host_names])
        builder = builder.add_extension(names, critical=False)
    return Pair(builder.sign(authority.key, hashes.SHA256()), key)


def self_signed(common_name: str) -> Pair:
    """A self-signed certificate with an RSA key, for SAML."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    return Pair(_builder(name, name, key).sign(key, hashes.SHA256()), key)


def write_pair(pair: Pair, certificate: Path, key: Path) -> None:
    """Write both files: the key first, readable only for its owner."""
    put(key, pair.key_pem, 0o600)
    put(certificate, pair.pem)


def read_pair(certificate: Path, key: Path) -> Pair:
    """The pair in two files of `write_pair`."""
    found = serialization.load_pem_private_key(key.read_bytes(), None)
    assert isinstance(found, Key)  # noqa: S101 - for mypy: it is a file of ours
    return Pair(x509.load_pem_x509_certificate(certificate.read_bytes()), found)


def kept_pair(certificate: Path, key: Path, make: Callable[[], Pair]) -> Pair:
    """The pair in these files; it is made if there is none yet."""
    if not certificate.exists():  # written last
        write_pair(make(), certificate, key)
    return read_pair(certificate, key)


def _authority(name: str) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name.from_rfc4514_string(name)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = _builder(subject, subject, key)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(identifier, critical=False)
    return Pair(builder.sign(key, hashes.SHA256()), key)


def _builder(subject: x509.Name, issuer: x509.Name, key: Key) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(days=365))
