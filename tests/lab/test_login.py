"""How fab gets in, with what Fabric's users expect; the question on a terminal; sudo's password."""

import os
import re
import subprocess
from pathlib import Path

import pexpect
import pytest

from ops.project import PROJECT
from tests.lab.site import FAB, Site

SUDOERS = "/etc/sudoers.d/poms"


@pytest.fixture
def keyless(site: Site, tmp_path: Path) -> Path:
    """The lab's inventory without its key."""
    inventory = site.changed(tmp_path)
    inventory.write_text(re.sub(r"identity_file = .*\n", "", inventory.read_text()))
    return inventory


def test_login_without_key_is_refused_with_advice(site: Site, keyless: Path, tmp_path: Path) -> None:
    said = site.fab("-H", "pomsgpvm01", "status", inventory=keyless, home=tmp_path)
    assert said.code == 1
    assert "login as poms@" in said.out
    assert "-i" in said.out


def test_closed_host_shows_its_own_message(site: Site) -> None:
    """/etc/nologin, which sshd shows before it hangs up, and /sbin/nologin in place of the account's shell."""
    site.root("printf 'Closed for the \\033[31mpower work until 17:00\\n' >/etc/nologin")
    try:
        closed = site.fab("-H", "pomsgpvm01", "status")
    finally:
        site.root("rm /etc/nologin")
    assert (closed.code, "Closed for the \\x1b[31mpower work until 17:00" in closed.all) == (1, True), closed.all
    shell = site.root("getent passwd poms | cut -d : -f 7").strip()
    site.root("usermod -s /usr/sbin/nologin poms")
    try:
        shut = site.fab("-H", "pomsgpvm01", "status")
    finally:
        site.root(f"usermod -s {shell} poms")
    assert (shut.code, "This account is currently not available." in shut.all) == (1, True), shut.all


def test_keys_come_from_the_command_line_ssh_config_or_agent(deployed: Site, keyless: Path, tmp_path: Path) -> None:
    key = str(deployed.lab.identity_file)
    assert deployed.fab("-H", "pomsgpvm01", "-i", key, "status", inventory=keyless, home=tmp_path).code == 0
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text(f"Host {deployed.address()}\n  IdentityFile {key}\n")
    assert deployed.fab("-H", "pomsgpvm01", "status", inventory=keyless, home=tmp_path).code == 0
    (tmp_path / ".ssh/config").unlink()
    started = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    agent = dict(re.findall(r"(SSH_\w+)=([^;]+)", started))
    try:
        subprocess.run(["ssh-add", "-q", key], env=os.environ | agent, check=True)
        assert deployed.fab("-H", "pomsgpvm01", "status", inventory=keyless, home=tmp_path, extra=agent).code == 0
        subprocess.run(["ssh-add", "-q", "-d", key], env=os.environ | agent, check=True)
        for number in range(6):  # as many as sshd lets one try
            other = tmp_path / f"other{number}"
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
            subprocess.run(["ssh-add", "-q", other], env=os.environ | agent, check=True)
        subprocess.run(["ssh-add", "-q", key], env=os.environ | agent, check=True)
        said = deployed.fab("-H", "pomsgpvm01", "status", inventory=keyless, home=tmp_path, extra=agent)
        assert said.code == 1
        assert "the host hung up after 6 keys that it does not accept" in " ".join(said.out.split())
        (tmp_path / "mine.pub").write_text(Path(f"{key}.pub").read_text())
        (tmp_path / ".ssh/config").write_text(f"Host {deployed.address()}\n  IdentityFile {tmp_path}/mine.pub\n")
        assert deployed.fab("-H", "pomsgpvm01", "status", inventory=keyless, home=tmp_path, extra=agent).code == 0
    finally:
        subprocess.run(["ssh-agent", "-k"], env=os.environ | agent, check=True, capture_output=True)


def on_a_terminal(site: Site, inventory: Path, *words: str) -> "pexpect.spawn[str]":
    environment = dict(os.environ) | site.environment(inventory) | {"TERM": "xterm", "COLUMNS": "120"}
    return pexpect.spawn(str(FAB), list(words), cwd=str(PROJECT), env=environment, encoding="utf-8", timeout=60)


def test_deploy_on_terminal_shows_coloured_diff_and_asks_for_confirmation(deployed: Site, tmp_path: Path) -> None:
    inventory = deployed.changed(tmp_path, ("threads = 10", "threads = 11"))
    ini = "/home/poms/private/config/poms/uwsgi-service.ini"
    before = deployed.read(ini)
    for answer, code, changed in (("n", 1, False), ("", 1, False), ("y", 0, True)):
        terminal = on_a_terminal(deployed, inventory, "deploy")
        terminal.expect("Do this to pomsgpvm01")
        assert "\x1b[32m  +threads = 11" in terminal.before
        terminal.sendline(answer)
        terminal.expect(pexpect.EOF)
        terminal.close()
        assert terminal.exitstatus == code, terminal.before
        assert (deployed.read(ini) != before) == changed


