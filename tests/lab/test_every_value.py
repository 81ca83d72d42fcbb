"""Every value that the inventory allows is deployed once, and the app is asked through both doors afterwards."""

import copy
import json
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.certificates import self_signed
from ops.formats.processes import all_names
from ops.inventory.defaults import host_from
from tests.every_value import (
    HOME,
    HOST_KEY,
    LAB_HOST,
    ODD_APACHE,
    ODD_HOME,
    ODD_STATE,
    PLAIN_CONFIG,
    PLAIN_LOGS,
    PLAIN_STATE,
    Table,
    inventory,
    rows,
    toml,
)
from tests.every_value import ODD as ODD_NAME
from tests.lab.bases import mostly_exhaustive
from tests.lab.front import Front
from tests.lab.site import Said, Site, until

# What is in the shell's variables is in no list of arguments' quotes.
FURNISH = """
cp -a /etc/httpd/TrustedCAs/. "$apache/CAs"; cp -a "$apache/CAs/attack3.pem" "$apache/list.pem"
rm -f "$apache"/CAs/attack* "$apache"/CAs/*.[0-9] "$apache"/CAs/*.r[0-9]  # a host that trusts one CA alone
mv "$apache/list.pem" "$apache/CAs/"; openssl rehash "$apache/CAs"
 cp -a /etc/shibboleth/sp-*.pem "$apache/sp"
echo 1 >/proc/sys/net/ipv4/ip_unprivileged_port_start
"""


@pytest.fixture(scope="module")
def host(front: Front) -> Iterator[Site]:
    """The lab host with the places that the table names, for as long as its values are deployed."""
    site = front.site
    # As certificates of the grid are: with ciphers that no other kind fits.
    rsa = self_signed(site.record().server_name)
    apache, logs, home = shlex.quote(ODD_APACHE), shlex.quote(f"/var/log/{ODD_NAME}"), shlex.quote(ODD_HOME)
    own = f"{HOME}/private/run {HOME}/private/cron {HOME}/private/own"
    site.root(f'apache={apache}; mkdir -p "$apache/CAs" "$apache/sp" {logs}\n{FURNISH}')
    site.root(f"cat >{apache}/host.pem <<'END'\n{rsa.pem.decode()}END\n")
    site.root(f"umask 077; cat >{apache}/host.key <<'END'\n{rsa.key_pem.decode()}END\n")
    site.root(f"install -d -o poms -g poms {HOME}/private {own} {home}")
    yield site
    shut_down(site)
    site.root("echo 1024 >/proc/sys/net/ipv4/ip_unprivileged_port_start")
    site.fab("-H", LAB_HOST, "deploy", "--yes", "--force", "--remove", check=True)
    # What is managed there is no longer known to the host's own record: the next file's deploys would take it over.
    left = " ".join(map(shlex.quote, (ODD_STATE, PLAIN_CONFIG, PLAIN_LOGS, PLAIN_STATE)))
    site.root(f"rm -rf {own} {home} {apache} {logs} {left}")


def shut_down(site: Site) -> None:
    """End supervisord and its programs: one on another socket is another one."""
    site.root("pkill -TERM -u poms -x supervisord || :")
    until(lambda: not site.root("pgrep -u poms -x 'supervisord|uwsgi' || :").strip(), 60, "supervisord has ended")


def placed(site: Site, folder: Path, table: Table) -> Path:
    """The inventory as a file, with the lab's own paths and key."""
    made = copy.deepcopy(table)
    (one,) = made["hosts"].values()
    key = " ".join(site.lab.known_hosts.read_text().splitlines()[0].split()[1:3])
    for name in ("known_hosts", "identity_file"):
        if name in one["ssh"]:
            one["ssh"][name] = str(site.lab.state / one["ssh"][name])
    if one["ssh"].get("host_keys"):
        one["ssh"]["host_keys"] = [key if text == HOST_KEY else text for text in one["ssh"]["host_keys"]]
    (folder / "certificates").symlink_to(site.lab.certificates)
    (folder / "secret file").write_text("from a file\n")
    (folder / "secret file").chmod(0o600)
    (folder / "command").write_text("#!/bin/sh\necho from a command\n")
    (folder / "command").chmod(0o755)
    path = folder / "hosts.toml"
    path.write_text(toml(made))
    return path


