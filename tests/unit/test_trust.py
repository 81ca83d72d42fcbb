"""Which host keys are believed."""

import socket
import subprocess
import threading
import time
from pathlib import Path

import paramiko
import pytest
from paramiko.hostkeys import HostKeys

from ops.errors import BadInput
from ops.ssh.jump_hosts import gateway_of
from ops.ssh.keyscan import ask_key
from ops.ssh.known_hosts import RevokedHostKey, UnknownHostKey, set_host_key_policy
from ops.ssh.ssh_config_query import settings_of
from ops.ssh.ssh_config_values import Connection
from tests.unit.hosts import host, settings

KEY, OTHER, THIRD = (paramiko.ECDSAKey.generate() for _ in range(3))
RSA = paramiko.RSAKey.generate(2048)
SSH_CONFIG = """
Host behind
  ProxyJump jump1,jump2
Host alias
  HostKeyAlias Another-Name
Host files
  UserKnownHostsFile "{folder}/one file" {folder}/two
  GlobalKnownHostsFile {folder}/three "{folder}/four files"
Host strict
  RevokedHostKeys "{folder}/revoked keys"
Match all
  UserKnownHostsFile none
  GlobalKnownHostsFile none
"""


def text(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.get_base64()}"


def connection(
    tmp_path: Path, known: str, host: str = "web1", port: int = 22, pinned: list[str] | None = None
) -> Connection:
    config = settings(tmp_path / "ssh_config", SSH_CONFIG.format(folder=tmp_path))
    (tmp_path / "known_hosts").write_text(known)
    made = Connection(settings_of(config, host, port=port), config)
    made.gateway = gateway_of(made, config, lambda _: None, ())
    set_host_key_policy(made, str(tmp_path / "known_hosts"), pinned or [])
    return made


def judge(hop: Connection, key: paramiko.PKey) -> None:
    hop.client._policy.missing_host_key(hop.client, hop.host, key)


@pytest.mark.parametrize(
    ("known", "host", "port"),
    [
        (f"web1 {text(KEY)}\n", "web1", 22),
        (f"WEB1\t{text(KEY)}\r\n", "Web1", 22),
        (f"other,web1,198.18.0.1 {text(KEY)} a comment\n", "web1", 22),
        (f"[web1]:2222 {text(KEY)}\n", "web1", 2222),
        (f"2001:db8::1 {text(KEY)}\n", "2001:DB8:0::1", 22),
        (f"[2001:db8::1]:2222 {text(KEY)}\n", "2001:db8::1", 2222),
        (f"{HostKeys.hash_host('web1')} {text(KEY)}\n", "web1", 22),
        (f"{HostKeys.hash_host('[web1]:2222')} {text(KEY)}\n", "web1", 2222),
        (f"*.org,!bad.org {text(KEY)}\n", "web1.org", 22),
        (f"web? {text(KEY)}\n", "web1", 22),
        (f"# comment\n\n@cert-authority *.org {text(OTHER)}\nbroken line\nweb1 {text(KEY)}\n", "web1", 22),
        (f"web1 {text(RSA)}\nweb1 {text(KEY)}\n", "web1", 22),
        (f"web1 {text(KEY)}\nweb1 {text(THIRD)}\n", "web1", 22),
        (f"web1 {text(THIRD)}\nweb1 {text(KEY)}\n", "web1", 22),
    ],
)
def test_only_keys_in_known_hosts_are_accepted(tmp_path: Path, known: str, host: str, port: int) -> None:
    made = connection(tmp_path, known, host, port)
    judge(made, KEY)
    with pytest.raises(paramiko.BadHostKeyException):
        judge(made, OTHER)


@pytest.mark.parametrize(
    "known",
    [
        f"web2 {text(KEY)}\n",
        f"web11 {text(KEY)}\n",
        f"[web1]:2222 {text(KEY)}\n",
        f"web*,!web1 {text(KEY)}\n",
        f"!web1,web1 {text(KEY)}\n",
        f"#web1 {text(KEY)}\n",
        f"@cert-authority web1 {text(KEY)}\n",
        f"{HostKeys.hash_host('web2')} {text(KEY)}\n",
    ],
)
def test_a_key_of_another_name_is_not_accepted(tmp_path: Path, known: str) -> None:
    with pytest.raises(UnknownHostKey):
        judge(connection(tmp_path, known), KEY)


