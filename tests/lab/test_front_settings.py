"""What the inventory says of Apache, and what visitors then get: mail, limits, headers, revocation, HTTP/2."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from tests.lab.crafted import JANE, signed
from tests.lab.front import HOST, Front
from tests.lab.siege import seen_by_the_app
from tests.lab.wire import REFUSED_HANDSHAKE, Answer, Door, Http1, Http2

MAIL = "X-Shib-Email"
Deploy = Callable[..., None]


@pytest.fixture
def deploy(front: Front, tmp_path: Path) -> Deploy:
    """Deploys the lab's inventory with lines added to its tables."""

    def with_lines(**lines: str) -> None:
        tables = {table: f"[defaults.{table}]\n" for table in lines}
        changes = [(head, f"{head}{lines[table]}\n") for table, head in tables.items() if table != "app"]
        if "app" in lines:  # a table that the lab's inventory does not have
            changes.append(("[defaults.uwsgi]\n", f"{tables['app']}{lines['app']}\n[defaults.uwsgi]\n"))
        front.site.fab("-H", HOST, "deploy", "--yes", inventory=front.site.changed(tmp_path, *changes), check=True)

    return with_lines


def get(door: Door, path: str = "/poms", lines: bytes = b"") -> Answer:
    with Http1(door) as line:
        return line.ask(f"GET {path} HTTP/1.1\r\nHost: {door.server_name}\r\n".encode() + lines + b"\r\n")


def get2(door: Door, path: str = "/poms") -> Answer:
    values = {":method": "GET", ":scheme": "https", ":authority": door.server_name, ":path": path}
    with Http2(door) as line:
        return line.ask([(name.encode(), value.encode()) for name, value in values.items()])


def upload(door: Door, body: bytes, pause: float = 0) -> Answer:
    """A POST whose second half comes after a pause."""
    half = len(body) // 2
    head = f"POST /poms HTTP/1.1\r\nHost: {door.server_name}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with Http1(door) as line:
        if pause:
            line.send(head + body[:half])
            time.sleep(pause)
            return line.ask(body[half:])
        return line.ask(head + body)


def mail_of(front: Front, *addresses: bytes) -> str | None:
    """The address that the app is told of the bearer of a certificate with these, who claims another."""
    names = b"".join(b"\x81" + bytes([len(address)]) + address for address in addresses)  # rfc822Name, in DER
    written = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\x30" + bytes([len(names)]) + names)
    pair = signed(JANE, front.authorities.people, extensions=[(written, False)] if addresses else [])
    answer = get(front.door(8443, pair), lines=b"X-Shib-Email: root@poms.example\r\n")
    assert answer.status == 200
    return (seen_by_the_app(answer) or {}).get(MAIL)


@pytest.mark.exhaustive
def test_mail_from_the_certificate_limits_and_headers(front: Front, deploy: Deploy) -> None:
    limits = "client_timeout = 2\nupload_limit = 1\nhsts = 3600"
    deploy(identity='certificate_email = "extension"', apache=limits, app="timeout = 4")

    assert mail_of(front, b"jane.doe@poms.example") == "jane.doe@poms.example"
    assert mail_of(front, b"jane.doe@poms.example", b"root@poms.example") == "jane.doe@poms.example"
    assert mail_of(front) is None
    for none in (
        b"jane",
        b"a@b\r\nX-Shib-Userid: root",
        b"a@b\0",
        b"<a@b>",
        b"a@b,c@d",
        b"a@b@c",
        b"\xffa@b",
        b"%{id_user}e@b",
    ):
        assert mail_of(front, none) is None, none

    jane, stranger = front.lab_door(8443, "jdoe"), front.door(443)
    for answer in (get(jane), get(jane, "/"), get(stranger), get(stranger, "/"), get(jane, "/poms/none")):
        assert answer.headers["strict-transport-security"] == "max-age=3600"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["server"] == "Apache"

    with ThreadPoolExecutor() as pool:
        launches = [
            pool.submit(get, jane, "/poms/slow?seconds=3"),
            pool.submit(get2, front.lab_door(8443, "jdoe"), "/poms/slow?seconds=3"),
        ]
        endless = pool.submit(get, jane, "/poms/slow?seconds=6")
        assert upload(jane, b"a" * 1_000_000).status == 200
        assert upload(jane, b"a" * 1_100_000).status == 413
        assert [launch.result().status for launch in launches] == [200, 200], "longer than a client may be silent"
        assert endless.result().status == 500


@pytest.mark.exhaustive
def test_several_certificate_addresses_follow_several_values_setting(front: Front, deploy: Deploy) -> None:
    one, two, three = (f"{name}@x.org".encode() for name in ("jane", "root", "x"))
    for choice, of_two, of_three, of_more in (
        ("first", one, one, one),
        ("join", one + b";" + two, one + b";" + two + b";" + three, b";".join([one, *[two] * 7])),
        ("omit", None, None, None),
    ):
        deploy(identity=f'certificate_email = "extension"\nseveral_values = "{choice}"')
        known = [mail_of(front, *addresses) for addresses in ((one, two), (one, two, three), (one, *[two] * 9))]
        assert known == [value and value.decode() for value in (of_two, of_three, of_more)], choice
        assert [mail_of(front), mail_of(front, one)] == [None, one.decode()], choice


def test_apache_applies_mail_pattern_revocation_and_upload_settings(front: Front, deploy: Deploy) -> None:
    deploy(
        identity='certificate_email = "{user}@poms.example"\ndropped_headers = ["X-Own"]',
        apache='http2 = false\nrevocation = "required"\nresponse_headers = { X-Robots-Tag = "no%index" }',
    )
    jane = front.lab_door(8443, "jdoe")
    with ThreadPoolExecutor() as pool:
        paused = pool.submit(upload, jane, b"a" * 20, pause=5)
        assert mail_of(front) == "jdoe@poms.example"
        assert (seen_by_the_app(get(front.lab_door(8443, "service"))) or {})[MAIL] == "pomsagent@poms.example"
        assert get(front.door(8443, signed(JANE, front.authorities.other))).status == REFUSED_HANDSHAKE
        assert get(front.door(8443, front.revoked)).status == REFUSED_HANDSHAKE
        answer = get(jane)
        assert (answer.status, answer.headers["x-robots-tag"]) == (200, "no%index")
        assert "x-frame-options" not in answer.headers
        for door in (jane, front.door(443)):
            assert get2(door).status == REFUSED_HANDSHAKE, "no other protocol was offered"
        assert paused.result().status == 200, "an upload may pause"
