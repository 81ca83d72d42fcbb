"""What cannot be validated is not deployed: whatever the account's profile and the host's tools are like."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab.messages import UNTOUCHED
from tests.lab.site import PYTHON, Said, Site, until

SSL, CERT_SSL = "/etc/httpd/conf.d/ssl.conf", "/etc/httpd/conf.d/cert_ssl.conf"
OLD_VHOST = "/etc/httpd/conf.d/a_left_over.conf"
HOST = "pomsgpvm01"

# Habits of real accounts: a proxy, a zone, places that do not exist, functions and files that bash reads by itself.
PROFILE = """
export http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 ALL_PROXY=socks5://127.0.0.1:9
export TZ=Asia/Tokyo OPENSSL_CONF=/no/such/openssl.cnf TMPDIR=/no/such/folder BASH_ENV=/home/poms/bash_env
export GREP_OPTIONS=-v POSIXLY_CORRECT=1 PATH=/home/poms/bin:/usr/local/bin:/usr/bin:/bin
curl() { return 7; }; awk() { return 1; }; openssl() { return 1; }
export -f curl awk openssl
"""


@contextmanager
def on_host(site: Site, does: str, undoes: str) -> Iterator[None]:
    """Shell text of root's, and its undoing."""
    site.root(does)
    try:
        yield
    finally:
        site.root(undoes)


@pytest.fixture
def rude(deployed: Site) -> Iterator[Site]:
    """A host whose account has such a profile, and, as on Red Hat, no ip and ss outside sbin."""
    does = f"""cp -p /home/poms/.bashrc /root/bashrc; cat >>/home/poms/.bashrc <<'END_OF_PROFILE'
{PROFILE}END_OF_PROFILE
echo 'echo from bash_env; exit 3' >/home/poms/bash_env
mkdir -p /home/poms/bin; printf '#!/bin/sh\\nexit 1\\n' >/home/poms/bin/sha256sum; chmod 755 /home/poms/bin/sha256sum
echo 'proxy = http://127.0.0.1:9' >/home/poms/.curlrc
[ ! -e /usr/bin/ip ] || mv /usr/bin/ip /usr/bin/ss /usr/sbin/"""
    undoes = """mv /root/bashrc /home/poms/.bashrc; rm -rf /home/poms/bash_env /home/poms/bin /home/poms/.curlrc
[ -e /usr/bin/ip ] || mv /usr/sbin/ip /usr/sbin/ss /usr/bin/"""
    with on_host(deployed, does, undoes):
        yield deployed


def changed(site: Site, folder: Path, *more: tuple[str, str], depth: int = 3) -> Path:
    """An inventory that changes one of Apache's files, and whatever `more` says."""
    return site.changed(folder, ("[defaults.apache]\n", f"[defaults.apache]\nverify_depth = {depth}\n"), *more)


def with_deploy(*lines: str) -> tuple[str, str]:
    return "[defaults.ssh]\n", "[defaults.deploy]\n" + "".join(f"{line}\n" for line in lines) + "\n[defaults.ssh]\n"


def last_release(site: Site, inventory: Path | None = None) -> dict[str, Any]:
    said = site.fab("-H", HOST, "releases", "--json", inventory=inventory)
    found: dict[str, Any] = json.loads(said.out)[HOST][-1]
    return found


def state(site: Site) -> tuple[str, tuple[int, int, int]]:
    return site.root(f"cat {SSL} {CERT_SSL} | sha256sum"), site.apache()


def refused(said: Said, before: object, after: object) -> bool:
    """Whether a deploy failed, and changed nothing."""
    return said.code == 1 and before == after and UNTOUCHED in said.err


@pytest.mark.exhaustive
def test_noisy_profile_does_not_weaken_validation(rude: Site, tmp_path: Path) -> None:
    said = rude.fab("deploy", "--yes", inventory=changed(rude, tmp_path))
    assert said.code == 0, said.all
    assert last_release(rude)["facts"]["validation"] == "identity-probe"
    assert rude.fab("-H", HOST, "doctor").code == 0
    assert rude.fab("-H", HOST, "status").code == 0
    assert rude.fab("-H", HOST, "restart-programs", "--yes").code == 0
    assert rude.ask("https://HOST:8443/poms", *rude.certificate("jdoe"))[0] == 200


