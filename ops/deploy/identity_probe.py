"""The identity probe: requests to a trial start of Apache that try to log in as somebody else.

The trial start trusts throwaway CAs with the names of the inventory's CAs. This module makes them and their client
certificates; `agent/probe_requests.py` sends the requests, on the host, before the new files are live.
"""

import datetime as dt
import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ops.agent.apache_doors import backends_in
from ops.agent.apache_messages import IdentityProbe, ProbeAttempt
from ops.agent.identity_probe import NAMELESS
from ops.deploy.location_probe import (
    ELSEWHERE,
    SPOOFED_VALUE,
    Visitors,
    by_certificate,
    forged_lines,
    location_requests,
    spelled,
)
from ops.formats import apache
from ops.formats.apps import views, with_pages
from ops.formats.locations import identity_headers
from ops.schema import Host

USER_IDS = (
    "proof",
    "proof1",
    "p1",
    "prf",
    "pr",
    "p",
    "PROOF",
    "P1",
    "1234",
    "12345",
    "123456",
    "1234567",
    "12345678",
)
# Short names that OpenSSL prints and RFC 4514 does not know.
SHORT_NAMES = {
    "emailAddress": NameOID.EMAIL_ADDRESS,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "SN": NameOID.SURNAME,
    "GN": NameOID.GIVEN_NAME,
    "title": NameOID.TITLE,
}
BELOW = "a CA below another, under the name of the users'"
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
YEARS = dt.timedelta(days=3650)  # the host's clock may be another


@dataclass(frozen=True)
class _Pair:
    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@dataclass(frozen=True)
class Trial:
    """The probe for a trial start; none if this inventory cannot be probed, and `why_not`."""

    probe: IdentityProbe | None
    why_not: str = ""


def trial(host: Host, managed: Sequence[str] = ()) -> Trial:
    """The CAs that the trial trusts, their revocation lists, and the requests with their certificates.

    `managed`: the paths of all Apache's files of the inventory.
    """
    if not user_ids(host):
        return Trial(None, f"no known user id matches identity.user_id ({host.identity.user_id})")
    try:
        trusted, certificates = _certificates(host)
    except ValueError as error:
        return Trial(None, f"a name of identity does not fit into a certificate: {error}")
    chains = {name: ("".join(pair.pem for pair in chain), chain[0].key_pem) for name, chain in certificates.items()}
    probe = IdentityProbe(
        issuers=_issuers(host),
        authorities=[ca.pem for ca in trusted.values()],
        lists=[_taking_back(ca, certificates.get("revoked", [])) for ca in trusted.values()],
        backends=_backends(host),
        headers=[*identity_headers(host), *host.identity.dropped_headers, "Authorization"],
        spoofed=SPOOFED_VALUE,
        certificates=chains,
        attempts=list(probe_requests(host, list(certificates))),
        folders=[apache.quote(one.folder) for one in host.locations.values() if one.folder],
        managed=list(managed),
        forged=list(forged_lines(host)),
    )
    return Trial(probe)


def _backends(host: Host) -> list[str]:
    """Where the apps and the locations' other backends listen."""
    urls = " ".join(f"ProxyPass / {one.url}\n" for one in host.locations.values() if one.url)
    listens = [address for view in views(host) for address in (view.app.listen, view.app.cron_listen) if address]
    return list(dict.fromkeys([*listens, *backends_in(urls)]))


def user_ids(host: Host) -> list[str]:
    """User ids that the inventory's pattern matches; if the pattern lists its ids, those."""
    pattern = host.identity.user_id
    named = re.findall(r"[A-Za-z0-9_.@-]+", pattern.replace("\\.", ".").replace("\\-", "-"))
    known = [user for user in USER_IDS if re.fullmatch(pattern, user)]
    return known or [user for user in dict.fromkeys(named) if re.fullmatch(pattern, user)]


def probe_requests(host: Host, certificates: Sequence[str]) -> Iterator[ProbeAttempt]:
    """All requests; `certificates`: their names. If the first requests are rejected, the others prove nothing."""
    path = host.app.path
    services = {f"service{number}": row.user for number, row in enumerate(host.identity.service_certificates)}
    intruders = tuple(name for name in certificates if name not in {"user", *services})
    # With a greater depth, the CA above must be trusted, too.
    visitors = Visitors(user_ids(host)[0], intruders, forged_lines(host), BELOW)
    forged = [*visitors.forged]
    own = functools.partial(ProbeAttempt, port=host.apache.cert_port, path=path, location=path)
    yield from by_certificate(host, own, visitors)
    for certificate, stands_for in services.items():
        service = functools.partial(own, user=stands_for, certificate=certificate)
        yield service(name="a certificate of its own")
        yield service(name="a certificate of its own and false headers", lines=forged)
    for way in (*spelled(path), f"{apache.PAGES}/page.html", f"{apache.PAGES}/page.html/../..{path}"):
        yield ProbeAttempt(name="no login", port=host.apache.port, path=way, location=path, lines=forged)
    for view in [view for view in with_pages(host) if view.app.check_through_apache]:
        yield from _own_page_requests(view, forged)
    yield from location_requests(host, visitors)