@pytest.mark.parametrize(
    "line",
    [
        "web1 ssh-rsa AAAA",
        "web1 ssh-rsa",
        "web1 ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHA1",
        "web1 ssh-ed25519 ÄÖÜ",
        "web1 ssh-ed25519 AAA",
        "web1 ssh-nosuch AAAA",
        f"|1|!!!|??? {text(OTHER)}",
        f"|1|AAAA {text(OTHER)}",
        f"|1|ë|ë {text(OTHER)}",
        "@revoked",
        "@revoked * ssh-rsa",
        "@revoked * ssh-rsa ë",
        "\udcff web1".encode(errors="surrogateescape").decode("latin-1"),
    ],
)
def test_a_line_that_cannot_be_read_is_passed_over(tmp_path: Path, line: str) -> None:
    judge(connection(tmp_path, f"{line}\nweb1 {text(KEY)}\n"), KEY)


@pytest.mark.parametrize("known", [f"web1 {text(KEY)}\n@revoked * {text(KEY)}\n", f"@revoked x {text(KEY)} leaked\n"])
def test_revoked_host_key_is_rejected_anywhere_in_known_hosts(tmp_path: Path, known: str) -> None:
    with pytest.raises(RevokedHostKey):
        judge(connection(tmp_path, known), KEY)


def test_host_known_only_by_ca_is_refused_with_reason(tmp_path: Path) -> None:
    with pytest.raises(UnknownHostKey, match=r"known_hosts names a CA for it, and poms-ops cannot check"):
        judge(connection(tmp_path, f"@cert-authority *.org,web1 {text(KEY)}\n"), KEY)
    with pytest.raises(UnknownHostKey, match=r"is not in known_hosts$"):
        judge(connection(tmp_path, f"@cert-authority *.org {text(KEY)}\n"), KEY)


def test_gateways_believe_no_more_than_the_host_itself(tmp_path: Path) -> None:
    made = connection(tmp_path, f"jump1 {text(KEY)}\njump2 {text(OTHER)}\n", "behind")
    keys = {"jump1": (KEY, OTHER), "jump2": (OTHER, KEY)}
    hops = [made.gateway, made.gateway.gateway]
    assert {hop.host for hop in hops} == set(keys)
    for hop in hops:
        known, unknown = keys[hop.host]
        judge(hop, known)
        with pytest.raises(paramiko.BadHostKeyException):
            judge(hop, unknown)
    with pytest.raises(UnknownHostKey):
        judge(made, KEY)


def test_thousands_of_lines_are_read_at_once(tmp_path: Path) -> None:
    hashed = "".join(f"{HostKeys.hash_host(f'host{n}')} {text(OTHER)}\n" for n in range(2000))
    plain = "".join(f"host{n},198.18.1.{n} {text(OTHER)}\n" for n in range(2000))
    started = time.process_time()
    judge(connection(tmp_path, f"{hashed}{plain}web1 {text(KEY)}\n"), KEY)
    assert time.process_time() - started < 3, "each line is read once"


def test_the_login_prefers_the_known_type_of_host_key(tmp_path: Path) -> None:
    """It has two, and would rather show the one that is not known."""
    ours, theirs = socket.socketpair()
    server = paramiko.Transport(theirs)
    server.add_server_key(KEY)
    server.add_server_key(RSA)
    server.start_server(event=threading.Event(), server=paramiko.ServerInterface())
    made = connection(tmp_path, f"web1 {text(RSA)}\n")
    with pytest.raises(paramiko.SSHException, match="Authentication"):  # that is, after the key was believed
        made.client.connect(
            "web1",
            username="x",
            password="x",
            sock=ours,
            allow_agent=False,
            look_for_keys=False,
            transport_factory=made.connect_kwargs["transport_factory"],
        )
    made.client.close()
    server.close()


def test_pinned_keys_replace_known_hosts(tmp_path: Path) -> None:
    made = connection(tmp_path, f"web1 {text(OTHER)}\n", pinned=[f"{text(KEY)} from the console", text(THIRD)])
    judge(made, KEY)
    judge(made, THIRD)
    with pytest.raises(paramiko.BadHostKeyException):
        judge(made, OTHER)
    revoked = connection(tmp_path, f"@revoked * {text(KEY)}\n", pinned=[text(KEY)])
    with pytest.raises(RevokedHostKey):
        judge(revoked, KEY)


def test_pinned_keys_do_not_hold_for_jump_hosts(tmp_path: Path) -> None:
    made = connection(tmp_path, f"jump2 {text(OTHER)}\n", host="behind", pinned=[text(KEY)])
    judge(made, KEY)
    with pytest.raises(paramiko.BadHostKeyException):
        judge(made.gateway, KEY)
    judge(made.gateway, OTHER)