@pytest.mark.exhaustive
def test_noisy_profile_does_not_hide_leftover_virtual_host(rude: Site, tmp_path: Path) -> None:
    """It believes what a client says of itself, and comes before ours on the same port."""
    vhost = rude.read(CERT_SSL).partition("<VirtualHost")[2].replace(" early", "", 1)
    vhost = "\n".join(line for line in vhost.splitlines() if "RequestHeader" not in line)
    with on_host(rude, f"cat >{OLD_VHOST} <<'END_OF_FILE'\n<VirtualHost{vhost}\nEND_OF_FILE", f"rm {OLD_VHOST}"):
        before = state(rude)
        said = rude.fab("deploy", "--yes", inventory=changed(rude, tmp_path, depth=4))
        assert refused(said, before, state(rude)), said.all
        assert "GOT IN" in said.err


def test_validation_below_minimum_needs_unvalidated_flag(deployed: Site, tmp_path: Path) -> None:
    with on_host(deployed, "chmod 700 /usr/bin/unshare", "chmod 755 /usr/bin/unshare"):
        before = state(deployed)
        inventory = changed(deployed, tmp_path, depth=5)
        said = deployed.fab("deploy", "--yes", inventory=inventory)
        assert refused(said, before, state(deployed)), said.all
        assert "configtest" in said.err
        assert "--unvalidated" in said.err
        assert deployed.fab("-H", HOST, "doctor").code == 2

        said = deployed.fab("deploy", "--yes", "--unvalidated", inventory=inventory)
        assert said.code == 0, said.all
        release = last_release(deployed)
        assert release["facts"]["validation"] == "configtest"
        assert any("--unvalidated" in what for what in release["unvalidated"])
        seen = json.loads(deployed.fab("-H", HOST, "status", "--json", inventory=inventory).out)[HOST]
        assert (seen["validation"]["reached"], seen["validation"]["minimum"]) == ("configtest", "identity-probe")
        assert "validation" in [finding["what"] for finding in seen["findings"]]


@pytest.mark.exhaustive
def test_lowered_validation_minimum_is_shown_with_reason(deployed: Site, tmp_path: Path) -> None:
    lower = with_deploy('validation = "configtest"', 'validation_reason = "no user namespaces here"')
    inventory = changed(deployed, tmp_path, lower, depth=6)
    with on_host(deployed, "chmod 700 /usr/bin/unshare", "chmod 755 /usr/bin/unshare"):
        said = deployed.fab("deploy", "--yes", inventory=inventory)
        assert said.code == 0, said.all
        seen = json.loads(deployed.fab("-H", HOST, "status", "--json", inventory=inventory).out)[HOST]
        assert seen["validation"]["reason"] == "no user namespaces here"
        assert "validation" not in [finding["what"] for finding in seen["findings"]]


@pytest.mark.exhaustive
def test_validation_works_with_old_unshare(deployed: Site, tmp_path: Path) -> None:
    """util-linux before 2.36, as on EL8, knows no --map-user; newer ones write it otherwise in their help."""
    shim = """mv /usr/bin/unshare /usr/bin/unshare.real; cat >/usr/bin/unshare <<'END_OF_FILE'
#!/bin/sh
for word; do
    case $word in --map-user* | --map-group* | --help) echo "unshare: unrecognized option" >&2; exit 1 ;; esac
done
exec /usr/bin/unshare.real "$@"
END_OF_FILE
chmod 755 /usr/bin/unshare"""
    with on_host(deployed, shim, "mv /usr/bin/unshare.real /usr/bin/unshare"):
        said = deployed.fab("deploy", "--yes", inventory=changed(deployed, tmp_path, depth=7))
        assert said.code == 0, said.all
        assert last_release(deployed)["facts"]["validation"] == "identity-probe"


@pytest.mark.exhaustive
def test_unwritable_uwsgi_log_is_rejected_before_any_change(deployed: Site, tmp_path: Path) -> None:
    master, states = deployed.workers()["pid"], deployed.program_states()
    option = "memory-report = true\n", 'memory-report = true\nlogto = "/home/poms/no/such/folder/uwsgi.log"\n'
    said = deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, option))
    assert said.code == 1
    assert "/home/poms/no/such/folder" in said.err
    assert UNTOUCHED in said.err
    assert (deployed.workers()["pid"], deployed.program_states()) == (master, states)


