"""Which keys and certificates a login offers, in which order, and what is said where none gets in."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest

from ops.ssh.key_certificate import FOREVER, KeyCertificate, certificate_in, read_certificate
from ops.ssh.login import route_to
from ops.ssh.login_keys import KeyLogin
from ops.ssh.operator_identity import who
from tests.unit.hosts import host, settings


class Refusing:
    """A host that lets in the key or certificate number `lets_in` that it is offered, and remembers all of them."""

    def __init__(self, lets_in: int = 0) -> None:
        self.offered: list[str] = []
        self.accepted: Any = None
        self._lets_in = lets_in

    def auth_publickey(self, _account: str, key: Any) -> list[str]:
        """What paramiko's handler would send, in hex."""
        blob = key.public_blob.key_blob if key.public_blob else key.asbytes()
        signature = key.sign_ssh_data(b"data", "rsa-sha2-256" if "rsa" in key.get_name() else None)
        assert signature
        self.offered.append(blob.hex())
        if len(self.offered) != self._lets_in:
            raise paramiko.AuthenticationException("Authentication failed.")
        self.accepted = key
        return []


def offers(login: KeyLogin) -> list[str]:
    host = Refusing()
    with pytest.raises(paramiko.AuthenticationException):
        login.authenticate(host)  # type: ignore[arg-type] # as much of a transport as it takes
    return host.offered


def keygen(*words: object) -> None:
    subprocess.run(["ssh-keygen", "-q", *map(str, words)], check=True, stdin=subprocess.DEVNULL)


@pytest.fixture
def make(tmp_path: Path) -> Any:
    """Makes a key, its public half beside it: its file, and its blob in hex."""

    def made(name: str, kind: str = "ed25519", passphrase: str = "") -> tuple[str, str]:
        keygen("-t", kind, "-N", passphrase, "-C", f"comment of {name}", "-f", tmp_path / name)
        return str(tmp_path / name), blob_of(f"{tmp_path}/{name}.pub")

    return made


@pytest.fixture
def certify(tmp_path: Path) -> Any:
    """Signs a key's public half: the file of the certificate, beside the key, and its blob in hex."""
    keygen("-t", "ed25519", "-N", "", "-f", tmp_path / "ca")

    def made(file: str, *options: str) -> tuple[str, str]:
        keygen("-s", tmp_path / "ca", "-I", "jdoe@site of \x1bteam", "-n", "poms", *options, f"{file}.pub")
        return f"{file}-cert.pub", blob_of(f"{file}-cert.pub")

    return made


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Any]:
    """An agent: adds files when called, and is named by its socket."""
    socket = str(tmp_path / "agent.sock")
    started = subprocess.run(["ssh-agent", "-s", "-a", socket], capture_output=True, text=True, check=True).stdout
    environment = os.environ | dict(re.findall(r"(SSH_\w+)=([^;]+)", started))

    def add(*files: str) -> str:
        for file in files:
            subprocess.run(["ssh-add", "-q", file], env=environment, check=True, capture_output=True)
        return socket

    yield add
    subprocess.run(["ssh-agent", "-k"], env=environment, check=True, capture_output=True)


def blob_of(file: str) -> str:
    return paramiko.pkey.PublicBlob.from_file(file).key_blob.hex()


def test_named_files_come_before_the_agents_keys_and_default_files(make: Any, agent: Any) -> None:
    named, in_agent, usual = make("named"), make("in_agent", "ecdsa"), make("usual", "rsa")
    login = KeyLogin("poms", (named[0],), (usual[0],), agent_socket=agent(in_agent[0], named[0]))
    assert offers(login) == [named[1], in_agent[1], usual[1]]
    only = KeyLogin("poms", (named[0],), (usual[0],), agent_socket=agent(), named_only=True)
    assert offers(only) == [named[1], usual[1]]
    assert offers(KeyLogin("poms", (named[0],), ())) == [named[1]]


def test_missing_key_files_are_skipped_and_unreadable_ones_are_named(make: Any, agent: Any, tmp_path: Path) -> None:
    good = make("good")
    (tmp_path / "broken").write_bytes(b"\xff\xfe")
    (tmp_path / "folder").mkdir()
    files = [str(tmp_path / name) for name in ("missing", "broken", "folder", "good")]
    host = Refusing(lets_in=1)
    KeyLogin("poms", tuple(files), ()).authenticate(host)  # type: ignore[arg-type]
    assert host.offered == [good[1]]
    with pytest.raises(paramiko.AuthenticationException) as caught:
        KeyLogin("poms", tuple(files[:3]), ()).authenticate(Refusing())  # type: ignore[arg-type]
    said = str(caught.value)
    assert [name in said for name in files] == [False, True, True, False]
    assert "you offer no key" in said