@pytest.mark.parametrize("plain", ["web1", "web?", HostKeys.hash_host("web1")], ids=["name", "pattern", "hash"])
def test_the_name_without_a_port_holds_for_an_unknown_port(tmp_path: Path, plain: str) -> None:
    """As OpenSSH 9.2 does, tried against its sshd."""
    judge(connection(tmp_path, f"{plain} {text(KEY)}\n", port=2222), KEY)
    with pytest.raises(UnknownHostKey):
        judge(connection(tmp_path, f"{plain} {text(OTHER)}\n", port=2222), KEY)
    for other in (OTHER, RSA):  # of the same type or not
        known = f"{plain} {text(KEY)}\n[web1]:2222 {text(other)}\n"
        with pytest.raises(paramiko.BadHostKeyException):
            judge(connection(tmp_path, known, port=2222), KEY)
    with pytest.raises(RevokedHostKey):
        judge(connection(tmp_path, f"{plain} {text(KEY)}\n@revoked web1 {text(KEY)}\n", port=2222), KEY)
    with pytest.raises(paramiko.BadHostKeyException):
        judge(connection(tmp_path, f"{plain} {text(KEY)}\n", port=2222, pinned=[text(OTHER)]), KEY)


def test_a_host_key_alias_replaces_name_and_port(tmp_path: Path) -> None:
    for port in (22, 2222):
        judge(connection(tmp_path, f"another-name {text(KEY)}\n", "alias", port), KEY)
        for name in ("alias", "[alias]:2222", "[another-name]:2222"):
            with pytest.raises(UnknownHostKey):
                judge(connection(tmp_path, f"{name} {text(KEY)}\n", "alias", port), KEY)


@pytest.mark.parametrize("name", ["one file", "two", "three", "four files"])
def test_all_files_of_ssh_config_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(f"files {text(KEY)}\n")
    judge(connection(tmp_path, "", "files"), KEY)


def test_without_a_known_hosts_file_no_key_is_recorded(tmp_path: Path) -> None:
    config = settings(tmp_path / "ssh_config", SSH_CONFIG.format(folder=tmp_path))
    with pytest.raises(BadInput, match="UserKnownHostsFile"):
        ask_key(host(), config)


@pytest.mark.parametrize("kind", ["text", "KRL"])
def test_a_file_of_revoked_keys_is_heeded(tmp_path: Path, kind: str) -> None:
    revoked = tmp_path / "revoked keys"
    (tmp_path / "key.pub").write_text(f"{text(KEY)}\n")
    revoked.write_text(f"# leaked\n{text(KEY)} of web1\n")
    if kind == "KRL":
        subprocess.run(["ssh-keygen", "-q", "-k", "-f", revoked, tmp_path / "key.pub"], check=True)
    known = f"strict {text(KEY)}\nstrict {text(OTHER)}\n"
    with pytest.raises(RevokedHostKey):
        judge(connection(tmp_path, known, "strict"), KEY)
    judge(connection(tmp_path, known, "strict"), OTHER)
    revoked.unlink()
    with pytest.raises(RevokedHostKey):
        judge(connection(tmp_path, known, "strict"), OTHER)


@pytest.mark.parametrize(
    ("port", "line"),
    [
        (22, f"web1 {text(KEY)}"),
        (22, f"other,WEB1,198.18.0.1 {text(KEY)} a comment"),
        (22, f"{HostKeys.hash_host('web1')} {text(KEY)}"),
        (2222, f"[web1]:2222 {text(KEY)}"),
        (2222, f"{HostKeys.hash_host('[web1]:2222')} {text(KEY)}"),
    ],
)
def test_the_advised_command_removes_the_old_key(tmp_path: Path, port: int, line: str) -> None:
    made = connection(tmp_path, f"web2 {text(KEY)}\n{line}\n", port=port)
    _, advice = str(made.client._policy.removal()).split(" with ")
    assert advice.endswith(f" -f {tmp_path / 'known_hosts'}")
    subprocess.run(["sh", "-c", advice], check=True, capture_output=True)
    kept = (tmp_path / "known_hosts").read_text()
    assert kept == f"web2 {text(KEY)}\n"
    with pytest.raises(UnknownHostKey):
        judge(connection(tmp_path, kept, port=port), KEY)


def test_key_removal_advice_names_each_file_and_host_name(tmp_path: Path) -> None:
    for name in ("one file", "three"):
        (tmp_path / name).write_text(f"files {text(KEY)}\nfiles {text(OTHER)}\n")
    said = connection(tmp_path, "", "files").client._policy.removal()
    assert said.count("ssh-keygen") == 2
    assert f"-R files -f '{tmp_path}/one file'" in said
    assert f"-R files -f {tmp_path}/three" in said
    alias = connection(tmp_path, f"another-name {text(KEY)}\n", "alias", 2222).client._policy
    assert f"-R another-name -f {tmp_path}/known_hosts" in alias.removal()
    pinned = connection(tmp_path, f"web1 {text(OTHER)}\n", pinned=[text(KEY)]).client._policy
    assert "ssh.host_keys" in pinned.removal()
    assert "ssh-keygen" not in pinned.removal()
