"""The front door under attack: the deployed templates let nobody be anybody else; the document's own rules do."""

import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from lab.certificates import PEOPLE, Pair, ensure_certificates, write_pair
from ops.inventory import read_inventory
from ops.templates import render
from tests.lab.attacks import ATTACKS
from tests.lab.crafted import CERTIFICATES, JANE, ROOT, Authorities, Crafted, revocation_list, signed
from tests.lab.siege import CONTROL_EVERY, FIRST, LAST_NAME, USER, Protocol, Siege, Visitor
from tests.lab.site import Site
from tests.lab.wire import REFUSED_HANDSHAKE, Door, Http1, context

HOST = "pomsgpvm01"
CAS = "/etc/httpd/TrustedCAs"
NAIVE = Path(__file__).parent / "naive"
NAIVE_PORTS = {"port": 1443, "cert_port": 18443}
Record = Callable[[str, object], None]
PROTOCOLS: tuple[Protocol, ...] = ("HTTP/1.1", "HTTP/2")
PERSON, SERVICE = "jdoe's certificate", "a service's certificate"
LINES: tuple[tuple[Protocol, ssl.TLSVersion], ...] = (
    ("HTTP/1.1", ssl.TLSVersion.TLSv1_2),
    ("HTTP/1.1", ssl.TLSVersion.TLSv1_3),
    ("HTTP/2", ssl.TLSVersion.TLSv1_3),
)
# Among what the document's expression takes for another: a second name in the name, something behind the user id, an
# id by any other CA, an id cut short at a dash or a dot, and a CA under another that bears the copied name.
FORGED = (
    f"CN=Jane Doe/CN\\=UID:root,{PEOPLE}",
    f"CN=UID:root/x,CN=Jane Doe,{PEOPLE}",
    f"{ROOT} by other",
    f"CN=UID:j-doe,CN=Jane Doe,{PEOPLE}",
    f"CN=UID:j.doe,CN=Jane Doe,{PEOPLE}",
    "a CA under another trusted one, with a copied name",
)
GET = b"GET /poms HTTP/1.1\r\nHost: x\r\n\r\n"
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
            *(Visitor(f"{user}, logged in", self.door(login), JDOE, cookies) for user, cookies in sessions.items()),
            Visitor(PERSON, self.lab_door(certificate, "jdoe"), JDOE),
            Visitor(SERVICE, self.lab_door(certificate, "service"), service),
        ]