def test_a_key_with_a_passphrase_needs_the_agent(make: Any, agent: Any) -> None:
    locked, other = make("locked", passphrase="correct horse"), make("other")
    with pytest.raises(paramiko.AuthenticationException, match="locked has a passphrase"):
        KeyLogin("poms", (locked[0],), ()).authenticate(Refusing())  # type: ignore[arg-type]
    assert offers(KeyLogin("poms", (locked[0],), (), passphrase="correct horse")) == [locked[1]]
    assert "correct" not in repr(KeyLogin("poms", passphrase="correct horse"))
    unlocked = f"{locked[0]}.open"
    Path(unlocked).write_bytes(Path(locked[0]).read_bytes())
    Path(unlocked).chmod(0o600)
    keygen("-p", "-P", "correct horse", "-N", "", "-f", unlocked)
    login = KeyLogin("poms", (locked[0],), (), agent_socket=agent(other[0], unlocked))
    assert offers(login) == [locked[1], other[1]]


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_certificate_is_offered_before_its_key(make: Any, certify: Any, agent: Any, kind: str) -> None:
    """Beside the key, in a file of its own, for a key of the agent, and in the agent."""
    file, key = make("mine", kind)
    path, certificate = certify(file)
    assert offers(KeyLogin("poms", (file,), ())) == [certificate, key]
    assert offers(KeyLogin("poms", (path,), ())) == [certificate, key], "fab -i mine-cert.pub"
    assert offers(KeyLogin("poms", (), (file,))) == [certificate, key]
    elsewhere = f"{file}.elsewhere"
    Path(path).rename(elsewhere)
    assert offers(KeyLogin("poms", (file,), (), certificate_files=(elsewhere,))) == [certificate, key]
    agents = KeyLogin("poms", (), (), certificate_files=(elsewhere,), agent_socket=agent(file))
    assert offers(agents) == [certificate, key]
    Path(elsewhere).rename(path)
    subprocess.run(["ssh-add", "-q", "-D"], env=os.environ | {"SSH_AUTH_SOCK": agent()}, check=True)
    in_agent = KeyLogin("poms", (), (), agent_socket=agent(file))
    assert sorted(offers(in_agent)) == sorted([certificate, key])


def test_an_expired_certificate_is_named_if_the_login_fails(make: Any, certify: Any) -> None:
    file, _ = make("mine")
    certify(file, "-V", "20200101:20200102")
    with pytest.raises(paramiko.AuthenticationException, match=r"jdoe@site of .*team expired on 2020-01-0"):
        KeyLogin("poms", (file,), ()).authenticate(Refusing())  # type: ignore[arg-type]


def test_a_certificate_is_read(make: Any, certify: Any, tmp_path: Path) -> None:
    file, key = make("mine")
    path, blob = certify(file, "-z", "17")
    found = certificate_in(path)
    assert isinstance(found, KeyCertificate)
    told = subprocess.run(["ssh-keygen", "-lf", tmp_path / "ca.pub"], capture_output=True, text=True, check=True)
    assert (found.blob.key_blob.hex(), found.key.hex(), found.serial) == (blob, key, 17)
    assert (found.key_id, found.ends, found.authority) == ("jdoe@site of \x1bteam", FOREVER, told.stdout.split()[1])


@pytest.mark.parametrize("text", ["", "x", "ssh-ed25519-cert-v01@openssh.com AAAA", "a \udcff", "a b c"])
def test_a_file_without_a_certificate_is_ignored(tmp_path: Path, text: str) -> None:
    (tmp_path / "cert").write_bytes(text.encode(errors="surrogateescape"))
    assert certificate_in(str(tmp_path / "cert")) is None
    assert certificate_in(str(tmp_path / "nosuch")) is None
    assert certificate_in(str(tmp_path)) is None


def test_a_cut_certificate_fails_nothing(make: Any, certify: Any) -> None:
    file, _ = make("mine")
    blob = bytes.fromhex(certify(file)[1])
    for length in range(len(blob)):
        read_certificate(blob[:length])


class Connected:
    """A connection whose host let in a key."""

    def __init__(self, login: KeyLogin) -> None:
        self.connect_kwargs = {"auth_strategy": login}
        self.transport = Refusing(lets_in=1)
        login.authenticate(self.transport)  # type: ignore[arg-type]


def test_the_operator_identity_is_the_certificates_key_id(make: Any, certify: Any, agent: Any) -> None:
    file, _ = make("mine")
    path, _ = certify(file, "-z", "17")
    found = certificate_in(path)
    assert found
    told = f"certificate jdoe@site of team (serial 17, CA {found.authority})"
    assert who(Connected(KeyLogin("poms", (file,), ()))) == told
    elsewhere = f"{file}.elsewhere"
    Path(path).rename(elsewhere)
    socket = agent(file)
    assert who(Connected(KeyLogin("poms", (), (), (elsewhere,), socket))) == told
    key = paramiko.Ed25519Key.from_private_key_file(file)
    assert who(Connected(KeyLogin("poms", (), (), agent_socket=socket))) == f"key {key.fingerprint} comment of mine"


def test_what_ssh_config_and_fabs_flags_say_of_keys(tmp_path: Path) -> None:
    def login(text: str, **flags: Any) -> KeyLogin:
        made = settings(tmp_path / "ssh_config", f"{text}\nIdentityAgent /agent\n", **flags)
        found = route_to(host(), made)[-1].connection.connect_kwargs["auth_strategy"]
        assert isinstance(found, KeyLogin)
        return found

    usual = login("").usual
    assert (len(usual), login("").agent_socket, login("").named_only) == (3, "/agent", False)
    named = login("IdentityFile /mine\nCertificateFile /cert\nIdentitiesOnly yes")
    assert (named.files, named.usual, named.certificate_files, named.named_only) == (("/mine",), (), ("/cert",), True)
    without = login("PubkeyAuthentication no\nIdentityFile /mine", password="open")
    assert (without.files, without.usual, without.agent_socket, without.password) == ((), (), "", "open")
    flags = login("", allow_agent=False, look_for_keys=False)
    assert (flags.usual, flags.agent_socket) == ((), "")
