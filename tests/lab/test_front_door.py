"""The front door under attack: the deployed templates let nobody be anybody else; the document's own rules do."""

import shutil
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from lab.certificates import PEOPLE
from ops.inventory.loader import read_inventory
from ops.rendering.renderer import render
from ops.rendering.template_tree import TemplateTree
from tests.lab.attacks import ATTACKS
from tests.lab.crafted import CERTIFICATES, ROOT, Crafted
from tests.lab.front import HOST, PERSON, Front
from tests.lab.login import session
from tests.lab.scanner import accepted, scan
from tests.lab.siege import CONTROL_EVERY, Protocol, Siege
from tests.lab.wire import REFUSED_HANDSHAKE, Http1

NAIVE = Path(__file__).parent / "naive"
NAIVE_PORTS = {"port": 1443, "cert_port": 18443}
Record = Callable[[str, object], None]
PROTOCOLS: tuple[Protocol, ...] = ("HTTP/1.1", "HTTP/2")
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


@pytest.fixture(scope="module")
def sessions(front: Front) -> dict[str, str]:
    """The cookies of those who are logged in on 443, by user: whoever is in here attacks as well."""
    return {"jdoe": session(front.site, "jdoe")}


@pytest.fixture(scope="module")
def naive(front: Front, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A second Apache on the same host with the document's own rules, before the same app."""
    site = front.site
    host = read_inventory(site.lab.inventory).hosts[HOST]
    host = structs.replace(host, apache=structs.replace(host.apache, **NAIVE_PORTS))
    folder = "/tmp/naive"
    main = (
        "ServerRoot /etc/httpd\nInclude conf.modules.d/*.conf\nLoadModule mod_shib modules/mod_shib.so\n"
        f"User apache\nGroup apache\nPidFile {folder}/httpd.pid\nDefaultRuntimeDir {folder}\nErrorLog {folder}/log\n"
        f"ServerName {host.apache.server_name}\nTypesConfig /etc/mime.types\nInclude {folder}/*.conf\n"
    )
    site.root(f"mkdir -p {folder}; cat >{folder}/main <<'END'\n{main}END")
    tree = tmp_path_factory.mktemp("rules") / "naive"  # compiled templates are kept beside their tree
    shutil.copytree(NAIVE, tree)
    for file in render(host, TemplateTree(tree)):
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
        chain = crafted.make(front.authorities)
        for protocol, tls in LINES:
            siege.show(crafted, front.door(ports[1], *chain, tls=tls), protocol)
            if number % CONTROL_EVERY == 0:
                siege.control(jane, protocol)
    return siege


def test_deployed_rules_reject_every_forged_identity(
    front: Front, sessions: dict[str, str], record_property: Record
) -> None:
    siege = besiege(front, "the templates", (443, 8443), sessions)
    record_property("attacks", (siege.of, list(siege.rows())))
    assert not siege.wrong, "\n".join(siege.wrong)
    assert siege.through == []
    assert {(door, protocol) for door, protocol, cases, _ in siege.rows() if cases > 100} == {
        (door, protocol) for door in ("443", "8443") for protocol in PROTOCOLS
    }


@pytest.mark.exhaustive
def test_reference_rules_accept_forged_identities(
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


def test_tls_session_is_not_resumed_at_certificate_port(front: Front) -> None:
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


def test_plain_http_reaches_neither_app_nor_server_status(front: Front) -> None:
    record = front.site.record(HOST)
    for path, status in ((b"/poms", 404), (b"/poms/", 404), (b"/server-status", 403)):
        request = b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nX-Shib-Userid: root\r\n\r\n"
        for port, due in ((80, status), (443, 400), (8443, 400)):
            with socket.create_connection((record.address, port), 10) as line:
                line.sendall(request)
                assert int(line.recv(1000).split()[1]) == due, (path, port)


def test_third_party_scanner_finds_only_modern_tls(front: Front, tmp_path: Path) -> None:
    found, issues = scan(front, tmp_path)
    assert set(found) == {443, 8443}
    for port, results in found.items():
        for version in ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"):
            assert accepted(results, version) == [], (port, version)
        assert set(accepted(results, "tls_1_2")) == {
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        }
        assert accepted(results, "tls_1_3")
        # All that Mozilla's recommendation has against it: no browser knows the lab's CA.
        assert issues[port] == ["certificate_path_validation"]
