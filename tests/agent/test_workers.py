"""uWSGI's workers as the agent reads them, here; test_seeing.py has what the operator is told."""

from pathlib import Path
from typing import Any

import pytest

from ops.agent import workers
from ops.agent.uwsgi_log_times import seconds_of
from ops.agent.workers_messages import WorkerPoolState, WorkersRequest
from tests.agent.test_seeing import stats_server

PATTERNS = {"pid": r"process (\d+)", "vszM": r"at (\d+) MB", "epoch": r"^(\d{9,})"}


def read(folder: Path, log: str, patterns: dict[str, str]) -> WorkerPoolState:
    (folder / "web.log").write_text(log)
    request = WorkersRequest(stats=f"{folder}/s", log=f"{folder}/web.log", patterns=patterns)
    found: list[dict[str, Any]] = [
        {"pid": 41, "status": "sig15", "vsz": 7, "cores": []},
        {"pid": 0, "status": "cheap"},
        {"status": "odd"},
    ]
    with stats_server(folder / "s", found):
        (answer,) = workers.answer(request)
    assert isinstance(answer, WorkerPoolState)
    return answer


def test_memory_and_reasons_come_from_the_log(tmp_path: Path) -> None:
    lines = [f"{1_800_000_000 + n} process 41 at {700 + n} MB" for n in range(200)]
    lines += ["*** HARAKIRI ON WORKER 1 (pid: 40) ***", "Respawned uWSGI worker 1 (new pid: 41)"]
    found = read(tmp_path, "\n".join(lines) + "\n", PATTERNS)
    first, second, third = found.workers
    assert (first.state, second.state, third.state) == ("busy", "cheap", "unknown")
    assert (len(first.points) <= 60, first.points[-1]) == (True, (1_800_000_199, 899 * 2**20))
    assert (first.reasons, first.last_reason) == ({"harakiri": 1}, "harakiri")
    assert (found.problem, found.log_problem, found.queue_errors) == ("", "", 3)


def test_only_the_end_of_a_log_is_read_without_patterns(tmp_path: Path) -> None:
    event = "DAMN ! worker 1 (pid: 4) died :( trying respawn ...\nRespawned uWSGI worker 1 (new pid: 41)\n"
    found = read(tmp_path, event + "x\n" * workers.SHORT_TAIL + event, {})
    assert (found.workers[0].reasons, found.workers[0].points) == ({"died": 1}, [])


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    (found,) = workers.answer(WorkersRequest(stats=f"{tmp_path}/none", log=f"{tmp_path}/none"))
    assert isinstance(found, WorkerPoolState)
    assert found.problem == found.log_problem == "No such file or directory"


@pytest.mark.parametrize(
    ("field", "text", "seconds"),
    [
        ("epoch", "1767225600", 1767225600),
        ("ltime", "01/Jan/2026:00:00:00 +0000", 1767225600),
        ("ltime", "31/Dec/2025:18:30:00 -0530", 1767225600),
    ],
)
def test_each_form_of_a_time_is_read(field: str, text: str, seconds: int) -> None:
    assert seconds_of(field, text) == seconds
