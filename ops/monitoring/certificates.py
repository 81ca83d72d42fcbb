"""When certificates and revocation lists expire: the host's, the CAs', the service provider's."""

from collections.abc import Iterator
from dataclasses import dataclass

from ops.agent.certificates_messages import CertificateFiles, CertificatesRequest
from ops.formats.locations import door_ports
from ops.schema import Host
from ops.ssh.agent_answers import Answer
from ops.ssh.session import Remote

NOT_READ = "Apache has not read it since it changed: reload Apache"
NOT_SERVED = "is not the one in {}: reload Apache"
KINDS = {
    "served": "served certificate",
    "host": "host certificate",
    "ca": "trusted CA",
    "revocations": "revocation list",
    "sp": "service provider",
}
PROBLEMS = {"unreadable": "cannot be read", "broken": "is not a certificate or list", "absent": "is not there"}
DAY = 86400


@dataclass(frozen=True)
class Expiry:
    """One certificate or list: `days` left by the host's clock, negative once it has expired.

    `days` is None if it never expires, or if its expiry cannot be read; then `problem` says why. `problem` is set too
    for a valid one that Apache does not use yet: Apache serves another certificate, or has not reloaded the list.
    """

    kind: str
    path: str
    name: str = ""
    days: float | None = None
    problem: str = ""

    def is_due(self, limit: int) -> bool:
        """Whether it expires within `limit` days, or has a problem."""
        return bool(self.problem) or (self.days is not None and self.days < limit)

    def describe(self) -> str:
        """The time left: "12 days", "3 hours", "EXPIRED 2 days ago"."""
        if self.problem or self.days is None:
            return self.problem or "no expiry"
        count = abs(self.days)
        amount, unit = (int(count), "day") if count >= 1 else (int(count * 24), "hour")
        words = f"{amount} {unit}{'' if amount == 1 else 's'}"
        return words if self.days >= 0 else f"EXPIRED {words} ago"


def read_expiries(remote: Remote) -> list[Expiry]:
    """The certificates and lists of the host, the first to expire first. Raises HostError for a malformed answer."""
    return parse(remote.host, remote.answer(request(remote.host)))


def request(host: Host) -> CertificatesRequest:
    """The request to the agent (`ops/agent/certificates.py`)."""
    return CertificatesRequest(
        certificate=host.apache.certificate,
        folders=[("ca", host.apache.ca_dir), ("sp", host.certificates.shibboleth_dir)],
        revocation_dir=host.apache.revocation_dir if host.apache.revocation != "off" else "",
        ports=[*door_ports(host).values()],
    )


def parse(host: Host, answer: Answer) -> list[Expiry]:
    """Read the agent's answer. Raises HostError if it is malformed."""
    found = _expiries(answer.only(CertificateFiles), host.apache.certificate)
    return sorted(found, key=lambda one: (not one.problem, one.days is None, one.days or 0))


def _expiries(answer: CertificateFiles, own: str) -> Iterator[Expiry]:
    for file in answer.files:
        if file.kind in KINDS:
            yield _expiry(answer.now, file.kind, file.path, file.content, PROBLEMS.get(file.problem, file.problem))
    for one in answer.lists:
        problem = PROBLEMS.get(one.problem, one.problem)
        if not problem and answer.apache_read_at is not None and one.changed > answer.apache_read_at:
            problem = NOT_READ
        yield _expiry(answer.now, "revocations", one.path, one.content, problem)
    on_disk = next((file.content for file in answer.files if file.path == own), b"")
    for shown in answer.served:
        if shown.content:
            problem = NOT_SERVED.format(own) if on_disk and not _is_same(on_disk, shown.content) else ""
            yield _expiry(answer.now, "served", f"port {shown.port}", shown.content, problem)


def _expiry(now: float, kind: str, path: str, content: bytes, problem: str) -> Expiry:
    """`content` is a certificate in PEM or a list in DER; empty where `problem` says why."""
    if not content:
        return Expiry(kind, path, problem=problem or PROBLEMS["broken"])
    from cryptography import x509

    try:
        if kind == "revocations":
            crl = x509.load_der_x509_crl(content)
            end, name = crl.next_update_utc, crl.issuer
        else:
            certificate = x509.load_pem_x509_certificate(content)
            end, name = certificate.not_valid_after_utc, certificate.subject
        text = name.rfc4514_string({x509.oid.NameOID.EMAIL_ADDRESS: "emailAddress"})
    except ValueError:
        return Expiry(kind, path, problem=PROBLEMS["broken"])
    return Expiry(kind, path, text, None if end is None else (end.timestamp() - now) / DAY, problem)


def _is_same(one: bytes, other: bytes) -> bool:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(one) == x509.load_pem_x509_certificate(other)
    except ValueError:
        return False
