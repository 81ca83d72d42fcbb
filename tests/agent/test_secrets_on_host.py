"""What becomes of a secret on the host: its own account alone can read it; no command line, record or log has it."""

import base64
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.agent.messages import Message
from ops.agent.transaction_messages import TransactionRequest
from tests.agent.local_agent import probed, read_releases
from tests.agent.shells import executable
from tests.agent.transactions import FakeHost, carry_out, digest, keep, started, write

OLD, NEW = b"password = tiger-1\n", b"password = hunter2\n"
SECRETS = (b"hunter2", b"tiger-1", base64.b64encode(NEW).rstrip(b"=\n")[:16], base64.b64encode(OLD)[:16])


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeHost]:
    """A host whose state folder is open to everybody, and whose login shell hides nothing."""
    made = FakeHost(tmp_path)
    made.conf.write_bytes(OLD)
    made.conf.chmod(0o640)
    made.state.chmod(0o755)
    before = os.umask(0)
    yield made
    os.umask(before)


def request(fake: FakeHost) -> TransactionRequest:
    """One that puts NEW in the place of OLD, for the account alone."""
    return fake.request(write(fake.conf, NEW, mode="0600"), meta=[f"secret 1:11:0 {fake.conf}"])


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def open_to_others(state: Path) -> list[Path]:
    """Files below the state folder that other accounts could reach and read."""
    found = []
    for path in files(state):
        folders = [folder for folder in path.parents if folder.is_relative_to(state)]
        if path.stat().st_mode & 0o044 and all(folder.stat().st_mode & 0o011 for folder in folders):
            found.append(path)
    return found


def test_secret_is_readable_only_by_account_throughout_deploy(fake: FakeHost) -> None:
    copied = fake.root / "at-reload"
    executable(fake.root / "reload", f'#!/bin/sh\n/bin/cp -rp "{fake.state}" "{copied}"\n')
    commands: list[bytes] = []

    def look(running: "subprocess.Popen[bytes]", message: Message) -> None:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if os.getpgid(int(folder.name)) == running.pid:
                    commands.append((folder / "cmdline").read_bytes() + (folder / "environ").read_bytes())
            except OSError:
                continue
        keep(running, message)

    ran = started(request(fake), look)
    assert ran.ended == "committed", ran
    assert fake.conf.stat().st_mode & 0o777 == 0o600
    staged = [path.name for path in files(copied) if path.read_bytes() in (OLD, NEW)]
    assert sorted(staged) == ["new.1", "old.1"]
    assert open_to_others(copied) == []
    assert open_to_others(fake.state) == []
    assert [path.read_bytes() for path in (fake.state / "objects").iterdir()] == [NEW]
    assert [path.stat().st_mode & 0o777 for path in (fake.state / "objects").iterdir()] == [0o600]
    said = b"".join(commands)
    assert b"from ops.agent.main" in said
    assert [secret for secret in SECRETS if secret in said] == []


def test_release_record_has_secret_position_without_value(fake: FakeHost) -> None:
    assert carry_out(request(fake)).ended == "committed"
    release = (fake.state / "current").resolve()
    for path in files(release):
        assert b"hunter2" not in path.read_bytes(), path  # what was there before is kept: old.1
    found = probed(fake.state, (fake.conf, digest(NEW)))
    assert found.secrets == [(str(fake.conf), "1:11:0")]
    assert [file.content for file in found.files] == [None]
    (record,) = read_releases("dash", fake.state).releases.records
    assert f"secret 1:11:0 {fake.conf}" in record.lines


def test_failed_deploy_leaves_no_copy_of_secret(fake: FakeHost) -> None:
    executable(fake.root / "reload", "#!/bin/sh\nexit 1\n")
    ran = started(request(fake), keep)
    assert ran.ended == "files-back"
    assert fake.conf.read_bytes() == OLD
    assert fake.conf.stat().st_mode & 0o777 == 0o640
    assert not [path for path in files(fake.state) if b"hunter2" in path.read_bytes()]
    assert open_to_others(fake.state) == []


def test_password_of_sudo_and_keys_of_probe_are_not_written(fake: FakeHost) -> None:
    asked = request(fake)
    asked.sudo_password = "hunter3"
    copied = fake.root / "at-reload"
    executable(fake.root / "reload", f'#!/bin/sh\n/bin/cp -rp "{fake.state}" "{copied}"\n')
    assert carry_out(asked).ended == "committed"
    assert [path for path in files(copied) if b"hunter3" in path.read_bytes()] == []
