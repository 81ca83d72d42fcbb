"""The zone of another process."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from ops.agent.time_zones import use_zone, zone_of


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """The tests' own zone afterwards."""
    before = os.environ.get("TZ", "")
    yield
    use_zone(before)


def test_zone_is_that_of_the_process() -> None:
    program = "print('ready', flush=True); input()"  # before that, the kernel may not have its variables yet
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", program], env={"TZ": "Asia/Tokyo"}, stdin=pipe, stdout=pipe
    ) as running:
        assert running.stdout
        running.stdout.readline()
        assert zone_of(running.pid) == "Asia/Tokyo"
        running.kill()
    assert zone_of(2**22 + 1) == ""


@pytest.mark.parametrize(("zone", "hour"), [("Asia/Tokyo", 3), ("UTC", 12), ("America/Chicago", 18)])
def test_times_are_read_in_the_zone(zone: str, hour: int) -> None:
    use_zone(zone)
    noon = (2026, 11, 20, 12, 0, 0, 0, 0, -1)
    assert time.gmtime(time.mktime(noon)).tm_hour == hour
