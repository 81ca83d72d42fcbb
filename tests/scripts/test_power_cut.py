"""The host dies at any command of a deploy: what lies there is old or new as a whole after the next one."""

import os
import shutil
from pathlib import Path

import pytest

from tests.scripts.local_agent import probed
from tests.scripts.remote import SHELLS, FakeHost, Ran, digest, executable, run

OLD, NEW, THIRD = b"# old\n", b"# new\n", b"# third\n"
# Whatever changes the disk, or is looked at in between.
DIES = (
    "cat chgrp chmod cp cut date find flock grep ln mkdir mkfifo mktemp mv readlink rm sed sha256sum sync touch tail"
)
EVERY = 1 if os.environ.get("POMS_TEST_ALL") else 9


def commands_that_die(folder: Path, count: int) -> Path:
    """A folder for PATH: the first `count` calls of its commands work, and the next ends the whole process group.

    A command in a group of its own, as `timeout` makes one, is not counted.
    """
    folder.mkdir()
    for name in DIES.split():
        text = f"""#!/bin/sh
read -r _ _ _ _ group session _ </proc/self/stat
if [ "$group" = "$session" ] && [ "$group" != 0 ]; then
    printf x >>"{folder}.calls"
    [ "$(stat -c %s "{folder}.calls")" -le {count} ] || kill -9 0
fi
exec {shutil.which(name)} "$@"
"""
        executable(folder / name, text)
    return folder


def deploy(shell: str, fake: FakeHost, content: bytes, name: str, path: str = "") -> Ran:
    """One deploy of three files: one that differs, one that is new, and one of supervisord's programs."""
    files = [(file, content, digest(file.read_bytes()) if file.exists() else "absent") for file in places(fake)]
    return run(shell, "transaction", [*fake.request(*files, name=name), "commit"], path=path)


def test_deploy_with_record_lost_in_power_cut_is_unfinished(tmp_path: Path) -> None:
    pending = tmp_path / "state/pending"
    pending.mkdir(parents=True)
    (pending / "meta").touch()  # its content was not written yet
    assert probed(tmp_path / "state").unfinished


@pytest.mark.parametrize("shell", SHELLS)
def test_release_is_synced_to_disk_before_it_becomes_current(shell: str, tmp_path: Path) -> None:
    """Else a power cut gives back a deploy that is half-done, and the next one puts the old files back."""
    fake = made(tmp_path / "host")
    state, folder = fake.root / "state", tmp_path / "bin"
    folder.mkdir()
    text = f"""#!/bin/sh
if [ -e {state}/pending ]; then echo half-done; else readlink {state}/current; fi >>{tmp_path}/synced
exec {shutil.which("sync")} "$@"
"""
    executable(folder / "sync", text)
    assert deploy(shell, fake, NEW, "r1", path=str(folder)).values("ended") == ["committed"]
    assert (tmp_path / "synced").read_text().splitlines()[-1] == "releases/r1"


def places(fake: FakeHost) -> list[Path]:
    return [fake.conf, fake.conf.with_name("new.conf"), fake.root / "home/supervisord.conf"]


def found(fake: FakeHost) -> list[bytes]:
    return [path.read_bytes() if path.exists() else b"" for path in places(fake)]


def made(folder: Path) -> FakeHost:
    folder.mkdir()
    fake = FakeHost(folder)
    fake.conf.write_bytes(OLD)
    places(fake)[2].write_bytes(OLD)
    return fake


@pytest.mark.parametrize("shell", SHELLS if EVERY == 1 else ["dash"])
def test_deploy_after_power_cut_at_any_command_recovers_host(shell: str, tmp_path: Path) -> None:
    old, new = [OLD, b"", OLD], [NEW] * 3
    whole = made(tmp_path / "whole")
    assert deploy(shell, whole, NEW, "r1", str(commands_that_die(tmp_path / "none", 10**6))).code == 0
    total = (tmp_path / "none.calls").stat().st_size
    assert total > 50
    ended = set()
    for count in range(0, total, EVERY):
        fake = made(tmp_path / str(count))
        died = deploy(shell, fake, NEW, "r1", str(commands_that_die(tmp_path / f"{count}.bin", count)))
        assert died.code == -9, f"command {count}: {died}"
        torn = [content for content, *whole in zip(found(fake), old, new, strict=True) if content not in whole]
        assert not torn, f"command {count}: {torn}"
        mended = run(shell, "transaction", [*fake.request(name="r2"), "commit"])
        assert mended.values("ended") == ["committed"], f"command {count}: {mended}"
        after = found(fake)
        assert after in (old, new), f"command {count}: {after}, {mended}"
        ended.add(after == new)
        left = [path.name for path in fake.conf.parent.iterdir() if path.name.startswith(".")]
        left += [path.name for path in (fake.root / "state").iterdir() if path.name == "pending"]
        assert not left, f"command {count}: {left}"
        running = fake.root / "state/current/meta"
        assert ("release r1" in running.read_text() if running.exists() else False) == (after == new), f"{count}"
        third = deploy(shell, fake, THIRD, "r3")
        assert (third.code, found(fake)) == (0, [THIRD] * 3), f"command {count}: {third}"
        shutil.rmtree(fake.root)
    assert ended == {True, False}
