"""ssh_config means to fab what it means to ssh; without ssh, what paramiko's reader cannot read is told."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fabric
import paramiko
import pytest

from ops.errors import BadInput
from ops.ssh import ssh_config_query
from ops.ssh.login import route_to
from ops.ssh.ssh_config_query import settings_of
from ops.ssh.ssh_config_values import Settings
from tests.unit import hosts
from tests.unit.hosts import host

Ask = Callable[..., Settings]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """What a text of ssh_config means for a login as poms."""

    def settings(text: str, name: str = "web1", port: int | None = None) -> Settings:
        return settings_of(config(tmp_path, text), name, "poms", port)

    return settings


def config(folder: Path, text: str, **connect_kwargs: Any) -> fabric.Config:
    return hosts.settings(folder / "ssh_config", text, **connect_kwargs)


def test_ssh_config_directives_mean_the_same_as_to_ssh(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "more").write_text("Host web1\n  HostName %h.example.org\n  Port 2222  # for now\n")
    found = ask(
        f"""
        Include {tmp_path}/more
        Match originalhost web1 exec "test %h = web1.example.org && test %r = poms"
          HostKeyAlias web
          ConnectTimeout 1m30s
        Match user nobody
          ProxyJump never
        Match final host *.example.org
          ProxyJump me@jump:2200
        """
    )
    assert (found.name, found.host_name, found.port) == ("web1", "web1.example.org", 2222)
    assert (found.host_key_alias, found.connect_timeout, found.proxy_jump) == ("web", 90, "me@jump:2200")
    assert ask("Host web1\n  Port 2222\nMatch all\n  User other", port=22).port == 22
    assert (ask("User other").user, ask("ConnectTimeout 0").connect_timeout) == ("poms", None)


def test_files_are_named_with_tokens_variables_spaces_and_lists(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("KEYS", "/keys")
    (tmp_path / "one file").touch()
    found = ask(
        f"""
        IdentityFile "~/.ssh/my key"
        IdentityFile %d/%h-%r-%p-100%%
        IdentityFile ${{KEYS}}/mine
        CertificateFile ${{KEYS}}/%n-cert.pub
        UserKnownHostsFile "{tmp_path}/one file" {tmp_path}/two "/no such/file" /three
        GlobalKnownHostsFile none
        """
    )
    assert found.identity_files == ("/home/me/.ssh/my key", "/home/me/web1-poms-22-100%", "/keys/mine")
    assert not found.usual_identities
    assert found.certificate_files == ("/keys/web1-cert.pub",)
    names = [f"{tmp_path}/one file", f"{tmp_path}/two", "/no such/file", "/three"]
    assert [str(path) for path in found.user_known_hosts] == names
    assert found.global_known_hosts == ()


def test_default_keys_are_tried_unless_identity_file_is_set(ask: Ask) -> None:
    assert (ask("").usual_identities, ask("").identity_files) == (True, ())
    files = "".join(f"IdentityFile ~/.ssh/id_{name}\n" for name in ("rsa", "ecdsa", "ed25519", "work"))
    assert (ask(files).usual_identities, len(ask(files).identity_files)) == (False, 4)
    none = ask("IdentityFile none")
    assert (none.usual_identities, none.identity_files) == (False, ())


@pytest.mark.parametrize(
    ("text", "socket"),
    [
        ("", "/env"),
        ("IdentityAgent SSH_AUTH_SOCK", "/env"),
        ("IdentityAgent none", ""),
        ("IdentityAgent $OTHER", "/other"),
        ("IdentityAgent ${OTHER}-2", "/other-2"),
        ("IdentityAgent $UNSET", ""),
        ("IdentityAgent /run/%r", "/run/poms"),
    ],
)
def test_agent_socket_follows_ssh_config(ask: Ask, monkeypatch: pytest.MonkeyPatch, text: str, socket: str) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/env")
    monkeypatch.setenv("OTHER", "/other")
    monkeypatch.delenv("UNSET", raising=False)
    assert ask(text).agent_socket == socket


@pytest.mark.parametrize(
    ("text", "keys", "kerberos"),
    [
        ("GSSAPIAuthentication yes", True, True),
        ("PubkeyAuthentication no", False, False),
        ("PreferredAuthentications publickey\nGSSAPIAuthentication yes", True, False),
        ("PreferredAuthentications gssapi-with-mic,password\nGSSAPIAuthentication yes", False, True),
    ],
)
def test_which_ways_to_log_in_are_tried(ask: Ask, text: str, keys: bool, kerberos: bool) -> None:
    found = ask(text)
    assert (found.offers_keys, found.kerberos) == (keys, kerberos)


def test_jump_host_ignores_user_and_port_of_target(tmp_path: Path) -> None:
    made = config(
        tmp_path,
        """
        Match originalhost behind user poms
          ProxyJump first,%r@second:2200
        Match originalhost first
          HostName first.example.org
          User me
          Port 2201
        Match originalhost second user poms
          ConnectTimeout 7s
          ProxyJump not-asked
        """,
    )
    hops = route_to(host(name="behind", port=23), made)
    assert [hop.where for hop in hops] == [
        "me@first.example.org port 2201",
        "poms@second port 2200",
        "poms@behind port 23",
    ]
    assert [hop.timeout for hop in hops] == [10, 7, 10]


def test_a_proxy_command_gets_the_inventorys_port_and_a_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")
    made = config(tmp_path, "ProxyCommand printf '%%s' '%h:%p %n %r 5%%h' 2>&1 | cat")
    connection = route_to(host(address="web1", port=2222), made)[-1].connection
    with connection.open_gateway().process as process:
        assert process.stdout.read() == b"web1:2222 web1 poms 5%h"


def test_the_flag_t_goes_before_ssh_config(tmp_path: Path) -> None:
    (hop,) = route_to(host(), config(tmp_path, "ConnectTimeout 5", timeout=3))
    assert (hop.timeout, hop.connection.connect_timeout) == (3, None)


def test_ssh_config_error_is_reported_in_one_line(ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        ask('Match exec "echo sh: line 1: noise >&2"\n  Port 23\nHost *\n  Nonsense \x1b[2J 1\n')
    said = str(caught.value)
    assert f"{tmp_path}/ssh_config: line 4: Bad configuration option: nonsense" in said
    assert (len(said.splitlines()), "noise" in said, "\x1b" in said) == (1, False, False)


def test_missing_ssh_config_file_is_reported(tmp_path: Path) -> None:
    made = config(tmp_path, "")
    (tmp_path / "ssh_config").unlink()
    with pytest.raises(BadInput, match="No such file or directory"):
        settings_of(made, "web1")


def test_hanging_match_exec_is_killed(ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_config_query, "LIMIT", 0.5)
    os.mkfifo(tmp_path / "alive")
    reader = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(BadInput, match="Match exec"):
        ask(f'Match exec "exec sleep 100 > {tmp_path}/alive"\n  Port 23\n')
    os.set_blocking(reader, True)
    assert os.read(reader, 1) == b"", "nobody has it open any more"
    os.close(reader)


def test_ssh_that_cannot_start_is_reported(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_config_query, "_program", lambda: "/nosuch/ssh")
    with pytest.raises(BadInput, match="cannot be started"):
        ask("")


def test_ssh_config_is_queried_once_per_login(tmp_path: Path) -> None:
    made = config(tmp_path, f'Match exec "echo asked >> {tmp_path}/asked"\n  Port 23\n')
    ssh_config_query.ask_ahead(made, [host(), host(name="web2"), host(name="web3")])
    for name in ("web1", "web2", "web3"):
        assert [settings_of(made, name, "poms").port for _ in range(2)] == [23, 23]
    assert (tmp_path / "asked").read_text() == "asked\n" * 3


def test_the_operators_home_is_that_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ssh itself takes the one in passwd."""
    home = tmp_path / "a home"
    monkeypatch.setenv("HOME", str(home))
    (home / ".ssh").mkdir(parents=True)
    config_of_theirs = fabric.Config(ssh_config=paramiko.SSHConfig())
    assert settings_of(config_of_theirs, "web1").port == 22
    (home / ".ssh/config").write_text("Host web2\n  Port 2222\n  UserKnownHostsFile /known\n")
    first, second = (settings_of(config_of_theirs, name) for name in ("web3", "web2"))
    assert [str(path) for path in first.user_known_hosts] == [f"{home}/.ssh/known_hosts", f"{home}/.ssh/known_hosts2"]
    assert ([str(path) for path in second.user_known_hosts], second.port) == (["/known"], 2222)


