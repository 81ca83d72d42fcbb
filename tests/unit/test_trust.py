"""Which host keys are believed."""

from pathlib import Path

import fabric
import paramiko
import pytest
from paramiko.hostkeys import HostKeys

from ops.trust import believe_known_hosts_only

KEY, OTHER = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()


def text(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.get_base64()}"


def connection(tmp_path: Path, known: str, port: int = 22) -> fabric.Connection:
    config = tmp_path / "ssh_config"
    config.write_text("UserKnownHostsFile none\n")
    (tmp_path / "known_hosts").write_text(known)
    made = fabric.Connection("web1", port=port, config=fabric.Config(runtime_ssh_path=str(config)))
    believe_known_hosts_only(made, str(tmp_path / "known_hosts"))
    return made


@pytest.mark.parametrize(
    ("known", "name"),
    [
        (f"web1 {text(KEY)}\n", "web1"),
        (f"other,web1,198.18.0.1 {text(KEY)} a comment\n", "web1"),
        (f"[web1]:2222 {text(KEY)}\n", "[web1]:2222"),
        (f"{HostKeys.hash_host('web1')} {text(KEY)}\n", "web1"),
        (f"# comment\n\n@cert-authority *.org {text(OTHER)}\nbroken line\nweb1 {text(KEY)}\n", "web1"),
    ],
)
def test_a_key_in_known_hosts_is_believed(tmp_path: Path, known: str, name: str) -> None:
    client = connection(tmp_path, known).client
    assert client.get_host_keys().check(name, KEY)
    assert not client.get_host_keys().check(name, OTHER)


def test_a_revoked_key_is_not_believed_wherever_it_stands(tmp_path: Path) -> None:
    client = connection(tmp_path, f"web1 {text(KEY)}\n@revoked * {text(KEY)}\n").client
    assert not client.get_host_keys().check("web1", KEY)


def test_an_unknown_key_is_not_taken_on_trust(tmp_path: Path) -> None:
    client = connection(tmp_path, f"web2 {text(KEY)}\n").client
    assert not client.get_host_keys().check("web1", KEY)
    assert isinstance(client._policy, paramiko.RejectPolicy)


def test_gateways_believe_no_more_than_the_host_itself(tmp_path: Path) -> None:
    config = tmp_path / "ssh_config"
    config.write_text("UserKnownHostsFile none\nHost web1\n  ProxyJump jump1,jump2\n")
    made = fabric.Connection("web1", config=fabric.Config(runtime_ssh_path=str(config)))
    (tmp_path / "known_hosts").write_text(f"jump1,jump2 {text(KEY)}\n")
    believe_known_hosts_only(made, str(tmp_path / "known_hosts"))
    hops = [made.gateway, made.gateway.gateway]
    for hop in hops:
        assert isinstance(hop.client._policy, paramiko.RejectPolicy)
        assert hop.client.get_host_keys().check(hop.host, KEY)
