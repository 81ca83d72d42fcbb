"""A log's times are those of the program that writes it, whatever zone the host and the account's profile have."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.agent.logs_messages import LogLines, LogsRequest
from ops.logs.catalog import Log
from ops.logs.stream import HostLogs
from tests.agent.reading import Reading, until
from tests.unit.hosts import host

NOON = "2026-11-20 12:00:00"  # of no zone


@pytest.fixture
def in_tokyo() -> Iterator[str]:
    """A program of supervisord's that was started with a zone of its own; its full name."""
    name = f"tokyo{os.getpid()}"
    environment = {"TZ": "Asia/Tokyo", "SUPERVISOR_PROCESS_NAME": name, "SUPERVISOR_GROUP_NAME": "zones"}
    with subprocess.Popen(["sleep", "60"], env=os.environ | environment) as running:
        yield f"zones:{name}"
        running.kill()


def seconds_at(clock: str, zone: str) -> float:
    """Seconds since 1970, by the tool of the system."""
    environment = {"PATH": os.environ["PATH"]} | ({"TZ": zone} if zone else {})
    return float(subprocess.check_output(["date", "-d", clock, "+%s"], env=environment))


def test_a_time_without_a_zone_is_the_writers(tmp_path: Path, in_tokyo: str) -> None:
    path = tmp_path / "a.log"
    path.write_text(f"{NOON},000 INFO noon\n")
    source = HostLogs(host(), [Log("a", str(path), True, in_tokyo), Log("b", str(path), True)], LogsRequest(lines=5))
    with Reading(source, TZ="America/New_York") as reading:
        until(lambda: reading.has_ended)
    (lines,) = [message.lines for message in reading.messages if isinstance(message, LogLines)]
    assert {number: seconds for number, seconds, *_ in lines} == {
        1: seconds_at(NOON, "Asia/Tokyo"),
        2: seconds_at(NOON, ""),  # the machine's own zone, not the profile's
    }
