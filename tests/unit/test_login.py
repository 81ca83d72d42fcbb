"""The way to a host: whose settings win, and which hop an error names."""

import getpass
import socket
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any
from unittest.mock import Mock

import fabric
import paramiko
import pytest

from ops.agent.certificates_messages import CertificatesRequest
from ops.errors import BadInput, HostError, ShellUnready, Unreachable
from ops.ssh import login
from ops.ssh.fake_channel import FakeChannel
from ops.ssh.known_hosts import UnknownHostKey
from ops.ssh.login import log_in, route_to
from ops.ssh.session import AgentSession, connect
from tests.unit import hosts
from tests.unit.hosts import host

SSH_CONFIG = """
Host behind
  ProxyJump me@jump1:2200
Host far
  ProxyJump me@jump1:2200,jump2
Host far2
  ProxyJump [2001:db8::1]:22,inner
Host inner
  ProxyJump never-asked
Host alone
  ProxyJump none
Host round
  ProxyJump other
Host other
  ProxyJump round
Host own
  User poms
  ProxyJump own
Host keyed
  ProxyJump gate
Host gate
  IdentityFile /jumps-key
Host web1
  Port 2222
  User someone
  IdentityFile /ssh-config-key
"""
Settings = Callable[..., fabric.Config]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """fab's settings with the ssh_config above, and `connect_kwargs` as from fab's flags."""

    def make(**connect_kwargs: Any) -> fabric.Config:
        return hosts.settings(tmp_path / "ssh_config", SSH_CONFIG, **connect_kwargs)

    return make


def test_port_set_in_inventory_overrides_ssh_config(settings: Settings) -> None:
    assert route_to(host(), settings())[-1].where == "poms@web1 port 2222"
    assert route_to(host(port=22), settings())[-1].where == "poms@web1 port 22"
    assert route_to(host(name="web9"), settings())[-1].where == "poms@web9 port 22"


def test_each_host_is_offered_only_its_own_keys_once(settings: Settings, tmp_path: Path) -> None:
    flags, inventorys = str(tmp_path / "flags"), str(tmp_path / "inventorys")
    for file in (flags, inventorys):
        Path(file).touch()

    def files(config: fabric.Config, name: str, **ssh: str) -> list[tuple[str, ...]]:
        hops = route_to(host(name=name, ssh=ssh), config)
        return [hop.connection.connect_kwargs["auth_strategy"].files for hop in hops]

    config = settings(key_filename=[flags])
    assert files(config, "web1", identity_file=inventorys) == [(flags, "/ssh-config-key", inventorys)]
    assert files(config, "web9") == [(flags,)]
    config = settings()
    assert files(config, "web1") == [("/ssh-config-key",)]
    assert files(config, "keyed", identity_file=inventorys) == [("/jumps-key",), (inventorys,)]
    assert files(config, "web9") == [()]


def test_the_time_limit_is_for_jump_hosts_too(settings: Settings) -> None:
    jump, last = route_to(host(name="behind", ssh={"connect_timeout": 7}), settings())
    assert (jump.where, jump.timeout, last.timeout) == ("me@jump1 port 2200", 7, 7)
    assert jump.connection.connect_kwargs["channel_timeout"] == 7
    jump, last = route_to(host(name="behind"), settings(timeout=3))
    assert (jump.timeout, last.timeout, last.connection.connect_timeout) == (3, 3, None)


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("far", ["me@jump1 port 2200", "jump2 port 22", "poms@far port 22"]),
        ("far2", ["2001:db8::1 port 22", "inner port 22", "poms@far2 port 22"]),
        ("alone", ["poms@alone port 22"]),
    ],
)
def test_several_jump_hosts_are_passed_in_openssh_s_order(settings: Settings, name: str, way: list[str]) -> None:
    hops = route_to(host(name=name), settings())
    mine = getpass.getuser() + "@"
    assert [hop.where.removeprefix(mine) for hop in hops] == way


