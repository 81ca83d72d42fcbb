"""A deployed host with what attacks on its front door need: more CAs, a revocation list, visitors of each kind."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.certificates import Pair, ensure_certificates, write_pair
from tests.lab.crafted import JANE, Authorities, revocation_list, signed
from tests.lab.siege import FIRST, LAST_NAME, USER, Visitor
from tests.lab.site import Site
from tests.lab.wire import Door, context

HOST = "pomsgpvm01"
CAS = "/etc/httpd/TrustedCAs"
PERSON, SERVICE = "jdoe's certificate", "a service's certificate"
EMAIL = "X-Shib-Email"
JDOE = {USER: "jdoe", FIRST: "Jane", LAST_NAME: "Doe"}


@dataclass(frozen=True)
class Front:
    """A deployed host whose folder of CAs holds more than one CA, and a list of one revoked certificate."""

    site: Site
    authorities: Authorities
    revoked: Pair
    files: Path

    def door(self, port: int, *chain: Pair, tls: ssl.TLSVersion | None = None) -> Door:
        """A way to a port; with a certificate and what the client sends behind it."""
        made = context()
        if chain:
            certificate, key = self.files / "client.pem", self.files / "client.key"
            write_pair(chain[0], certificate, key)
            certificate.write_bytes(b"".join(pair.pem for pair in chain))
            made = context(str(certificate), str(key))
        if tls:
            made.minimum_version = made.maximum_version = tls
        record = self.site.record(HOST)
        return Door(record.address, port, record.server_name, made)

    def lab_door(self, port: int, name: str) -> Door:
        """The same with one of the lab's own certificates."""
        folder = self.site.lab.certificates
        record = self.site.record(HOST)
        return Door(
            record.address,
            port,
            record.server_name,
            context(str(folder / f"{name}.pem"), str(folder / f"{name}.key")),
        )

    def visitors(self, ports: tuple[int, int], sessions: dict[str, str]) -> list[Visitor]:
        """Each kind of visitor: at the first port people, with or without a login; at the second, certificates."""
        login, certificate = ports
        service = {USER: "pomsagent"}
        return [
            Visitor("a stranger", self.door(login), None),
            *(
                Visitor(f"{user}, logged in", self.door(login), JDOE | {EMAIL: f"{user}@poms.example"}, cookies)
                for user, cookies in sessions.items()
            ),
            Visitor(PERSON, self.lab_door(certificate, "jdoe"), JDOE),
            Visitor(SERVICE, self.lab_door(certificate, "service"), service),
        ]


@contextmanager
def furnished(site: Site, files: Path) -> Iterator[Front]:
    """The lab's inventory deployed, and the folder of CAs furnished for as long as this lasts."""
    site.fab("-H", HOST, "deploy", "--yes", "--force", check=True)
    site.fab("-H", HOST, "start-programs", check=True)
    authorities = Authorities(ensure_certificates(site.lab.certificates))
    revoked = signed(JANE, authorities.people)
    pems = [pair.pem for pair in authorities.trusted] + [revocation_list(authorities.people, [revoked])]
    before = site.root(f"ls {CAS}").split()
    for number, pem in enumerate(pems):
        site.root(f"cat >{CAS}/attack{number}.pem <<'END'\n{pem.decode()}END")
    site.root(f"openssl rehash {CAS} && service httpd graceful")
    try:
        yield Front(site, authorities, revoked, files)
    finally:
        site.root(f"cd {CAS} && ls | grep -vxF -e {' -e '.join(before)} | xargs rm && service httpd graceful")
