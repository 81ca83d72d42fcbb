"""ssh_config as ssh reads it: what lets ssh in lets fab in, against a real sshd."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab.messages import NO_KEY
from tests.lab.site import Said, Site

PORT = 2222
Status = Callable[..., Said]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The operator's home."""
    (tmp_path / "home/.ssh").mkdir(parents=True)
    return tmp_path / "home"


@pytest.fixture
def bare(site: Site, tmp_path: Path) -> Path:
    """The lab's inventory without key and known hosts: ssh_config has them."""
    inventory = site.changed(tmp_path)
    inventory.write_text(re.sub(r"(identity_file|known_hosts) = .*\n", "", inventory.read_text()))
    return inventory


@pytest.fixture
def status(deployed: Site, home: Path, bare: Path) -> Status:
    """`fab status` with a text for ~/.ssh/config; `extra` is more environment."""

    def run(text: str, port: int | None = None, extra: dict[str, str] | None = None, verb: str = "status") -> Said:
        (home / ".ssh/config").write_text(text)
        inventory = bare
        if port:
            inventory = bare.with_name("port.toml")
            line = f'address = "{deployed.address()}"'
            inventory.write_text(bare.read_text().replace(line, f"{line}\nport = {port}"))
        return deployed.fab("-H", "pomsgpvm01", verb, inventory=inventory, home=home, extra=extra)

    return run


@pytest.fixture
def usual(deployed: Site) -> str:
    """The lines of ssh_config with which one gets in."""
    return f"IdentityFile {deployed.lab.identity_file}\nUserKnownHostsFile {deployed.lab.known_hosts}\n"


@pytest.fixture
def second(deployed: Site, tmp_path: Path) -> Iterator[Path]:
    """Another sshd of the host, on PORT, that also lets in whom a CA has signed: the CA's private key."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "ca"], check=True)
    public = (tmp_path / "ca.pub").read_text().strip()
    deployed.root(
        f"echo '{public}' > /root/user_ca.pub; cp /etc/ssh/sshd_config /root/sshd_config; "
        f"sed -i 's/^Port .*/Port {PORT}/' /root/sshd_config; "
        "echo 'TrustedUserCAKeys /root/user_ca.pub' >> /root/sshd_config; "
        "echo 'PidFile /root/sshd.pid' >> /root/sshd_config; /usr/sbin/sshd -f /root/sshd_config; "
        "while [ ! -s /root/sshd.pid ]; do :; done"
    )
    yield tmp_path / "ca"
    deployed.root("kill $(cat /root/sshd.pid)")


@pytest.fixture
def known(deployed: Site, tmp_path: Path) -> str:
    """The line of ssh_config for a file that has the host's key for both ports."""
    key = deployed.read("/etc/ssh/ssh_host_ed25519_key.pub")
    (tmp_path / "known").write_text(f"{deployed.address()},[{deployed.address()}]:{PORT} {key}")
    return f"UserKnownHostsFile {tmp_path}/known\n"


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Callable[..., dict[str, str]]]:
    """An agent: adds files when called; its environment."""
    started = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    found = dict(re.findall(r"(SSH_\w+)=([^;]+)", started))

    def add(*files: Path | str) -> dict[str, str]:
        for file in files:
            subprocess.run(["ssh-add", "-q", file], env=os.environ | found, check=True)
        return found

    yield add
    subprocess.run(["ssh-agent", "-k"], env=os.environ | found, check=True, capture_output=True)


def keygen(*words: object) -> None:
    subprocess.run(["ssh-keygen", "-q", *map(str, words)], check=True)


def test_fab_follows_ssh_config_like_ssh(deployed: Site, status: Status, usual: str, home: Path, bare: Path) -> None:
    """Include, Match, tokens, times, comments behind values, quotes, several files of known hosts."""
    address = deployed.address()
    (home / ".ssh/keys of poms").symlink_to(deployed.lab.identity_file)
    (home / ".ssh/more known").symlink_to(deployed.lab.known_hosts)
    (home / ".ssh/more").write_text(
        f'Match originalhost {address} user poms exec "test %h = {address}"\n'
        '  IdentityFile "~/.ssh/keys of %r"  # not mine alone\n'
        "  ConnectTimeout 30s\n"
    )
    said = status(f'Include {home}/.ssh/more\nUserKnownHostsFile /nosuch "{home}/.ssh/more known"\n')
    assert said.code == 0, said.all
    assert status("").code == 1, "it was those lines that let in"
    (home / "elsewhere").write_text(usual)
    said = deployed.fab("-S", str(home / "elsewhere"), "-H", "pomsgpvm01", "status", inventory=bare, home=home)
    assert said.code == 0, said.all


def test_global_known_hosts_file_and_host_key_alias_are_used(deployed: Site, status: Status, tmp_path: Path) -> None:
    key = deployed.read("/etc/ssh/ssh_host_ed25519_key.pub")
    (tmp_path / "global").write_text(f"the-alias {key}")
    text = (
        f"IdentityFile {deployed.lab.identity_file}\nUserKnownHostsFile none\n"
        f"GlobalKnownHostsFile {tmp_path}/global\n"
    )
    assert status(text).code == 1
    said = status(f"{text}HostKeyAlias the-alias\n")
    assert said.code == 0, said.all


@pytest.mark.usefixtures("second")
def test_host_key_of_plain_name_is_valid_for_other_port(status: Status, usual: str) -> None:
    said = status(usual, port=PORT)
    assert said.code == 0, said.all