@pytest.mark.parametrize(("name", "said"), [("round", "circle"), ("own", "jumphost loop via own")])
def test_circular_jump_hosts_are_reported(settings: Settings, name: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        route_to(host(name=name), settings())


def test_hosts_share_connection_and_failure_of_their_jump_host(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = settings()
    asked: list[object] = []
    monkeypatch.setattr(login, "_set_no_delay", asked.append)
    ways = [route_to(host(name="behind"), config), route_to(host(name="behind", port=23), config)]
    assert ways[0][0].connection is ways[1][0].connection
    assert route_to(host(name="behind"), settings())[0].connection is not ways[0][0].connection
    monkeypatch.setattr(ways[0][0].connection, "open", failing(OSError("no route")))
    for way in ways:
        with pytest.raises(Unreachable, match=r"jump host jump1: cannot connect .*no route"):
            log_in(way)
    assert len(asked) == 1, "the second host does not wait for the same jump host again"


@pytest.mark.parametrize("key", ["known_hosts", "identity_file"])
def test_missing_ssh_file_of_inventory_is_reported(settings: Settings, key: str) -> None:
    with pytest.raises(BadInput, match=rf"web1: ssh\.{key}: the file /nosuch/file does not exist"):
        route_to(host(ssh={key: "/nosuch/file"}), settings())


def test_missing_key_file_of_flag_i_is_reported(settings: Settings) -> None:
    with pytest.raises(BadInput, match=r"-i: the file /nosuch/file does not exist"):
        route_to(host(), settings(key_filename=["/nosuch/file"]))


def failing(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "said", "advice"),
    [
        (UnknownHostKey("x"), "jump host jump1: its host key is not known", "ssh -p 2200 jump1"),
        (paramiko.AuthenticationException("no"), "jump host jump1: login as me@jump1 port 2200 was refused", "agent"),
        (OSError("no route"), "jump host jump1: cannot connect to me@jump1 port 2200: no route", "is it up"),
        (UnicodeError("label too long"), "jump host jump1: cannot connect", "is it up"),
        (
            paramiko.SSHException("Error reading SSH protocol banner"),
            "jump host jump1: me@jump1 port 2200",
            "MaxStartups",
        ),
    ],
)
def test_jump_host_failure_is_reported_with_its_own_advice(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str, advice: str
) -> None:
    monkeypatch.setattr(login, "_set_no_delay", lambda _: None)
    hops = route_to(host(name="behind"), settings())
    monkeypatch.setattr(hops[0].connection, "open", failing(error))
    with pytest.raises(Unreachable) as caught:
        log_in(hops)
    assert str(caught.value).startswith("behind: on the way there, " + said)
    assert advice in caught.value.next_step


def test_a_jump_host_that_cannot_reach_the_host_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "_set_no_delay", lambda _: None)
    hops = route_to(host(name="behind"), settings())
    for hop, opens in zip(hops, (lambda: None, failing(paramiko.ChannelException(2, "x"))), strict=True):
        monkeypatch.setattr(hop.connection, "open", opens)
        monkeypatch.setattr(hop.connection, "transport", Mock())
    with pytest.raises(Unreachable, match="behind: jump host jump1 cannot connect to poms@behind port 22"):
        log_in(hops)


def test_an_ipv6_address_is_connected_to(settings: Settings) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]
        hops = route_to(host(address="::1", port=port, apache={"server_name": "web1"}), settings())
        login._set_no_delay(hops[0])
        sock = hops[0].connection.connect_kwargs["sock"]
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        sock.close()


class Host(paramiko.ServerInterface):
    """Lets every key in, begins every command, and says nothing."""

    def check_auth_publickey(self, *_: object) -> int:
        """Believe it."""
        return paramiko.common.AUTH_SUCCESSFUL

    def check_channel_request(self, *_: object) -> int:
        """Open it."""
        return paramiko.common.OPEN_SUCCEEDED

    def check_channel_exec_request(self, *_: object) -> bool:
        """Take it."""
        return True


class Closed(Host):
    """Says why it lets nobody in, as sshd does with /etc/nologin."""

    def get_banner(self) -> tuple[str, str]:
        """What comes before its word on a login."""
        return "x" * 9000 + "\nSystem going down\x1b[2J at 17:00\n", "en-US"

    def check_auth_publickey(self, *_: object) -> int:
        """Refuse it."""
        return paramiko.common.AUTH_FAILED