def test_prompted_sudo_password_is_used_and_never_shown(deployed: Site, tmp_path: Path) -> None:
    deployed.root("echo 'poms:correct horse' | chpasswd")
    deployed.root(f"cp {SUDOERS} /root/poms.sudoers; sed -i 's/NOPASSWD://' {SUDOERS}; visudo -cq")
    inventory = deployed.changed(tmp_path)
    try:
        started = deployed.apache()[2]
        refused = deployed.fab("restart-apache")
        assert refused.code == 1
        assert "password is required" in refused.err
        assert deployed.apache()[2] == started
        terminal = on_a_terminal(deployed, inventory, "--prompt-for-sudo-password", "restart-apache")
        terminal.expect("password")
        terminal.sendline("correct horse")
        terminal.expect(pexpect.EOF)
        terminal.close()
        assert terminal.exitstatus == 0, terminal.before
        assert "correct horse" not in terminal.before
        assert deployed.apache()[2] > started
        found = deployed.root("grep -rl 'correct horse' /home /var/log /tmp 2>/dev/null || echo nowhere")
        assert found.strip() == "nowhere"
    finally:
        deployed.root(f"cp /root/poms.sudoers {SUDOERS}; chmod 440 {SUDOERS}; usermod -p '*' poms")


def test_jump_host_is_used_and_its_failures_are_named(deployed: Site, tmp_path: Path) -> None:
    address, jump = deployed.address(), deployed.address("fermicloud045")
    (tmp_path / ".ssh").mkdir()
    key = deployed.lab.identity_file
    (tmp_path / ".ssh/config").write_text(
        f"Host {address}\n  ProxyJump poms@{jump}\nHost {jump}\n  IdentityFile {key}\n"
    )
    deployed.root("rm -f /tmp/from", "pomsgpvm01")
    deployed.poms("cp $HOME/.bashrc $HOME/.bashrc.kept; echo 'echo $SSH_CLIENT > /tmp/from' >> $HOME/.bashrc")
    try:
        said = deployed.fab("-H", "pomsgpvm01", "status", home=tmp_path)
        assert said.code == 0, said.all
        assert deployed.root("cut -d ' ' -f 1 /tmp/from").strip() == jump
    finally:
        deployed.poms("mv $HOME/.bashrc.kept $HOME/.bashrc")
    lines = deployed.lab.known_hosts.read_text().splitlines()
    (tmp_path / "known").write_text("\n".join(line for line in lines if jump not in line) + "\n")
    inventory = deployed.changed(tmp_path)
    inventory.write_text(inventory.read_text().replace(str(deployed.lab.known_hosts), str(tmp_path / "known")))
    said = deployed.fab("-H", "pomsgpvm01", "status", home=tmp_path, inventory=inventory)
    told = " ".join(said.out.split())
    assert (said.code, f"{jump}" in told, "host key" in told) == (1, True, True), said.all


def test_trust_records_only_the_expected_key(deployed: Site, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    inventory = deployed.changed(tmp_path)
    inventory.write_text(inventory.read_text().replace(str(deployed.lab.known_hosts), str(known)))
    told = deployed.root("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").split()[1]
    assert deployed.fab("trust", "pomsgpvm01", inventory=inventory).code == 3
    wrong = deployed.fab("trust", "pomsgpvm01", f"--fingerprint={told[:-1]}", inventory=inventory)
    assert (wrong.code, told in wrong.out, known.exists()) == (1, True, False), wrong.all

    for answer, code in (("n", 1), ("y", 0)):
        terminal = on_a_terminal(deployed, inventory, "trust", "pomsgpvm01")
        terminal.expect("Is it the same")
        assert told in terminal.before
        terminal.sendline(answer)
        terminal.expect(pexpect.EOF)
        terminal.close()
        assert (terminal.exitstatus, known.exists()) == (code, code == 0), terminal.before
    assert deployed.fab("-H", "pomsgpvm01", "status", inventory=inventory).code == 0
    again = deployed.fab("trust", "pomsgpvm01", f"--fingerprint={told}", inventory=inventory)
    assert (again.code, "already recorded" in again.out) == (0, True), again.all
    assert len(known.read_text().splitlines()) == 1

    other = next(line for line in deployed.lab.known_hosts.read_text().splitlines() if deployed.address() not in line)
    known.write_text(f"{deployed.address()} {other.split(maxsplit=1)[1]}\n")
    refused = deployed.fab("trust", "pomsgpvm01", f"--fingerprint={told}", inventory=inventory)
    assert (refused.code, "known_hosts has another" in refused.err) == (1, True), refused.all
    assert told not in known.read_text()


def test_host_key_pinned_in_inventory_is_only_one_accepted(deployed: Site, tmp_path: Path) -> None:
    lines = [line.split()[1:3] for line in deployed.lab.known_hosts.read_text().splitlines()]
    own = deployed.read("/etc/ssh/ssh_host_ed25519_key.pub").split()[:2]
    other = next(line for line in lines if line != own)
    for number, (key, code) in enumerate(((own, 0), (other, 1))):
        (tmp_path / str(number)).mkdir()
        pinned = "[defaults.ssh]", f'[defaults.ssh]\nhost_keys = ["{" ".join(key)}"]'
        said = deployed.fab("-H", "pomsgpvm01", "status", inventory=deployed.changed(tmp_path / str(number), pinned))
        assert (said.code, "is NOT the one" in " ".join(said.out.split())) == (code, bool(code)), said.all


def test_shell_opens_terminal_with_products_set_up(deployed: Site, tmp_path: Path) -> None:
    assert deployed.fab("shell", "pomsgpvm01").code == 3
    assert deployed.fab("shell", "lab").code == 3
    terminal = on_a_terminal(deployed, deployed.changed(tmp_path), "shell", "pomsgpvm01")
    terminal.expect_exact("~$ ")
    terminal.sendline("echo $((6 * 7))-$(id -un)-$(tty) on $(hostname); type -P supervisorctl")
    terminal.expect("42-poms-/dev/pts/[0-9]+ on pomsgpvm01")
    terminal.expect("/home/poms/products/.*supervisorctl")
    terminal.sendline("exit 7")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 7
