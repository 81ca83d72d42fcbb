"""Whoever comes next rolls back a change that died, whatever version began it.

killed_changes_of_scripts.json has what the version before left, whose transaction was a shell script: it was run in a
folder (@ROOT@) over a first release, and killed. A file of the same inode as another one is a "link" to it.
"""

import json
from pathlib import Path

import pytest

from ops.deploy.releases import parse_releases
from tests.agent.local_agent import read_releases
from tests.agent.transactions import NEW, OLD, FakeHost, carry_out, write

STATES = json.loads(Path(__file__).with_name("killed_changes_of_scripts.json").read_text())


def lay_out(root: Path, files: dict[str, dict[str, str]]) -> FakeHost:
    """A host with these files."""
    fake = FakeHost(root)
    for name, found in files.items():
        path = root / name
        if "folder" in found:
            path.mkdir(exist_ok=True)
            path.chmod(int(found["folder"], 8))
        elif "to" in found:
            path.symlink_to(found["to"])
        elif "link" in found:
            path.hardlink_to(root / found["link"])
        else:
            path.write_text(found["text"].replace("@ROOT@", str(root)))
            path.chmod(int(found["mode"], 8))
    (root / "restart").write_text(f'#!/bin/sh\ncat "{fake.conf}" >>"{root}/started"\n')
    (root / "restart").chmod(0o755)
    return fake


@pytest.mark.parametrize("state", STATES)
def test_change_that_scripts_began_is_rolled_back_first(tmp_path: Path, state: str) -> None:
    fake = lay_out(tmp_path, STATES[state])
    first = (fake.state / "current").resolve().name
    ran = carry_out(fake.request(name="r2", commands=fake.commands(start="restart"), reloads=[]))
    assert ran.ended == "committed", ran
    assert [note for note in ran.notes if "killed" in note and "r1" in note], ran
    gone, new = fake.conf.with_name("gone.conf"), fake.conf.with_name("new.conf")
    ini = fake.root / "home/private/config/uwsgi.ini"
    assert [path.read_bytes() for path in (fake.conf, gone, ini)] == [OLD] * 3
    assert fake.conf.stat().st_mode & 0o777 == 0o640
    assert not new.exists()
    assert fake.left_over() == []
    assert (fake.state / "current").resolve().name == first
    ends = {one.name: one.facts["ended"] for one in parse_releases(read_releases("dash", fake.state).releases)}
    assert ends.pop("r0") == "committed"
    assert set(ends.values()) == (set() if state == "before the swap" else {"rolled-back killed before its end"})
    if state == "while it reloaded":  # it may have read the new files
        assert (fake.root / "started").read_bytes() == OLD
    assert carry_out(fake.request(write(fake.conf, NEW), name="r3")).ended == "committed"


def test_fields_of_a_later_version_are_taken_from_today(tmp_path: Path) -> None:
    fake = FakeHost(tmp_path)
    fake.conf.write_bytes(NEW)
    pending = fake.state / "pending"
    pending.mkdir()
    request = fake.request(write(fake.conf, NEW, "absent"))
    for name in ("swapping", "reloading", "absent.1"):
        (pending / name).touch()
    (pending / "swapped").write_text("1\n")
    (pending / "meta").write_text("release r1\n")
    file = f'{{"type":"ChangedFile","path":"{fake.conf}","mode":"0644","seen":"absent","wanted":"{"0" * 64}"}}'
    lines = [f"files [{file}]", 'apache {"type":"ApacheOfTomorrow"}', 'reloads ["apache"]', "unheard-of 1"]
    (pending / "request").write_text("".join(f"{line}\n" for line in lines))
    ran = carry_out(request)
    assert ran.ended == "committed", ran
    assert [note for note in ran.notes if "killed" in note], ran


def test_record_that_cannot_be_moved_is_not_rolled_back_twice(tmp_path: Path) -> None:
    fake = lay_out(tmp_path, STATES["during the swap"])
    releases = fake.state / "releases"
    releases.rename(fake.state / "elsewhere")
    releases.write_text("no folder")
    ran = carry_out(fake.request(name="r2", reloads=[]))
    assert fake.conf.read_bytes() == OLD
    assert not (fake.state / "pending").exists(), ran