def test_fabrics_own_switch_for_ssh_config_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text("Port 2222\n")
    for value, port in ((True, 2222), (False, 22)):
        made = fabric.Config(ssh_config=paramiko.SSHConfig(), overrides={"load_ssh_configs": value})
        assert settings_of(made, "web1").port == port


@pytest.fixture
def no_ssh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without the program."""
    monkeypatch.setattr(ssh_config_query, "_program", lambda: None)


@pytest.mark.usefixtures("no_ssh")
def test_paramiko_reads_ssh_config_if_ssh_is_missing(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    found = ask(
        """
        Include nothing/*.conf
        Host web1
          HostName %h.example.org
          Port 2222
          ConnectTimeout 30s
          IdentityFile ~/mine
          IdentityFile "%d/other key"
          UserKnownHostsFile ~/a#b /known
          HostKeyAlias web
          GSSAPIAuthentication yes
          ProxyJump me@jump
        """
    )
    assert (found.host_name, found.port, found.connect_timeout) == ("web1.example.org", 2222, 30)
    assert found.identity_files == ("/home/me/mine", "/home/me/other key")
    assert [str(path) for path in found.user_known_hosts] == ["/home/me/a#b", "/known"]
    assert (found.host_key_alias, found.kerberos, found.proxy_jump) == ("web", True, "me@jump")
    usual = ask("")
    assert (usual.usual_identities, str(usual.global_known_hosts[0])) == (True, "/etc/ssh/ssh_known_hosts")


@pytest.mark.usefixtures("no_ssh")
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Host web1\n  Port 22 # for now\n", 2),
        ("\n\nPort\n", 3),
        ("Match nonsense\n", 1),
        ('Match exec "unclosed\n', 1),
        ("Host *\n\n  Include {folder}/ssh_config\n", 3),
        ("Host *\n  IdentityFile \udcff\n  Match\n", 3),
    ],
)
def test_ssh_config_error_without_ssh_names_file_and_line(tmp_path: Path, text: str, line: int) -> None:
    made = config(tmp_path, "")
    text = text.format(folder=tmp_path)
    (tmp_path / "ssh_config").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BadInput) as caught:
        settings_of(made, "web1")
    assert str(caught.value).startswith(f"{tmp_path}/ssh_config: line {line}: ")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.usefixtures("no_ssh")
@pytest.mark.parametrize("text", ["Port high", "ConnectTimeout soon", "CanonicalizeHostname yes"])
def test_invalid_ssh_config_values_are_refused(ask: Ask, text: str) -> None:
    with pytest.raises(BadInput):
        ask(text)


def test_a_connection_leaves_the_config_alone_that_threads_share(tmp_path: Path) -> None:
    """Fabric would write into it, and it is empty for a moment then: another thread's login ended in a traceback."""
    shared = config(tmp_path, "")
    merged: list[bool] = []
    shared._set(merge=lambda: merged.append(True))
    route_to(host(), shared)
    assert not merged
