"""What is served counts, and not what lies on disk or what the kernel accepts."""

import json
import socket
import ssl
import time
from collections.abc import Iterator

import pytest

from lab.certificates import ensure_certificates
from tests.lab.bases import exhaustive
from tests.lab.crafted import JANE, Authorities, revocation_list, signed
from tests.lab.site import Site, until

HOST, CAS, KEY = "pomsgpvm01", "/etc/httpd/TrustedCAs", "/etc/grid-security/hostkey.pem"
CRON = "/etc/cron.d/poms"
SUDOERS = "/etc/sudoers.d/zz_test"


def due(site: Site, kind: str) -> list[bool]:
    found = json.loads(site.fab("-H", HOST, "certs", "--json").out)[HOST]
    return [one["due"] for one in found if one["kind"] == kind]


def findings(site: Site, what: str) -> list[dict[str, str]]:
    found = json.loads(site.fab("-H", HOST, "doctor", "--json").out)[HOST]
    return [one for one in found if one["what"] == what]


@pytest.fixture
def with_list(deployed: Site) -> Iterator[Site]:
    """A revocation list of the users' CA, which Apache has read."""
    authorities = Authorities(ensure_certificates(deployed.lab.certificates))
    text = revocation_list(authorities.people, [signed(JANE, authorities.people)]).decode()
    deployed.root(f"cat >{CAS}/list.pem <<'END'\n{text}END")
    deployed.root(f"openssl rehash {CAS}")
    deployed.fab("reload-apache", check=True)
    try:
        yield deployed
    finally:
        deployed.root(f"rm {CAS}/list.pem; openssl rehash {CAS}; service httpd graceful")


@pytest.mark.exhaustive
def test_revocation_list_not_reloaded_by_apache_needs_attention(with_list: Site) -> None:
    assert due(with_list, "revocations") == [False]
    with_list.root(f"cp -p {CAS}/list.pem /root/l && cat /root/l >{CAS}/list.pem")
    assert due(with_list, "revocations") == [True]
    assert with_list.fab("-H", HOST, "status").code == 2
    assert [one["level"] for one in findings(with_list, "certificates")] == ["error"]
    with_list.fab("reload-apache", check=True)
    assert due(with_list, "revocations") == [False]
    assert with_list.fab("-H", HOST, "status").code == 0


@pytest.mark.exhaustive
def test_doctor_names_what_reloads_revocation_lists(with_list: Site) -> None:
    (nobody,) = findings(with_list, "revocation lists")
    assert nobody["level"] == "warning"
    line = nobody["advice"].partition(": ")[2].partition(" (")[0]
    with_list.root(f"echo '# {line}' >{CRON}")  # a comment reloads nothing
    try:
        assert [one["level"] for one in findings(with_list, "revocation lists")] == ["warning"]
        with_list.root(f"echo '{line.replace('sudo', 'poms sudo', 1)}' >{CRON}")
        assert [one["level"] for one in findings(with_list, "revocation lists")] == ["ok"]
    finally:
        with_list.root(f"rm {CRON}")


@pytest.mark.parametrize("task", ["reload-apache", *exhaustive("restart-apache")])
def test_apache_killed_by_reload_is_reported_as_failed(deployed: Site, task: str) -> None:
    """The configuration test reads no key, and a signal is sent before anything is read."""
    deployed.root(f"cp -p {KEY} /root/key && echo garbage >{KEY}")
    try:
        assert deployed.fab(task).code == 1
        assert deployed.fab("-H", HOST, "status").code == 2
    finally:
        deployed.root(f"cp -p /root/key {KEY}; service httpd restart")
        until(lambda: deployed.ask("https://HOST/poms")[0] == 302, 20, "Apache answers again")


@pytest.mark.exhaustive
@pytest.mark.parametrize("option", ["requiretty", "listpw=always"])
def test_doctor_shows_message_of_sudo(deployed: Site, option: str) -> None:
    deployed.root(f"echo 'Defaults {option}' >{SUDOERS}")
    try:
        wrong = [one for one in findings(deployed, "sudo") if one["level"] == "error"]
    finally:
        deployed.root(f"rm {SUDOERS}")
    assert len(wrong) == 2  # restart and reload
    word = "tty" if option == "requiretty" else "listpw"
    assert all(word in f"{one['found']} {one['advice']}" and "sudo says" in one["found"] for one in wrong), wrong


def test_doctor_reports_host_without_writable_tmp(deployed: Site) -> None:
    deployed.root("chmod 700 /tmp")
    try:
        assert [one["level"] for one in findings(deployed, "temporary files")] == ["error"]
    finally:
        deployed.root("chmod 1777 /tmp")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_certificate_port_resumes_no_tls_session(deployed: Site, version: ssl.TLSVersion) -> None:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.minimum_version = made.maximum_version = version
    folder = deployed.lab.certificates
    made.load_cert_chain(folder / "jdoe.pem", folder / "jdoe.key")
    session = None
    for _ in range(3):
        time.sleep(2.1 if version == ssl.TLSVersion.TLSv1_2 else 0)  # there a second is allowed
        plain = socket.create_connection((deployed.address(), 8443), 10)
        with made.wrap_socket(plain, session=session) as tls:
            tls.sendall(b"GET /poms HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert tls.recv(12) == b"HTTP/1.1 200"
            while tls.recv(65536):
                pass
            assert not tls.session_reused
            session = tls.session