class Nologin(Host):
    """Lets every key in, and runs /sbin/nologin for a command."""

    def check_channel_exec_request(self, *asked: object) -> bool:
        """Print what it prints, the last words without an end."""
        Thread(target=self.print, args=asked[:1], daemon=True).start()
        return True

    def print(self, channel: paramiko.Channel) -> None:
        """As /sbin/nologin: on standard output."""
        channel.sendall(b"y" * 9000 + b"\nThis account is currently\x1b[2J not available.\nAsk 4357")
        channel.send_exit_status(1)
        channel.close()


@pytest.mark.parametrize(
    ("interface", "said"),
    [(Closed, "System going down\\x1b[2J at 17:00"), (Nologin, "currently\\x1b[2J not available.\nAsk 4357")],
)
def test_login_refusal_shows_message_of_host(
    settings: Settings, tmp_path: Path, interface: type[Host], said: str
) -> None:
    key, theirs = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()
    key.write_private_key_file(str(tmp_path / "id"))
    servers = []

    def answer(listening: socket.socket) -> None:
        server = paramiko.Transport(listening.accept()[0])
        server.add_server_key(theirs)
        server.start_server(event=Event(), server=interface())
        servers.append(server)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        Thread(target=answer, args=(listening,), daemon=True).start()
        (tmp_path / "known").write_text(f"[127.0.0.1]:{port} {theirs.get_name()} {theirs.get_base64()}\n")
        files = {"identity_file": str(tmp_path / "id"), "known_hosts": str(tmp_path / "known")}
        one = host(address="127.0.0.1", port=port, ssh=files, apache={"server_name": "web1"})
        config = settings(allow_agent=False, look_for_keys=False)
        with pytest.raises(HostError) as caught, connect(one, config) as remote:
            remote.answer(CertificatesRequest(certificate="", folders=[], revocation_dir="", ports=[]))
    assert said in caught.value.message
    assert len(caught.value.message) < 5000
    assert "\x1b" not in caught.value.message
    for server in servers:
        server.close()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_login_with_the_inventorys_key_and_known_hosts(settings: Settings, tmp_path: Path, address: str) -> None:
    """On a host that then says nothing."""
    key, theirs = paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()
    key.write_private_key_file(str(tmp_path / "id"))
    known = tmp_path / "known_hosts"
    servers = []

    def answer(listening: socket.socket) -> None:
        for _ in range(2):
            server = paramiko.Transport(listening.accept()[0])
            server.add_server_key(theirs)
            server.start_server(event=Event(), server=Host())
            servers.append(server)

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listening:
        port = listening.getsockname()[1]
        Thread(target=answer, args=(listening,), daemon=True).start()
        files = {"identity_file": str(tmp_path / "id"), "known_hosts": str(known), "answer_timeout": 1}
        one = host(address=address, port=port, ssh=files, apache={"server_name": "web1"})
        config = settings(allow_agent=False, look_for_keys=False)
        known.write_text(f"[{address}]:{port} {theirs.get_name()} {theirs.get_base64()}\n")
        with connect(one, config) as remote:
            assert remote.connection.transport.is_authenticated()
            with pytest.raises(ShellUnready, match="within 1 seconds"):
                remote.answer(CertificatesRequest(certificate="", folders=[], revocation_dir="", ports=[]))
        known.write_text(f"[{address}]:{port} {key.get_name()} {key.get_base64()}\n")
        with pytest.raises(Unreachable, match="NOT the one in known_hosts"), connect(one, config):
            pass
    for server in servers:
        server.close()


def test_session_ignores_greeting_without_line_end() -> None:
    channel: Any = FakeChannel([b"Welcome!\npoms-ops tail is run\nlast login: todaypoms-ops tail\nline 1 a\n"])
    session = AgentSession(host(name="web1"), "tail", channel)
    assert list(session.lines()) == ["line 1 a"]
    assert session.greeted
