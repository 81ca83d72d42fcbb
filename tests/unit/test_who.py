"""Who is at work is told by what the host let in."""

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import fabric
import paramiko
import pytest

from ops.deploy.plan import make_plan
from ops.deploy.releases import new_release
from ops.deploy.snapshot import Snapshot
from ops.deploy.transaction_request import transaction_request
from ops.ssh.operator_identity import local_user
from ops.ssh.session import connect
from tasks.releases import _short
from tests.unit.hosts import host


class Door(paramiko.ServerInterface):
    """Lets one key in, and one password."""

    def __init__(self, key: paramiko.PKey) -> None:
        self.key = key

    def check_auth_publickey(self, _username: str, key: paramiko.PKey) -> int:
        """Only the one."""
        return paramiko.common.AUTH_SUCCESSFUL if key == self.key else paramiko.common.AUTH_FAILED

    def check_auth_password(self, _username: str, password: str) -> int:
        """Only the one."""
        return paramiko.common.AUTH_SUCCESSFUL if password == "open" else paramiko.common.AUTH_FAILED

    def get_allowed_auths(self, _username: str) -> str:
        """Both ways."""
        return "publickey,password"


@pytest.fixture
def key(tmp_path: Path) -> paramiko.PKey:
    """The operator's key, in the file `id` with its public half beside it."""
    made = paramiko.ECDSAKey.generate()
    made.write_private_key_file(str(tmp_path / "id"))
    (tmp_path / "id.pub").write_text(f"{made.get_name()} {made.get_base64()} jdoe of \x1b[2Jthe\tteam\n")
    return made


@pytest.fixture
def port(tmp_path: Path, key: paramiko.PKey) -> Iterator[int]:
    """A server that knows that key; its own is in `known_hosts`."""
    theirs, servers = paramiko.ECDSAKey.generate(), []

    def answer(listening: socket.socket) -> None:
        server = paramiko.Transport(listening.accept()[0])
        servers.append(server)
        server.add_server_key(theirs)
        server.start_server(event=Event(), server=Door(key))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        found = int(listening.getsockname()[1])
        (tmp_path / "known_hosts").write_text(f"[127.0.0.1]:{found} {theirs.get_name()} {theirs.get_base64()}\n")
        Thread(target=answer, args=(listening,), daemon=True).start()
        yield found
    for server in servers:
        server.close()


def let_in(tmp_path: Path, port: int, **kwargs: object) -> str:
    config = fabric.Config(overrides={"connect_kwargs": {"allow_agent": False, "look_for_keys": False, **kwargs}})
    ssh = {"known_hosts": str(tmp_path / "known_hosts")}
    with connect(host(address="127.0.0.1", port=port, ssh=ssh), config) as remote:
        return remote.who


def test_operator_key_is_shown_by_fingerprint_and_public_comment(
    tmp_path: Path, port: int, key: paramiko.PKey
) -> None:
    paramiko.ECDSAKey.generate().write_private_key_file(str(tmp_path / "other"))
    files = [str(tmp_path / "other"), str(tmp_path / "id")]
    assert let_in(tmp_path, port, key_filename=files) == f"key {key.fingerprint} jdoe of [2Jthe team"


def test_public_file_of_other_key_is_ignored(tmp_path: Path, port: int, key: paramiko.PKey) -> None:
    other = paramiko.ECDSAKey.generate()
    (tmp_path / "id.pub").write_text(f"{other.get_name()} {other.get_base64()} somebody else\n")
    assert let_in(tmp_path, port, key_filename=str(tmp_path / "id")) == f"key {key.fingerprint}"


def test_operator_without_key_is_local_user_and_machine(tmp_path: Path, port: int) -> None:
    assert let_in(tmp_path, port, password="open") == f"local {local_user()}"


def test_the_record_and_the_lock_say_which() -> None:
    release = new_release("key SHA256:abc jdoe")
    assert f"by key SHA256:abc jdoe\noperator {local_user()}" in "\n".join(release.metadata_lines())
    assert release.lock_owner == f"key SHA256:abc jdoe ({local_user()})"
    nothing = make_plan(host(), [], Snapshot({}, {}, None, None, "up", 1, 1))
    assert transaction_request(nothing, release).owner == f"{release.lock_owner}, deploy {release.name}"
    assert new_release(f"local {local_user()}").lock_owner == f"local {local_user()}"


@pytest.mark.parametrize(
    ("who", "shown"),
    [
        ("key SHA256:0123456789abcdefghij jdoe of x", "key SHA256:0123456789ab… jdoe of x"),
        ("key SHA256:0123456789abcdefghij", "key SHA256:0123456789ab…"),
        ("certificate jdoe (site) (serial 17, CA SHA256:0123)", "certificate jdoe (site)"),
        ("certificate jdoe", "certificate jdoe"),
        ("local me@here", "local me@here"),
        ("me@here", "me@here"),
    ],
)
def test_table_shortens_only_fingerprints(who: str, shown: str) -> None:
    assert _short(who) == shown