def test_release_record_names_what_was_not_validated(deployed: Site, tmp_path: Path) -> None:
    option = "memory-report = true\n", 'memory-report = true\nlogto = "/home/poms/private/logs/poms/uwsgi.log"\n'
    said = deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, option))
    assert said.code == 0, said.all
    assert any("logto" in what for what in last_release(deployed)["unvalidated"])


@pytest.mark.exhaustive
def test_port_used_by_other_daemon_is_rejected_before_any_change(deployed: Site, tmp_path: Path) -> None:
    before = state(deployed)
    listens = "import socket, time; server = socket.create_server(('', 9443)); time.sleep(300)"
    deployed.root(f'setsid runuser -u apache -- {PYTHON} -c "{listens}" >/dev/null 2>&1 &')
    until(lambda: ":9443 " in deployed.root("ss -ltn"), 10, "somebody listens")
    try:
        inventory = changed(deployed, tmp_path, ("[defaults.apache]", "[defaults.apache]\ncert_port = 9443"), depth=8)
        said = deployed.fab("deploy", "--yes", inventory=inventory)
        assert refused(said, before, state(deployed)), said.all
        assert "port 9443" in said.err
        assert "apache" in said.err
    finally:
        deployed.root("pkill -u apache -x python3")


@pytest.fixture
def another_certificate(deployed: Site) -> Iterator[Site]:
    """The host's certificate replaced by one that has another key; the key, which root alone reads, stays."""
    place = "/etc/grid-security"
    does = f"""cp -p {place}/hostcert.pem /root/hostcert.pem; sleep 1
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 99 -subj /CN=other \
    -keyout /root/other.key -out {place}/hostcert.pem 2>/dev/null"""
    with on_host(deployed, does, f"cp -p /root/hostcert.pem {place}/hostcert.pem; service httpd graceful; sleep 1"):
        yield deployed


def test_deploy_detects_unreadable_key_that_mismatches_certificate(another_certificate: Site, tmp_path: Path) -> None:
    site = another_certificate
    before = state(site)
    said = site.fab("deploy", "--yes", inventory=changed(site, tmp_path, depth=9))
    assert refused(said, before, state(site)), said.all
    assert "hostkey.pem" in said.err
    found = json.loads(site.fab("-H", HOST, "certs", "--json").out)[HOST]
    served = [one for one in found if one["kind"] == "served"]
    assert served
    assert all(one["due"] for one in served)
    assert site.fab("-H", HOST, "status").code == 2


@pytest.mark.exhaustive
def test_port_that_only_accepts_connections_is_not_serving(deployed: Site) -> None:
    """Apache's children are stopped, and the kernel goes on accepting for them."""
    with on_host(deployed, "pkill -STOP -u apache -x httpd", "pkill -CONT -u apache -x httpd"):
        with socket.create_connection((deployed.address(), 443), 5):
            pass
        seen = json.loads(deployed.fab("-H", HOST, "status", "--json").out)[HOST]
        assert seen["ports"] == {"443": False, "8443": False}


@pytest.mark.exhaustive
def test_verify_depth_that_accepts_forged_users_is_refused(deployed: Site, tmp_path: Path) -> None:
    """The other CA may issue one of the users' CA's name; where there is none, the question is named as left out."""
    said = deployed.fab("deploy", "--yes", inventory=changed(deployed, tmp_path, depth=2))
    assert said.code == 0, said.all
    assert any("CA below another" in what for what in last_release(deployed)["unvalidated"])
    cas = "/etc/httpd/TrustedCAs"
    does = f"""openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 9 -subj /CN=Second \\
    -keyout /dev/null -out {cas}/second.pem 2>/dev/null; openssl rehash {cas}"""
    with on_host(deployed, does, f"rm {cas}/second.pem; openssl rehash {cas}"):
        before = state(deployed)
        said = deployed.fab("deploy", "--yes", inventory=changed(deployed, tmp_path, depth=3))
        assert refused(said, before, state(deployed)), said.all
        assert "GOT IN" in said.err
