"""What becomes of a secret on the host: its own account alone can read it; no command line, record or log has it."""

import base64
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scripts.local_agent import probed, read_releases
from tests.scripts.remote import SHELLS, FakeHost, answer, digest, executable, run

OLD, NEW = b"password = tiger-1\n", b"password = hunter2\n"
TOOLS = """base64 cat chgrp chmod cmp cp cut date dirname find flock grep head ln mkdir mktemp mv printf rm sed
    sha256sum sleep sort stat sync tail timeout touch tr"""


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeHost]:
    """A host whose state folder is open to everybody, and whose login shell hides nothing."""
    made = FakeHost(tmp_path)
    made.conf.write_bytes(OLD)
    made.conf.chmod(0o640)
    (made.root / "state").chmod(0o755)
    before = os.umask(0)
    yield made
    os.umask(before)


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where each tool that the script calls notes its command line and its environment."""
    folder, log = tmp_path / "bin", tmp_path / "commands"
    folder.mkdir()
    for name in TOOLS.split():
        real = shutil.which(name)
        executable(folder / name, f'#!/bin/sh\n{{ echo "{name} $*"; env; }} >>"{log}"\nexec {real} "$@"\n')
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return log


def request(fake: FakeHost) -> list[str]:
    """One that puts NEW in the place of OLD, for the account alone."""
    lines = [line.replace(" 0644 ", " 0600 ") for line in fake.request((fake.conf, NEW, digest(OLD)))]
    return [*lines[:-1], f"meta secret 1:11:0 {fake.conf}", "end"]


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


def test_secret_is_readable_only_by_account_throughout_deploy(shell: str, fake: FakeHost, commands: Path) -> None:
    copied = fake.root / "at-reload"
    executable(fake.root / "reload", f'#!/bin/sh\n/bin/cp -rp "{fake.root}/state" "{copied}"\n')
    ran = answer(shell, "transaction", request(fake), "verdict", ["commit"])
    assert ran.values("ended") == ["committed"], ran
    assert fake.conf.stat().st_mode & 0o777 == 0o600
    staged = [path.name for path in files(copied) if path.read_bytes() in (OLD, NEW)]
    assert sorted(staged) == ["new.1", "old.1"]
    assert open_to_others(copied) == []
    assert open_to_others(fake.root / "state") == []
    assert [path.read_bytes() for path in (fake.root / "state/objects").iterdir()] == [NEW]
    assert [path.stat().st_mode & 0o777 for path in (fake.root / "state/objects").iterdir()] == [0o600]
    said = commands.read_bytes()
    assert b"sha256sum" in said
    for secret in (b"hunter2", b"tiger-1", base64.b64encode(NEW).rstrip(b"=\n")[:16], base64.b64encode(OLD)[:16]):
        assert secret not in said


def test_release_record_has_secret_position_without_value(shell: str, fake: FakeHost) -> None:
    assert run(shell, "transaction", [*request(fake), "commit"]).values("ended") == ["committed"]
    release = (fake.root / "state/current").resolve()
    for path in files(release):
        assert b"hunter2" not in path.read_bytes(), path  # what was there before is kept: old.1
    found = probed(fake.root / "state", (fake.conf, digest(NEW)))
    assert found.secrets == [(str(fake.conf), "1:11:0")]
    assert [file.content for file in found.files] == [None]
    (record,) = read_releases(shell, fake.root / "state").releases.records
    assert f"secret 1:11:0 {fake.conf}" in record.lines


def test_failed_deploy_leaves_no_copy_of_secret(shell: str, fake: FakeHost) -> None:
    executable(fake.root / "reload", "#!/bin/sh\nexit 1\n")
    ran = run(shell, "transaction", [*request(fake), "commit"])
    assert ran.values("ended") == ["files-back"]
    assert fake.conf.read_bytes() == OLD
    assert fake.conf.stat().st_mode & 0o777 == 0o640
    assert not [path for path in files(fake.root / "state") if b"hunter2" in path.read_bytes()]
    assert open_to_others(fake.root / "state") == []
