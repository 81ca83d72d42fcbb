"""Client certificates that people have, and ones that are made to pass for another's: what each must come to.

The lab's CA is the one whose certificates name users; the hosts trust another CA besides, as sites do.
"""

import datetime as dt
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from lab.certificates import CA_NAME, DOMAIN, PEOPLE, SERVICE_NAME, Pair
from tests.lab.wire import REFUSED_HANDSHAKE

PROXY_CERT_INFO = ObjectIdentifier("1.3.6.1.5.5.7.1.14")
INHERIT_ALL = bytes.fromhex("300c300a06082b06010505071501")  # RFC 3820: no limit of depth, "id-ppl-inheritAll"
Names = tuple[str, str, str]  # user, first, last; empty: not sent
Extensions = Sequence[tuple[x509.ExtensionType, bool]]


def signed(
    subject: str | x509.Name,
    by: Pair | None,
    *,
    usage: ObjectIdentifier | None = ExtendedKeyUsageOID.CLIENT_AUTH,
    extensions: Extensions = (),
    days: tuple[int, int] = (-1, 30),
) -> Pair:
    """A certificate for `subject` by that CA (None: by itself), valid from and to so many days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name.from_rfc4514_string(subject) if isinstance(subject, str) else subject
    issuer, signer = (by.certificate.subject, by.key) if by else (name, key)
    first, last = _days_from_now(days)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(first).not_valid_after(last)
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    identifiers = [x509.SubjectKeyIdentifier.from_public_key(key.public_key())]
    # Which key has signed, so that a verifier does not take another CA of the same name for the issuer.
    signers = [x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())]
    for extension, critical in [*((extension, False) for extension in (*identifiers, *signers)), *extensions]:
        builder = builder.add_extension(extension, critical=critical)
    return Pair(builder.sign(signer, hashes.SHA256()), key)


def authority(name: str, by: Pair | None = None) -> Pair:
    """A CA: one of its own, or under another."""
    return signed(name, by, usage=None, extensions=[(x509.BasicConstraints(ca=True, path_length=None), True)])


def revocation_list(by: Pair, revoked: Sequence[Pair], days: tuple[int, int] = (-1, 30)) -> bytes:
    """That CA's list of the certificates that it takes back, in PEM form."""
    last, following = _days_from_now(days)
    builder = x509.CertificateRevocationListBuilder().issuer_name(by.certificate.subject)
    builder = builder.last_update(last).next_update(following)
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key())
    builder = builder.add_extension(signer, critical=False)
    for pair in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(pair.certificate.serial_number)
        builder = builder.add_revoked_certificate(entry.revocation_date(last).build())
    return builder.sign(by.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _days_from_now(days: tuple[int, int]) -> tuple[dt.datetime, dt.datetime]:
    now = dt.datetime.now(dt.UTC)
    return now + dt.timedelta(days=days[0]), now + dt.timedelta(days=days[1])


@dataclass(frozen=True)
class Authorities:
    """Who issues: the CA that names users; others that the hosts trust too, two of them under names that look like
    its own; and one of its name that nobody trusts.
    """

    people: Pair
    other: Pair = field(default_factory=lambda: authority("CN=Another Grid CA,O=Elsewhere,DC=example,DC=org"))
    longer: Pair = field(default_factory=lambda: authority(f"{CA_NAME},DC=evil"))
    quoted: Pair = field(default_factory=lambda: authority(f"CN={_escaped(CA_NAME.removeprefix('CN='))}"))
    unknown: Pair = field(default_factory=lambda: authority(CA_NAME))

    @property
    def trusted(self) -> list[Pair]:
        """Those that are to lie in the hosts' folder of CAs, besides the lab's."""
        return [self.other, self.longer, self.quoted]


@dataclass(frozen=True)
class Crafted:
    """One kind of certificate, and what a request with it comes to: a status, and whom the app sees.

    `make` returns the certificate with its key and, behind it, whatever else the client sends.
    """

    name: str
    make: Callable[[Authorities], Sequence[Pair]]
    status: int = 403
    names: Names | None = None


def _escaped(text: str) -> str:
    return "".join(f"\\{char}" if char in ',+"\\<>;=' else char for char in text)


# ---- subjects by the CA that names users -----------------------------------------------------------------------

# (subject in RFC 4514 form, whom it stands for). Most names are people's own, and unusual.
PEOPLES: Sequence[tuple[str, Names]] = (
    (f"CN=UID:jdoe,CN=Jane Doe,{PEOPLE}", ("jdoe", "Jane", "Doe")),
    (f"CN=UID:j-doe,CN=Jane Doe,{PEOPLE}", ("j-doe", "Jane", "Doe")),
    (f"CN=UID:j.doe,CN=Jane Doe,{PEOPLE}", ("j.doe", "Jane", "Doe")),
    (f"CN=UID:j_doe2,CN=Jane Doe,{PEOPLE}", ("j_doe2", "Jane", "Doe")),
    (f"CN=UID:{'j' * 32},CN=Jane Doe,{PEOPLE}", ("j" * 32, "Jane", "Doe")),
    (f"CN=UID:jdoe,CN=Jane van der Doe,{PEOPLE}", ("jdoe", "Jane", "van der Doe")),
    (f"CN=UID:jdoe,CN=Jane,{PEOPLE}", ("jdoe", "Jane", "")),
    (f"CN=UID:jdoe,CN=Anne-Marie O'Neil-Doe,{PEOPLE}", ("jdoe", "Anne-Marie", "O'Neil-Doe")),
    (f"CN=UID:jdoe,CN=\u017dan\u00e9ta M\u00fcller,{PEOPLE}", ("jdoe", "\u017dan\u00e9ta", "M\u00fcller")),
    (f"CN=UID:jdoe,CN=\u5c71\u7530 \u592a\u90ce,{PEOPLE}", ("jdoe", "\u5c71\u7530", "\u592a\u90ce")),
    (f"CN=UID:jdoe,CN=Jane (Root) Doe,{PEOPLE}", ("jdoe", "Jane", "(Root) Doe")),
    (f"CN=UID:jdoe,CN=Jane UID:root,{PEOPLE}", ("jdoe", "Jane", "UID:root")),
    (f"CN=UID:jdoe,CN=Jane Doe #2,{PEOPLE}", ("jdoe", "Jane", "Doe #2")),
    # With escapes in RFC 2253 form: they get in, and the app is not told the name.
    (f'CN=UID:jdoe,CN=Jane \\"JJ\\" Doe,{PEOPLE}', ("jdoe", "", "")),
    (f"CN=UID:jdoe,CN=Jane Doe\\, Jr.,{PEOPLE}", ("jdoe", "", "")),
    (f"CN=UID:jdoe,CN=Doe\\, Jane,{PEOPLE}", ("jdoe", "", "")),
    (f"CN=UID:jdoe,CN=\\ Jane Doe,{PEOPLE}", ("jdoe", "", "")),
    (f"CN=UID:jdoe,CN=Jane Doe\\ ,{PEOPLE}", ("jdoe", "", "")),
    (f"CN=UID:jdoe,CN=\\#Jane Doe,{PEOPLE}", ("jdoe", "", "")),
    (f"CN=UID:jdoe,CN=Jane \\<Root\\>\\; Doe,{PEOPLE}", ("jdoe", "", "")),
    (f"CN=UID:jdoe,CN=Jane\\, UID:root,{PEOPLE}", ("jdoe", "", "")),
    (f"CN=UID:jdoe,CN=\\,,{PEOPLE}", ("jdoe", "", "")),
)

# What nobody may become anybody with: the pattern is matched from end to end, and these are not of it.
NOBODYS: Sequence[str] = (
    f"CN=Jane Doe/CN\\=UID:root,{PEOPLE}",
    f"CN=UID:root/x,CN=Jane Doe,{PEOPLE}",
    f"CN=UID:jdoe/CN\\=UID:root,CN=Jane Doe,{PEOPLE}",
    f"CN=UID:root\\,CN\\=Jane Doe,{PEOPLE}",
    f"CN=UID:root\\,CN\\=J\\,{_escaped(PEOPLE)}",
    f"CN=UID:jdoe,CN=Jane Doe/CN\\=UID:root,{PEOPLE}",
    f"CN=UID:jdoe,CN=Jane Doe\\,CN\\=UID:root,{PEOPLE}",
    f"CN=UID:jdoe,CN=Jane Doe\\+CN\\=UID:root,{PEOPLE}",
    f"CN=UID:root+CN=Jane Doe,{PEOPLE}",
    f"CN=UID:jdoe+CN=UID:root,CN=Jane Doe,{PEOPLE}",
    f"CN=UID:root,CN=Jane Doe+OU=x,{PEOPLE}",
    f"CN=UID:root,CN=Jane Doe,OU=People+OU=x,{DOMAIN}",
    f"CN=Jane Doe,CN=UID:root,{PEOPLE}",
    f"CN=x,CN=UID:root,CN=Jane Doe,{PEOPLE}",
    f"CN=UID:root,CN=UID:jdoe,CN=Jane Doe,{PEOPLE}",
    f"CN=UID:root,OU=x,CN=Jane Doe,{PEOPLE}",
    f"CN=UID:root,{PEOPLE}",
    f"CN=UID:root,CN=Jane Doe,{PEOPLE},DC=evil",
    f"CN=UID:root,CN=Jane Doe,OU=x,{PEOPLE}",
    f"CN=UID:root,CN=Jane Doe,OU=Services,{DOMAIN}",
    f"CN=UID:root,CN=Jane Doe,{DOMAIN}",
    f"CN=UID:root,CN=Jane Doe,OU=people,{DOMAIN}",
    f"UID=root,CN=Jane Doe,{PEOPLE}",
    f"OU=UID:root,CN=Jane Doe,{PEOPLE}",
    f"CN=uid:root,CN=Jane Doe,{PEOPLE}",
    f"CN=UID: root,CN=Jane Doe,{PEOPLE}",
    f"CN=UID:root\\ ,CN=Jane Doe,{PEOPLE}",
    f"CN=\\ UID:root,CN=Jane Doe,{PEOPLE}",
    f"CN=UID:Root,CN=Jane Doe,{PEOPLE}",
    f"CN=UID:,CN=Jane Doe,{PEOPLE}",
    f"CN=UID:(null),CN=Jane Doe,{PEOPLE}",
    f"CN=UID:-root,CN=Jane Doe,{PEOPLE}",
    f"CN=UID:root\\;x,CN=Jane Doe,{PEOPLE}",
    f"CN=UID:root@example.org,CN=Jane Doe,{PEOPLE}",
    f"CN=UID:{'r' * 33},CN=Jane Doe,{PEOPLE}",
    f"CN=UID:root\\00,CN=Jane Doe,{PEOPLE}",
    f"CN=UID:root\\00.jdoe,CN=Jane Doe,{PEOPLE}",
    f"CN=UID:jdoe,CN=Jane Doe\\00,{PEOPLE}\\00",
    f"CN=UID:root\\0a,CN=Jane Doe,{PEOPLE}",
    f"CN=UID:root\\0d\\0aX-Shib-Userid: root,CN=Jane Doe,{PEOPLE}",
    f"CN=UID:jdoe,CN=Jane Doe\\0d\\0aX-Shib-Userid: root,{PEOPLE}",
    f"CN=UID:root,CN=Jane Doe,{PEOPLE}\\0a",
    f"CN=UID:r\u043e\u043et,CN=Jane Doe,{PEOPLE}",  # Cyrillic
    f"CN=UID:\uff52\uff4f\uff4f\uff54,CN=Jane Doe,{PEOPLE}",  # full width
    f"CN=UID:ro\u200bot,CN=Jane Doe,{PEOPLE}",
    f"CN=UID:root\u0301,CN=Jane Doe,{PEOPLE}",
    f"CN=UID:root,CN=Jane Doe,OU=People\u200b,{DOMAIN}",
    f'CN=UID:root\\",CN=Jane Doe,{PEOPLE}',
    f'CN=UID:\\"root\\",CN=Jane Doe,{PEOPLE}',
    f"CN=UID:root\\,,CN=Jane Doe,{PEOPLE}",
    f"CN=\\#UID:root,CN=Jane Doe,{PEOPLE}",
    f"CN=UID:\\#root,CN=Jane Doe,{PEOPLE}",
    f"CN=UID:root,CN=Jane\\, Doe,OU=x,{PEOPLE}",
    f"CN=UID:root,CN=Jane\\, Doe,CN=UID:jdoe,{PEOPLE}",
    f"CN=UID:root,CN=Jane\\, Doe,{PEOPLE},DC=evil",
    f"CN=x,CN=UID:root,CN=Jane\\, Doe,{PEOPLE}",
    f"CN=UID:root,CN=Jane\\, Doe+OU=x,{PEOPLE}",
    f"CN=UID:root,CN=Jane\\, Doe\\+OU\\=x,{PEOPLE}",
    f"CN=UID:root,CN=Jane\\, Doe\\,{_escaped(PEOPLE)}",
    f"CN=UID:jdoe,CN=Jane\\\\,{PEOPLE}",
    f"CN=UID:jdoe,CN=Jane\\\\\\, Doe,{PEOPLE}",
    f'CN=UID:jdoe,CN=Jane\\\\\\"\\, CN\\=UID:root,{PEOPLE}',
    f"CN=UID:jdoe,CN=Jane\\, Doe\\0a,{PEOPLE}",
    f"CN=UID:jdoe,CN=Jane\\, Doe\\00,{PEOPLE}",
    f"CN=UID:jdoe,CN=Jane\\, Doe/CN\\=UID:root,{PEOPLE}",
    f"CN=UID:jdoe,CN=Doe\\, Jane/x,{PEOPLE}",
    f"CN=x{SERVICE_NAME.removeprefix('CN=')}",
    f"{SERVICE_NAME},DC=evil",
    f"CN=x,{SERVICE_NAME}",
    SERVICE_NAME.replace("pomsagent", "Pomsagent"),
    "",
)


def _subject(subject: str | x509.Name, authorities: Authorities) -> Sequence[Pair]:
    return [signed(subject, authorities.people)]


def _subjects() -> Iterator[Crafted]:
    for subject, names in PEOPLES:
        yield Crafted(subject, partial(_subject, subject), 200, names)
    yield Crafted(SERVICE_NAME, partial(_subject, SERVICE_NAME), 200, ("pomsagent", "", ""))
    for subject in NOBODYS:
        yield Crafted(subject or "no subject", partial(_subject, subject))
    end = [x509.NameAttribute(NameOID.DOMAIN_COMPONENT, part) for part in ("org", "example")]
    end += [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Lab")]
    end += [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "People")]
    for values in (
        ("", "UID:root"),
        ("Jane Doe", ""),
        ("Jane Doe" * 900, "UID:root/x"),
        ("Jane Doe", "UID:" + "r" * 9000),
    ):
        with warnings.catch_warnings(action="ignore"):  # that no CA should issue these
            common = [x509.NameAttribute(NameOID.COMMON_NAME, value, _validate=False) for value in values]
        shown = ", ".join(f"CN of {len(value)} bytes" for value in values)
        yield Crafted(shown, partial(_subject, x509.Name([*end, *common])))


# ---- issuers, dates, chains ------------------------------------------------------------------------------------

JANE, ROOT = PEOPLES[0][0], f"CN=UID:root,CN=Jane Doe,{PEOPLE}"


def _others() -> Iterator[Crafted]:
    for name in ("other", "longer", "quoted"):
        for subject in (JANE, ROOT, ROOT.replace("Jane ", "Jane\\, "), SERVICE_NAME):
            yield Crafted(f"{subject} by {name}", partial(_by, name, subject))
    refused: dict[str, Callable[[Authorities], Sequence[Pair]]] = {
        "expired": lambda by: [signed(JANE, by.people, days=(-30, -1))],
        "not yet valid": lambda by: [signed(JANE, by.people, days=(1, 30))],
        "for servers": lambda by: [signed(JANE, by.people, usage=ExtendedKeyUsageOID.SERVER_AUTH)],
        "by a CA that nobody trusts, of the same name": lambda by: [signed(ROOT, by.unknown)],
        "the same, with that CA": lambda by: [signed(ROOT, by.unknown), by.unknown],
        "by itself": lambda _: [signed(ROOT, None)],
        "by itself, under the CA's name": lambda _: [signed(CA_NAME, None)],
        "a CA under another trusted one, with a copied name": partial(_below, CA_NAME),
        "a CA two below another trusted one, with a copied name": _two_below,
        "a CA under the lab's": lambda by: _chain(authority("CN=Sub CA,O=Lab", by.people)),
        "a CA under the lab's, with a copied name": lambda by: _chain(authority(CA_NAME, by.people)),
        "by a user's certificate": lambda by: _chain(signed(JANE, by.people)),
        "by a user's certificate, under the CA's name": lambda by: _chain(signed(CA_NAME, by.people)),
        "a proxy certificate": partial(_proxy, JANE),
        "a proxy certificate for root": partial(_proxy, ROOT),
        "a proxy certificate of old": _old_proxy,
    }
    yield from (Crafted(name, make, REFUSED_HANDSHAKE) for name, make in refused.items())
    yield Crafted(
        "with the CA's own certificate", lambda by: [signed(JANE, by.people), by.people], 200, PEOPLES[0][1]
    )


def _by(name: str, subject: str, authorities: Authorities) -> Sequence[Pair]:
    return [signed(subject, getattr(authorities, name))]


def _chain(ca: Pair) -> Sequence[Pair]:
    return [signed(ROOT, ca), ca]


def _below(name: str, by: Authorities) -> Sequence[Pair]:
    return _chain(authority(name, by.other))


def _two_below(by: Authorities) -> Sequence[Pair]:
    between = authority("CN=Between", by.other)
    return [*_chain(authority(CA_NAME, between)), between]


def _proxy(subject: str, by: Authorities) -> Sequence[Pair]:
    """RFC 3820: jdoe's certificate issues one to its bearer's helper."""
    user = signed(JANE, by.people)
    info = x509.UnrecognizedExtension(PROXY_CERT_INFO, INHERIT_ALL)
    named = f"CN=4711,{subject}" if subject == JANE else subject
    return [signed(named, user, usage=None, extensions=[(info, True)]), user]


def _old_proxy(by: Authorities) -> Sequence[Pair]:
    user = signed(JANE, by.people)
    return [signed(f"CN=proxy,{JANE}", user, usage=None), user]


CERTIFICATES: tuple[Crafted, ...] = (*_subjects(), *_others())
