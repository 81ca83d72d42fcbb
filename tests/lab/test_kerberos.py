"""Getting in with a Kerberos ticket, no key and no password; and each way in which that fails, told apart."""

import os
import re
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab import kdc
from tests.lab.messages import NO_KEY
from tests.lab.site import Said, Site

PRINCIPAL = f"jdoe@{kdc.REALM}"


@dataclass
class Operator:
    """Somebody with a home of their own, tickets in it, and an inventory that wants Kerberos and has no key."""

    site: Site
    home: Path
    inventory: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def cache(self) -> Path:
        """The tickets."""
        return self.home / "tickets"

    def kerberos(self, *words: str, typed: str = "") -> str:
        """Run a tool of Kerberos's own."""
        done = subprocess.run(
            words,
            env=os.environ | self.environment,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def kinit(self, name: str = "jdoe", *options: str) -> None:
        """Get a ticket with the password."""
        self.kerberos("kinit", *options, name, typed=self.site.lab.password.read_text())

    def fab(self, *words: str, host: str = "pomsgpvm01") -> Said:
        """Run fab."""
        return self.site.fab("-H", host, *words, home=self.home, inventory=self.inventory, extra=self.environment)

    def refused(self, *told: str) -> str:
        """What fab says when it does not get in, which must hold these texts."""
        said = self.fab("check-apache")
        assert said.code == 1, said.all
        words = " ".join(said.err.split())
        assert [text for text in told if text not in words] == [], said.err
        return words

    def set(self, key: str, value: str) -> None:
        """Change what the inventory says of ssh."""
        text = self.inventory.read_text()
        self.inventory.write_text(text.replace("[defaults.ssh]\n", f"[defaults.ssh]\n{key} = {value}\n"))

    def krb5_conf(self, kdc_address: str) -> None:
        """Have this operator's Kerberos look for the KDC there."""
        text = self.site.lab.krb5_conf.read_text()
        (self.home / "krb5.conf").write_text(re.sub(r"kdc = \S+", f"kdc = {kdc_address}", text))
        self.environment["KRB5_CONFIG"] = str(self.home / "krb5.conf")


@pytest.fixture(scope="module")
def patient(site: Site) -> Iterator[Site]:
    """Hosts that do not bar an address for a while after logins that failed, as OpenSSH 9.8 and later do."""
    knows = "/usr/sbin/sshd -t -o PerSourcePenalties=no 2>/dev/null"
    told = "echo 'PerSourcePenalties no' >>/etc/ssh/sshd_config; pkill -HUP -o -x sshd"
    for host in ("pomsgpvm01", "fermicloud045"):
        site.root(f"if {knows}; then cp -p /etc/ssh/sshd_config /root/sshd_config; {told}; fi", host)
    yield site
    for host in ("pomsgpvm01", "fermicloud045"):
        kept = "mv /root/sshd_config /etc/ssh/sshd_config; pkill -HUP -o -x sshd"
        site.root(f"if [ -e /root/sshd_config ]; then {kept}; fi", host)


@pytest.fixture
def operator(patient: Site, tmp_path: Path) -> Operator:
    """One without a ticket."""
    inventory = patient.changed(tmp_path)
    text = re.sub(r"identity_file = .*\n", "", inventory.read_text())
    inventory.write_text(text.replace("[defaults.ssh]\n", "[defaults.ssh]\nkerberos = true\n"))
    environment = {"KRB5_CONFIG": str(patient.lab.krb5_conf), "KRB5CCNAME": f"FILE:{tmp_path}/tickets"}
    return Operator(patient, tmp_path, inventory, environment)


@pytest.fixture
def jdoe(operator: Operator) -> Operator:
    """One with a ticket, whom ~poms/.k5login names."""
    operator.kinit()
    return operator


@pytest.fixture
def keytab(site: Site) -> Iterator[Path]:
    """The host's keytab, as this machine sees it; made anew afterwards."""
    keytab = Path(f"/proc/{site.record().pid}/root/etc/krb5.keytab")
    yield keytab
    keytab.unlink(missing_ok=True)
    kdc.introduce(site.lab, site.record("kdc"), [site.record()])


def test_kerberos_ticket_logs_in_and_release_names_principal(jdoe: Operator) -> None:
    jdoe.site.root("echo '# by hand' >>/etc/httpd/conf.d/cert_ssl.conf")  # so that there is something to deploy
    assert jdoe.fab("deploy", "--yes", "--force").code == 0
    releases = jdoe.fab("releases")
    assert PRINCIPAL in releases.out.splitlines()[-1], releases.all
    doctor = jdoe.fab("doctor")
    assert f"logged in as principal {PRINCIPAL}" in doctor.out, doctor.all


# --- who gets in ------------------------------------------------------------------------------------------------


def test_login_uses_key_if_kerberos_ticket_is_missing_or_refused(operator: Operator) -> None:
    key = ("-i", str(operator.site.lab.identity_file))
    assert operator.fab(*key, "status").code in (0, 2)
    operator.kinit("zoe")
    assert operator.fab(*key, "status").code in (0, 2)


def test_ssh_config_alone_turns_on_kerberos_for_jump_hosts(jdoe: Operator) -> None:
    site = jdoe.site
    address, jump = site.address(), site.address("fermicloud045")
    (jdoe.home / ".ssh").mkdir()
    config = f"Host {address}\n  ProxyJump poms@{jump}\nHost {jump}\n  GSSAPIServerIdentity {{name}}.poms.example\n"
    config += "Host *\n  GSSAPIAuthentication yes\n"
    jdoe.inventory.write_text(jdoe.inventory.read_text().replace("kerberos = true\n", ""))
    (jdoe.home / ".ssh/config").write_text(config.format(name="fermicloud045"))
    said = jdoe.fab("status")
    assert said.code in (0, 2), said.all
    (jdoe.home / ".ssh/config").write_text(config.format(name="nobody"))
    jdoe.refused(f"on the way there, jump host {jump}", "no principal host/nobody.poms.example")
    (jdoe.home / ".ssh/config").write_text("Host *\n  GSSAPIAuthentication yes\n")
    jdoe.set("kerberos", "false")
    assert "Kerberos" not in jdoe.refused(NO_KEY)


def test_kerberos_ticket_is_delegated_only_if_ssh_config_allows(jdoe: Operator) -> None:
    site, there = jdoe.site, "/tmp/went_along"
    (jdoe.home / ".ssh").mkdir()
    site.poms(f"cd; cp .bashrc .bashrc.kept; echo 'cp \"${{KRB5CCNAME#FILE:}}\" {there} 2>/dev/null' >>.bashrc")
    try:
        assert jdoe.fab("status").code in (0, 2)
        assert site.root(f"ls {there} 2>&1 || :").startswith("ls: cannot access")
        (jdoe.home / ".ssh/config").write_text(f"Host {site.address()}\n  GSSAPIDelegateCredentials yes\n")
        assert jdoe.fab("status").code in (0, 2)
        assert f"Default principal: {PRINCIPAL}" in site.root(f"klist {there}")
    finally:
        site.poms(f"cd; mv .bashrc.kept .bashrc; rm -f {there}")


# --- who does not, and what to type -------------------------------------------------------------------------------


def test_missing_kerberos_ticket_is_reported(operator: Operator) -> None:
    operator.refused("you have no Kerberos ticket", "what to do: kinit")


def test_expired_kerberos_ticket_is_reported(operator: Operator) -> None:
    operator.kinit("jdoe", "-l", "1s")
    time.sleep(2.5)  # Kerberos counts whole seconds
    operator.refused("your Kerberos ticket has expired", "what to do: kinit")


def test_principal_missing_in_k5login_is_reported(operator: Operator) -> None:
    operator.kinit("zoe")
    zoe = f"zoe@{kdc.REALM}"
    operator.refused(f"knows you as {zoe}, and does not let you in", f"add the line {zoe} to ~poms/.k5login")


def test_host_unknown_to_kdc_is_reported(jdoe: Operator) -> None:
    text = jdoe.inventory.read_text()
    jdoe.inventory.write_text(text.replace('kerberos_host = "pomsgpvm01.', 'kerberos_host = "nobody.'))
    jdoe.refused("no principal host/nobody.poms.example", "ssh.kerberos_host in the inventory")


def test_wrong_missing_or_old_keytab_is_reported(jdoe: Operator, keytab: Path) -> None:
    kept = keytab.read_bytes()
    other = Path(f"/proc/{jdoe.site.record('fermicloud045').pid}/root/etc/krb5.keytab")
    keytab.write_bytes(other.read_bytes())
    none = "the host has no key of its own for Kerberos", "one for host/pomsgpvm01.poms.example in /etc/krb5.keytab"
    jdoe.refused(*none)
    keytab.unlink()
    jdoe.refused(*none)
    keytab.write_bytes(kept)
    kdc.kadmin(jdoe.site.record("kdc"), "cpw -randkey host/pomsgpvm01.poms.example")
    jdoe.kinit()
    jdoe.refused("the host's key is not the one that the KDC has", "root there has to renew /etc/krb5.keytab")


def test_clock_skew_is_reported(jdoe: Operator) -> None:
    jdoe.kerberos("kvno", "-q", "host/pomsgpvm01.poms.example")
    for offset in (3600, -3600):
        shift(jdoe.cache, offset)
        jdoe.refused("the clocks of this machine, the host and the KDC differ", "set the wrong clock")


def shift(cache: Path, seconds: int) -> None:
    """Have the tickets' user send a time that is so far off: the file's header (its tag 1) says how far to go."""
    content = cache.read_bytes()
    (length,) = struct.unpack(">H", content[2:4])
    header = struct.pack(">HHii", 1, 8, seconds, 0)
    cache.write_bytes(content[:2] + struct.pack(">H", len(header)) + header + content[4 + length :])


def test_absent_or_silent_kdc_is_reported(jdoe: Operator) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
        udp.bind(("127.0.0.1", 0))
        tcp.bind(udp.getsockname())
        address = f"127.0.0.1:{udp.getsockname()[1]}"
        jdoe.krb5_conf(address)
        tcp.listen()
        jdoe.set("connect_timeout", "2")
        jdoe.refused("the KDC does not answer within 2 seconds", "/etc/krb5.conf names the KDCs")
    jdoe.refused("no KDC can be reached", "/etc/krb5.conf names the KDCs")


def test_host_refusing_kerberos_or_requiring_second_factor_is_reported(jdoe: Operator) -> None:
    site, config, kept = jdoe.site, "/etc/ssh/sshd_config", "/root/sshd_config.kept"
    restart = "kill -HUP $(cat /run/sshd.pid)"
    site.root(f"cp {config} {kept}")
    try:
        site.root(f"sed -i 's/^GSSAPIAuthentication .*/GSSAPIAuthentication no/' {config}; {restart}")
        jdoe.refused("the host accepts no Kerberos tickets", "GSSAPIAuthentication yes")
        site.root(f"(echo AuthenticationMethods gssapi-with-mic,publickey; cat {kept}) >{config}; {restart}")
        jdoe.refused(f"the host knows you as {PRINCIPAL}, and requires more than that: publickey")
    finally:
        site.root(f"mv {kept} {config}; {restart}")


def test_missing_kerberos_library_is_reported_only_if_key_fails(jdoe: Operator) -> None:
    (jdoe.home / "gssapi.py").write_text("raise ImportError\n")
    jdoe.environment["PYTHONPATH"] = str(jdoe.home)
    jdoe.refused("this installation of poms-ops has no Kerberos", "make kerberos")
    assert jdoe.fab("-i", str(jdoe.site.lab.identity_file), "status").code in (0, 2)