def test_broken_ssh_config_is_reported_only_by_tasks_that_connect(status: Status, usual: str, home: Path) -> None:
    broken = f"{usual}Host *\n  Nonsense 1\n"
    rendered = status(broken, verb="render")
    assert rendered.code == 0, rendered.all
    for path in ("", "/nosuch"):  # with ssh, and without
        text = broken if not path else f"{usual}Host *\n  Match\n"
        said = status(text, extra={"PATH": path} if path else None)
        assert said.code in (1, 3), said.all
        (line,) = [line for line in said.all.splitlines() if "line 4" in line]
        assert f"{home}/.ssh/config: line 4: " in line


def test_login_without_ssh_uses_config_reader_of_paramiko(status: Status, usual: str) -> None:
    said = status(usual, extra={"PATH": "/nosuch"})
    assert said.code == 0, said.all


def test_missing_identity_file_is_skipped(
    deployed: Site, status: Status, usual: str, agent: Callable[..., dict[str, str]]
) -> None:
    known = f"UserKnownHostsFile {deployed.lab.known_hosts}\nIdentityFile ~/.ssh/missing\n"
    said = status(known, extra=agent(deployed.lab.identity_file))
    assert said.code == 0, said.all
    said = status(f"IdentityFile ~/.ssh/missing\n{usual}")
    assert said.code == 0, said.all


def test_login_uses_agent_named_in_ssh_config(
    deployed: Site, status: Status, agent: Callable[..., dict[str, str]]
) -> None:
    environment = agent(deployed.lab.identity_file)
    known = f"UserKnownHostsFile {deployed.lab.known_hosts}\n"
    assert status(f"{known}IdentityAgent {environment['SSH_AUTH_SOCK']}\n").code == 0
    assert status(f"{known}IdentityAgent $MINE\n", extra={"MINE": environment["SSH_AUTH_SOCK"]}).code == 0
    refused = status(f"{known}IdentityAgent none\n", extra=environment)
    assert (refused.code, NO_KEY in refused.all) == (1, True), refused.all


@pytest.mark.parametrize(
    "kind", ["ed25519", *(pytest.param(kind, marks=pytest.mark.exhaustive) for kind in ("ecdsa", "rsa"))]
)
def test_login_with_user_certificate_records_its_key_id(
    deployed: Site, status: Status, known: str, second: Path, agent: Callable[..., dict[str, str]], kind: str
) -> None:
    """Beside its key, named by CertificateFile, with the key in the agent, and from the agent."""
    key = second.with_name("short-lived")
    keygen("-t", kind, "-N", "", "-f", key)
    keygen("-s", second, "-I", "jdoe@site", "-n", "poms", "-z", "17", f"{key}.pub")
    beside, elsewhere = Path(f"{key}-cert.pub"), second.with_name("certificate")
    assert status(f"{known}IdentityFile {key}\n", port=PORT).code == 0
    inventory = threads(second.with_name("port.toml"))
    said = deployed.fab("-H", "pomsgpvm01", "deploy", "--yes", inventory=inventory, home=second.parent / "home")
    assert said.code == 0, said.all
    found = json.loads(deployed.fab("-H", "pomsgpvm01", "releases", "--json", check=True).out)
    assert found["pomsgpvm01"][-1]["facts"]["by"].startswith("certificate jdoe@site (serial 17, CA SHA256:"), found
    in_agent = agent(key)
    assert status(known, port=PORT, extra=in_agent).code == 0
    beside.rename(elsewhere)
    subprocess.run(["ssh-add", "-q", "-D"], env=os.environ | in_agent, check=True)
    named = f"{known}CertificateFile {elsewhere}\n"
    assert status(f"{named}IdentityFile {key}\n", port=PORT).code == 0
    assert status(named, port=PORT, extra=agent(key)).code == 0
    refused = status(f"{known}IdentityFile {key}\n", port=PORT)
    assert refused.code == 1, refused.all


@pytest.mark.exhaustive
def test_key_with_expired_certificate_still_logs_in(
    deployed: Site, status: Status, known: str, second: Path, home: Path
) -> None:
    key = home / ".ssh/mine"
    for suffix in ("", ".pub"):
        Path(f"{key}{suffix}").write_bytes(Path(f"{deployed.lab.identity_file}{suffix}").read_bytes())
    key.chmod(0o600)
    keygen("-s", second, "-I", "jdoe", "-n", "poms", "-V", "20200101:20200102", f"{key}.pub")
    said = status(f"{known}IdentityFile {key}\n", port=PORT)
    assert said.code == 0, said.all


@pytest.mark.usefixtures("second")
def test_proxy_command_gets_inventory_port_and_runs_in_shell(status: Status, usual: str) -> None:
    said = status(f"{usual}ProxyCommand socat - TCP:%h:$(expr %p + 0)\n", port=PORT)
    assert said.code == 0, said.all


def test_jump_host_follows_ssh_config(deployed: Site, status: Status, usual: str) -> None:
    jump = deployed.address("fermicloud045")
    text = (
        f"Match originalhost {deployed.address()}\n  ProxyJump the-jump\n"
        f"Match originalhost the-jump user poms\n  Port 23\n"
        f"Match originalhost the-jump\n  HostName {jump}\n  User poms\n  Port 22  # as everywhere\n"
    )
    said = status(f"{text}Match all\n{usual}")
    assert said.code == 0, said.all


def threads(inventory: Path) -> Path:
    """The inventory with a number changed, so that there is something to deploy."""
    inventory.write_text(inventory.read_text().replace("threads = 10", "threads = 11"))
    return inventory
