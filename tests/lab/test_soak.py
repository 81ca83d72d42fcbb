"""A short soak of a fixed seed; `make soak` runs many more operations."""

from pathlib import Path

import pytest

from tests.soak.lane import Lane
from tests.soak.plan import draw
from tests.soak.report import violation_text

SEED, OPERATIONS = 260, 10  # of that seed, twenty draw each kind of fault; `make soak` makes as many as it is told


@pytest.mark.exhaustive
def test_operations_leave_the_host_whole_whatever_disturbs_them(tmp_path: Path) -> None:
    lane = Lane.made(tmp_path, tmp_path / "soak.log")
    try:
        ran = [lane.run(draw(SEED, number, disks=not lane.host.why_no_disks)) for number in range(1, OPERATIONS + 1)]
    finally:
        lane.host.end()
    broken = [violation_text(SEED, one) for one in ran if one.violations]
    assert not broken, "\n\n".join(broken)