@pytest.fixture(scope="module")
def front(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """The lab's inventory deployed, and more CAs for as long as the tests of this file run."""
    site.fab("-H", HOST, "deploy", "--yes", "--force", check=True)
    site.fab("-H", HOST, "start-programs", check=True)
    authorities = Authorities(ensure_certificates(site.lab.certificates))
    revoked = signed(JANE, authorities.people)
    files = [pair.pem for pair in authorities.trusted] + [revocation_list(authorities.people, [revoked])]
    before = site.root(f"ls {CAS}").split()
    for number, pem in enumerate(files):
        site.root(f"cat >{CAS}/attack{number}.pem <<'END'\n{pem.decode()}END")
    site.root(f"openssl rehash {CAS} && service httpd graceful")
    yield Front(site, authorities, revoked, tmp_path_factory.mktemp("clients"))
    site.root(f"cd {CAS} && ls | grep -vxF -e {' -e '.join(before)} | xargs rm && service httpd graceful")


@pytest.fixture(scope="module")
def sessions() -> dict[str, str]:
    """The cookies of those who are logged in on 443, by user: whoever is in here attacks as well. Nobody yet."""
    return {}


@pytest.fixture(scope="module")
def naive(front: Front) -> Iterator[None]:
    """A second Apache on the same host with the document's own rules, before the same app."""
    site = front.site
    host = read_inventory(site.lab.inventory).hosts[HOST]
    host = host.model_copy(update={"apache": host.apache.model_copy(update=NAIVE_PORTS)})
    folder = "/tmp/naive"
    main = (
        "ServerRoot /etc/httpd\nInclude conf.modules.d/*.conf\nLoadModule mod_shib modules/mod_shib.so\n"
        f"User apache\nGroup apache\nPidFile {folder}/httpd.pid\nDefaultRuntimeDir {folder}\nErrorLog {folder}/log\n"
        f"ServerName {host.apache.server_name}\nTypesConfig /etc/mime.types\nInclude {folder}/*.conf\n"
    )
    site.root(f"mkdir -p {folder}; cat >{folder}/main <<'END'\n{main}END")
    for file in render(host, NAIVE):
        site.root(f"cat >{folder}/{Path(file.path).name} <<'END'\n{file.content.decode()}END")
    httpd = f"/usr/libexec/lab/httpd -f {folder}/main"
    site.root(f"{httpd} -k start && while [ ! -s {folder}/httpd.pid ]; do sleep 0.05; done")
    yield
    site.root(f"kill $(cat {folder}/httpd.pid); rm -rf {folder}")


def besiege(front: Front, of: str, ports: tuple[int, int], sessions: dict[str, str]) -> Siege:
    """Everything: all requests by all visitors, and all certificates; somebody who must get in comes in between."""
    siege = Siege(of, dict(zip(ports, ("443", "8443"), strict=True)))
    visitors = front.visitors(ports, sessions)
    jane = next(visitor for visitor in visitors if visitor.name == PERSON)
    for visitor in visitors:
        for protocol in PROTOCOLS:
            siege.attack(ATTACKS, visitor, protocol, jane if visitor.identity is None else visitor)
    revoked = Crafted("revoked", lambda _: [front.revoked], REFUSED_HANDSHAKE)
    none = Crafted("none", lambda _: [], REFUSED_HANDSHAKE)
    for number, crafted in enumerate((*CERTIFICATES, revoked, none)):
        for protocol, tls in LINES:
            siege.show(crafted, front.door(ports[1], *crafted.make(front.authorities), tls=tls), protocol)
            if number % CONTROL_EVERY == 0:
                siege.control(jane, protocol)
    return siege


def test_nobody_gets_in_as_anybody_else(front: Front, sessions: dict[str, str], record_property: Record) -> None:
    siege = besiege(front, "the templates", (443, 8443), sessions)
    record_property("attacks", (siege.of, list(siege.rows())))
    assert not siege.wrong, "\n".join(siege.wrong)
    assert siege.through == []
    assert {(door, protocol) for door, protocol, cases, _ in siege.rows() if cases > 100} == {
        (door, protocol) for door in ("443", "8443") for protocol in PROTOCOLS
    }


def test_the_documents_own_rules_let_them_in(
    front: Front, naive: None, sessions: dict[str, str], record_property: Record
) -> None:
    """What was measured of them: any certificate's holder is root for the asking, and so is a crafted subject."""
    siege = besiege(front, "the document's own rules", (NAIVE_PORTS["port"], NAIVE_PORTS["cert_port"]), sessions)
    record_property("attacks", (siege.of, list(siege.rows())))
    got_in = {(protocol, name) for door, protocol, name in siege.through if door == "8443"}
    for protocol in PROTOCOLS:
        for asked in ("X-Shib-Userid: root", "x-shib-userid: root", "X-SHIB-USERID: root"):
            assert (protocol, asked) in got_in, asked
    certificates = {name for _, name in got_in}
    for subject in FORGED:
        assert subject in certificates, subject


def test_a_tls_session_of_one_port_is_none_of_the_other(front: Front) -> None:
    """Begun without a certificate, where none is asked for: resumed at the other port it must not pass for one."""
    for tls in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        people = front.door(443, tls=tls)
        with Http1(people) as line:
            assert line.ask(GET).status == 302
            session = line.session()
        assert session
        with Http1(replace(people, session=session)) as line:
            assert line.ask(GET).status == 302
            assert line.resumed(), "the control: the session is good where it was begun"
        with Http1(replace(people, port=8443, session=session)) as line:
            assert line.ask(GET).status == REFUSED_HANDSHAKE


def test_without_tls_there_is_no_way_to_the_app_nor_to_apaches_status(front: Front) -> None:
    record = front.site.record(HOST)
    for path, status in ((b"/poms", 404), (b"/poms/", 404), (b"/server-status", 403)):
        request = b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nX-Shib-Userid: root\r\n\r\n"
        for port, due in ((80, status), (443, 400), (8443, 400)):
            with socket.create_connection((record.address, port), 10) as line:
                line.sendall(request)
                assert int(line.recv(1000).split()[1]) == due, (path, port)