def _own_page_requests(host: Host, forged: list[str]) -> Iterator[ProbeAttempt]:
    """Requests for the page that only the host itself may request, as the trial may: no content and no user."""
    own, path = apache.own_page(host), host.app.path
    attempt = functools.partial(ProbeAttempt, port=host.apache.port, location=own, lines=forged)
    around = (own, f"{own}/", f"{own}/x", f"{own}?x", f"{own}/..", f"{own}/../../..{path}", f"/{own}")
    for way in dict.fromkeys(around):
        yield attempt(name="a page for the host itself", path=way)
    head = functools.partial(attempt, method="HEAD")
    for way in (f"{own}/x", f"{own}?x", f"{own}/../../..{path}"):
        yield head(name="a page below the host's own", path=way)
    claims = [*forged, "X-Forwarded-For: 127.0.0.1", "Forwarded: for=127.0.0.1"]
    yield head(name="the host's own page, from elsewhere", path=own, lines=claims, source=ELSEWHERE)
    yield head(name="the host itself, with false headers", path=own, nameless=True)


def _certificates(host: Host) -> tuple[dict[str, _Pair], dict[str, list[_Pair]]]:
    """The trusted CAs by name, and each bearer's certificate chain. Raises ValueError."""
    identity = host.identity
    names = [*_issuers(host), "CN=Another CA"]
    trusted = {name: _authority(name) for name in names}
    people, other = trusted[identity.certificate_issuer], trusted["CN=Another CA"]
    issue = functools.partial(_issue, key=_own_key(host))
    users = user_ids(host)
    end, false = f"CN=Proof User,{identity.certificate_subject_end}", users[-1]
    user, named = f"CN=UID:{users[0]},{end}", f"CN=UID:{false},{end}"
    unknown, below = _authority(identity.certificate_issuer), _authority(identity.certificate_issuer, other)
    comma = rf"CN=Proof\, CN\=UID:{false},{identity.certificate_subject_end}"
    subjects = {
        "a second name in the name": rf"CN=Proof User/CN\=UID:{false},{identity.certificate_subject_end}",
        "a second name behind a comma": f"CN=UID:{users[0]},{comma}",
        "more behind the user id": f"CN=UID:{false}/x,{end}",
        "a name in the user id": rf"CN=UID:{false}\,CN\=Proof User,{identity.certificate_subject_end}",
        "two values in one part": f"CN=UID:{false}+CN=Proof User,{identity.certificate_subject_end}",
        "the parts in another order": f"CN=Proof User,CN=UID:{false},{identity.certificate_subject_end}",
        "a part before the user id": f"CN=x,{named}",
        "a part behind the end": f"{named},DC=evil",
        "a part in between": f"CN=UID:{false},OU=x,{end}",
        NAMELESS[0]: end,
        "nothing": "",
    }
    certificates = {"user": [issue(user, people)]}
    for number, row in enumerate(identity.service_certificates):
        certificates[f"service{number}"] = [issue(row.subject, trusted[row.issuer])]
        certificates[f"{row.user}'s name, by another CA"] = [issue(row.subject, other)]
    certificates |= {name: [issue(subject, people)] for name, subject in subjects.items()}
    certificates[NAMELESS[1]] = [issue(named, other)]
    certificates["a CA that nobody trusts, under the name of the users'"] = [issue(named, unknown), unknown]
    certificates["out of date"] = [issue(user, people, over=True)]
    certificates[BELOW] = [issue(named, below), below]
    if host.apache.revocation != "off":
        certificates["revoked"] = [issue(user, people)]
    return trusted, certificates


def _issuers(host: Host) -> list[str]:
    """The names of the CAs whose certificates identify a user."""
    return [host.identity.certificate_issuer, *(row.issuer for row in host.identity.service_certificates)]


def _name(text: str) -> x509.Name:
    return x509.Name.from_rfc4514_string(text, SHORT_NAMES)


def _authority(name: str, by: _Pair | None = None) -> _Pair:
    return _signed(_name(name), by, x509.BasicConstraints(ca=True, path_length=None))


def _own_key(host: Host) -> Key:
    """The key of all client certificates, of a type that Apache accepts with the inventory's curves.

    In TLS 1.2, an EC key must use one of these curves. RSA always works; making a key takes 0.1 s.
    """
    if {"prime256v1", "P-256"} & set(host.apache.curves.split(":")):
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, 2048)


def _issue(subject: str, by: _Pair, key: Key, *, over: bool = False) -> _Pair:
    return _signed(_name(subject), by, x509.BasicConstraints(ca=False, path_length=None), (key, over))


def _signed(
    subject: x509.Name, by: _Pair | None, what: x509.BasicConstraints, given: tuple[Key | None, bool] = (None, False)
) -> _Pair:
    key, over = given[0] or ec.generate_private_key(ec.SECP256R1()), given[1]
    issuer, signer = (by.certificate.subject, by.key) if by else (subject, key)
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - YEARS).not_valid_after(now - YEARS / 2 if over else now + YEARS)
    builder = builder.add_extension(what, critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    builder = builder.add_extension(authority, critical=False)
    return _Pair(builder.sign(signer, hashes.SHA256()), key)


def _taking_back(ca: _Pair, revoked: Sequence[_Pair]) -> str:
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateRevocationListBuilder().issuer_name(ca.certificate.subject)
    builder = builder.last_update(now - YEARS).next_update(now + YEARS)
    # Without it, the list would also apply to another CA of the same name.
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key())
    builder = builder.add_extension(authority, critical=False)
    for pair in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(pair.certificate.serial_number)
        builder = builder.add_revoked_certificate(entry.revocation_date(now - YEARS).build())
    return builder.sign(ca.key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