def page(site: Site, port: int, path: str, *options: str) -> tuple[int, str]:
    """Status and head or body of a page that is asked of the host's own address."""
    name = site.record().server_name
    done = subprocess.run(
        [
            *("curl", "-sS", "-k", "-m", "20", "--connect-to", f"::{site.address()}:", *options),
            *("-w", "\n%{http_code}", f"https://{name}:{port}{path}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    body, _, code = done.stdout.rpartition("\n")
    return int(code or 0), body or done.stderr


def fab(site: Site, folder: Path, words: list[str], table: Table) -> Said:
    """fab with that inventory, as its values need it."""
    (one,) = table["hosts"].values()
    settings: dict[str, Any] = {"extra": {"LAB_SECRET": "from a variable"}}
    if "secrets" in one:
        settings["project"] = folder / "checkout"
    if "address" in one and one["address"] == LAB_HOST:
        (folder / "ssh_config").write_text(f"Host {LAB_HOST}\n HostName {site.address()}\n")
        words = ["-S", str(folder / "ssh_config"), "-i", str(site.lab.identity_file), *words]
    return site.fab(*words, inventory=folder / "hosts.toml", **settings)


@contextmanager
def ssh_on(site: Site, port: int) -> Iterator[None]:
    """A second sshd on that port, if it is another one."""
    if port == 22:
        yield
        return
    site.root(f"/usr/sbin/sshd -p {port} -o PidFile=/run/sshd.more.pid")
    try:
        yield
    finally:
        site.root("kill $(cat /run/sshd.more.pid)")


last_socket: list[str] = []


@pytest.mark.parametrize("name", mostly_exhaustive(rows(), "places"))
def test_a_deploy_of_legal_values_serves_on_both_doors(host: Site, tmp_path: Path, name: str) -> None:
    lab = tomllib.loads(host.lab.inventory.read_text())
    table = inventory(lab, rows()[name])
    (one,) = table["hosts"].values()
    if host.systemd():
        as_systemctl(one["apache"])
    placed(host, tmp_path, table)
    if "secrets" in one:
        template = "".join(f"{{{{ secrets.{name} }}}}\n" for name in one["secrets"])
        host.checkout(tmp_path, {"home/private/config/poms/secret.conf.j2": template})
    socket = one.get("supervisor", {}).get("socket", "")
    if last_socket[-1:] != [socket]:
        shut_down(host)
    last_socket.append(socket)
    with ssh_on(host, one.get("port", 22)):
        said = fab(host, tmp_path, ["deploy", "--yes", "--force", "--remove"], table)
        assert said.code == 0, said.err
        assert_serves(host, one)
        said = fab(host, tmp_path, ["diff", "--json"], table)
    assert said.code == 0, said.err
    (facts,) = json.loads(said.out).values()
    assert not facts["then"]


def as_systemctl(apache: Table) -> None:
    """Apache's commands of the table as a host with systemd grants them."""
    tool = apache.get("restart", ["sudo", "service"])[1].replace("/usr/sbin/service", "/usr/bin/systemctl")
    apache["restart"] = ["sudo", tool.replace("service", "systemctl"), "restart", "httpd"]
    if apache.get("reload"):
        apache["reload"] = ["sudo", "systemctl", "reload", "httpd"]


def assert_serves(host: Site, one: Table) -> None:
    """A stranger is sent to the login, a certificate gets in, and what is to run does."""
    apache = one["apache"]
    path = one.get("app", {}).get("path", "/poms")
    port, cert_port = apache.get("port", 443), apache.get("cert_port", 8443)
    oldest = ["--tls-max", "1.2"] if apache.get("protocols") == ["TLSv1.2"] else []
    code, body = page(host, port, path, *oldest)
    assert code == 302, body
    code, body = page(host, cert_port, path, *host.certificate("jdoe"))
    assert "X-Shib-Userid: jdoe" in body, (code, body)
    assert page(host, cert_port, path)[0] == 0

    socket = one.get("supervisor", {}).get("socket", f"{HOME}/supervisor.sock")
    said = host.poms(f"supervisorctl -s {shlex.quote('unix://' + socket)} status || :")
    states = dict(re.findall(r"^(\S+) +(\w+)", said, re.M))
    inventory = host_from({"name": LAB_HOST} | one)
    for name, program in [(full, one["programs"][own]) for full, own in all_names(inventory).items()]:
        expected = "RUNNING" if program.get("autostart", True) else "STOPPED"
        if program.get("startsecs", 1) > 3600 and expected == "RUNNING":
            expected = "STARTING"
        assert states.get(name) == expected, said
