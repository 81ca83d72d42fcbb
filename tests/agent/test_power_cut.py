"""The host dies at any system call of a deploy: what lies there is old or new as a whole after the next one."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.agent.transaction_messages import TransactionRequest
from tests.agent import injection
from tests.agent.injection import Point
from tests.agent.local_agent import probed
from tests.agent.shells import executable
from tests.agent.transactions import NEW, OLD, FakeHost, carry_out, removal, write

THIRD = b"# third\n"
BEFORE, AFTER = [OLD, b"", OLD, OLD], [NEW, NEW, NEW, b""]


def places(fake: FakeHost) -> list[Path]:
    return [
        fake.conf,
        fake.conf.with_name("new.conf"),
        fake.root / "home/uwsgi.ini",
        fake.conf.with_name("gone.conf"),
    ]


def made(folder: Path) -> FakeHost:
    folder.mkdir()
    fake = FakeHost(folder)
    for path, content in zip(places(fake), BEFORE, strict=True):
        if content:
            path.write_bytes(content)
    executable(fake.root / "reload", "#!/bin/sh\n")
    return fake


def request(fake: FakeHost, content: bytes, name: str) -> TransactionRequest:
    """One that changes, makes and removes files."""
    *written, gone = places(fake)
    files = [write(path, content) for path in written] + ([removal(gone)] if gone.exists() else [])
    return fake.request(*files, name=name)


def found(fake: FakeHost) -> list[bytes]:
    return [path.read_bytes() if path.exists() else b"" for path in places(fake)]


def spread(points: list[Point]) -> list[Point]:
    """All of them, or outside of `make test-all` the first and the last call of each name."""
    if os.environ.get("POMS_TEST_ALL"):
        return points
    first = {one.name: one for one in reversed(points)}
    last = {one.name: one for one in points}
    return [one for one in points if one in (first[one.name], last[one.name])]


def test_deploy_with_record_lost_in_power_cut_is_unfinished(tmp_path: Path) -> None:
    pending = tmp_path / "state/pending"
    pending.mkdir(parents=True)
    (pending / "meta").touch()  # its content was not written yet
    assert probed(tmp_path / "state").unfinished


def test_deploy_after_power_cut_at_any_system_call_recovers_host(
    tmp_path: Path, power_cuts: "Counter[tuple[str, str]]"
) -> None:
    whole = made(tmp_path / "whole")
    code, calls = injection.run(request(whole, NEW, "r1"), tmp_path / "whole.trace")
    assert (code, found(whole)) == (0, AFTER)
    points = injection.points(calls)
    assert {"rename", "fsync", "link", "mkdir", "unlink", "write", "sync", "symlink"} <= {one.name for one in points}
    missed: list[Point] = []
    for number, point in enumerate(spread(points)):
        fake = made(tmp_path / str(number))
        code, _ = injection.run(request(fake, NEW, "r1"), tmp_path / f"{number}.trace", point)
        if code == 0:  # this time, it made one call less
            missed.append(point)
            continue
        assert code in (137, -9), point
        torn = [content for content, *kept in zip(found(fake), BEFORE, AFTER, strict=True) if content not in kept]
        assert not torn, point
        mended = carry_out(fake.request(name="r2"))
        assert mended.ended == "committed", (point, mended)
        after = found(fake)
        assert after in (BEFORE, AFTER), (point, mended)
        assert fake.left_over() == [], point
        running = fake.state / "current/meta"
        assert ("release r1" in running.read_text() if running.exists() else False) == (after == AFTER), point
        power_cuts[point.name, "old" if after == BEFORE else "new"] += 1
        assert carry_out(request(fake, THIRD, "r3")).ended == "committed", point
        assert found(fake) == [THIRD, THIRD, THIRD, b""]
        shutil.rmtree(fake.root)
    assert {which for _, which in power_cuts} == {"old", "new"}
    assert len(missed) <= 1, missed


@pytest.fixture
def power_cuts(record_property: object, capsys: pytest.CaptureFixture[str]) -> Iterator["Counter[tuple[str, str]]"]:
    """How the power cuts at each call ended; printed as a table."""
    del record_property
    ended: Counter[tuple[str, str]] = Counter()
    yield ended
    with capsys.disabled():
        print("\n| system call | power cuts | then old | then new |\n| --- | --- | --- | --- |")
        for name in sorted({call for call, _ in ended}):
            old, new = ended[name, "old"], ended[name, "new"]
            print(f"| {name} | {old + new} | {old} | {new} |")
