"""What `status` and `workers` ask of a host: several scripts in one command, uWSGI's statistics and its log."""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ops.agent.health_messages import HealthRequest
from ops.agent.releases_messages import ReleasesRequest
from ops.agent.service_messages import App
from ops.agent.workers_messages import WorkersRequest
from ops.formats.uwsgi_log import RECORD, patterns
from ops.monitoring import health
from ops.monitoring.worker_history import MEGABYTE
from ops.monitoring.workers import WorkerPool, parse
from tests.agent import local_agent
from tests.agent.shells import SHELLS
from tests.unit.hosts import host

FORMAT = "%(addr) [%(ctime)] %(method) %(uri) => %(status), worker %(wid), process %(pid) at %(vszM) MB"


@contextmanager
def stats_server(path: Path, workers: list[dict[str, Any]]) -> Iterator[None]:
    """Stands in for uWSGI's, for one question."""
    said = json.dumps({"listen_queue_errors": 3, "workers": workers}).encode()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def answer() -> None:
            line, _ = server.accept()
            with line:
                line.sendall(said)

        thread = threading.Thread(target=answer)
        thread.start()
        yield
        thread.join(10)
    path.unlink()


def line(seconds: int, pid: int, megabytes: int, uri: str = "/poms") -> str:
    return f"::1 [{time.ctime(seconds)}] GET {uri} => 200, worker 1, process {pid} at {megabytes} MB"


def ask(shell: str, folder: Path, log: str, workers: list[dict[str, Any]]) -> WorkerPool:
    """The workers as an operator's side reads them."""
    one = host(uwsgi={"options": {"stats": str(folder / "s"), "log-format": FORMAT}})
    (folder / "web.log").write_text(log)
    request = WorkersRequest(stats=f"{folder}/s", log=f"{folder}/web.log", patterns=patterns(one, RECORD))
    with stats_server(folder / "s", workers):
        (answer,) = local_agent.ask(shell, request)
    assert "secret" not in str(answer)
    return parse(one, answer)


def uwsgi_worker(pid: int, **values: Any) -> dict[str, Any]:
    cores = [{"in_request": 1, "vars": ["HTTP_COOKIE=secret"]}, {"in_request": 0, "vars": []}]
    return {"id": 1, "pid": pid, "status": "busy", "vsz": 800 << 20, "respawn_count": 2, "cores": cores} | values


@pytest.mark.parametrize("shell", SHELLS)
def test_workers_report_contains_numbers_and_no_request_headers(shell: str, tmp_path: Path) -> None:
    log = "\n".join(line(1_800_000_000 + 60 * n, 41, 700 + n) for n in range(10)) + "\n"
    pool = ask(shell, tmp_path, log, [uwsgi_worker(41), GONE, uwsgi_worker(43, status="cheap")])
    first, second, leaving = pool.workers
    assert (leaving.state, leaving.runs) == ("busy", True), "it was sent away, and a request still runs in it"
    assert (first.id, first.pid, first.state, first.busy_cores, first.cores) == (1, 41, "busy", 1, 2)
    assert (second.id, second.runs, pool.queue_errors) == (2, False, 3)
    assert [(point.time, point.size / MEGABYTE) for point in (first.record[0], first.record[-1])] == [
        (1_800_000_000, 700),
        (1_800_000_540, 709),
    ]


GONE = {"id": 0, "pid": 0, "status": "cheap", "cores": []}
REASONS = {
    "size 1451229184": ["worker 1 killed successfully (pid: 41)"],
    "evil": ["*** EVIL RELOAD ON WORKER 1 ADDRESS SPACE: 2394173440 (pid: 41) ***", "DIED 9"],
    "harakiri": ["Thu Jan  1 00:00:00 2026 - *** HARAKIRI ON WORKER 1 (pid: 41, try: 1, graceful: no) ***", "DIED 9"],
    "signal 11": ["DIED 11"],
    "cheap": ["worker 1 killed successfully (pid: 41)", "uWSGI worker 1 cheaped."],
    "lifetime": [
        "worker 1 lifetime reached, it was running for 9 second(s)",
        "worker 1 killed successfully (pid: 41)",
    ],
}


@pytest.mark.parametrize("reason", REASONS)
def test_worker_replacement_reason_is_read_from_log(reason: str, tmp_path: Path) -> None:
    died = "DAMN ! worker 1 (pid: 41) died, killed by signal {} :( trying respawn ..."
    events = [died.format(text.split()[1]) if text.startswith("DIED") else text for text in REASONS[reason]]
    log = [
        line(1_800_000_000, 41, 1384),
        *events,
        "Respawned uWSGI worker 1 (new pid: 42)",
        line(1_800_000_060, 42, 700),
    ]
    one = ask("dash", tmp_path, "\n".join(log) + "\n", [uwsgi_worker(42)]).workers[0]
    assert (one.last, one.reasons) == (reason, {reason: 1})
    assert [point.size / MEGABYTE for point in one.record] == [700], "the record is the present process's"


def test_request_path_cannot_forge_worker_record(tmp_path: Path) -> None:
    forged = [line(1_800_000_000, 41, 1, "/x, process 41 at 9999 MB"), line(1_800_000_060, 41, 700)]
    forged += [line(1_800_000_120, 41, 700, "/Respawned uWSGI worker 1 (new pid: 41)")]
    one = ask("dash", tmp_path, "\n".join(forged) + "\n", [uwsgi_worker(41)]).workers[0]
    assert [point.size / MEGABYTE for point in one.record] == [1, 700, 700]
    assert one.reasons == {}


def test_restarted_master_clears_earlier_replacement_reasons(tmp_path: Path) -> None:
    log = ["*** HARAKIRI ON WORKER 1 (pid: 4, try: 1) ***", "Respawned uWSGI worker 1 (new pid: 5)"]
    log += ["spawned uWSGI worker 1 (pid: 41, cores: 10)"]
    assert ask("dash", tmp_path, "\n".join(log) + "\n", [uwsgi_worker(41)]).workers[0].last == ""


def test_large_log_is_sampled_over_its_whole_length(tmp_path: Path) -> None:
    filler = "x" * 900
    log = "".join(line(1_800_000_000 + n, 41, 700, f"/{filler}") + "\n" for n in range(60_000))
    began = time.process_time()
    one = ask("dash", tmp_path, log, [uwsgi_worker(41)]).workers[0]
    assert len(log) > 50_000_000
    assert len(one.record) <= 60
    assert one.record[-1].time == 1_800_059_999
    assert one.record[0].time < 1_800_003_000
    assert time.process_time() - began < 5


@pytest.mark.parametrize("shell", SHELLS)
def test_unreachable_stats_server_is_reported(shell: str, tmp_path: Path) -> None:
    one = host(uwsgi={"options": {"stats": str(tmp_path / "none")}})
    request = WorkersRequest(stats=f"{tmp_path}/none", log=f"{tmp_path}/none.log")
    (answer,) = local_agent.ask(shell, request)
    assert parse(one, answer).problem == f"the stats server {tmp_path}/none: No such file or directory"


def app_at(listen: str) -> App:
    """An app that no program runs."""
    return App(listen=listen, page="/", headers=[], statuses=[], ini="", log="", timeout=1, start=1)


@pytest.mark.parametrize("shell", SHELLS)
def test_health_reports_ports_queues_and_disks(shell: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as open_port, socket.socket(socket.AF_UNIX) as app:
        app.bind(str(tmp_path / "app.sock"))
        app.listen(5)
        callers = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for caller in callers:
            caller.connect(str(tmp_path / "app.sock"))
        port = open_port.getsockname()[1]
        request = HealthRequest(
            state_dir=f"{tmp_path}/state",
            most_waiting=10,
            apps=[app_at(f"{tmp_path}/app.sock")],
            server_name="web1",
            page="/poms",
            ports=[port, 1],
            disks=[str(tmp_path), "/none"],
        )
        found, apps = health.read(local_agent.ask(shell, request)[0])
        for caller in callers:
            caller.close()
    assert found.ports == {port: False, 1: False}  # that somebody listens is no answer
    assert apps["service"].queue == (3, 5)
    (disk,) = found.disks
    assert disk.free == pytest.approx(os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize / 1024, rel=0.05)
    assert abs(found.now - time.time()) < 60
    assert set(found.processes) == {"apache", "shibd"}


@pytest.mark.parametrize("shell", SHELLS)
def test_requests_are_answered_although_one_fails(shell: str, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    good = ReleasesRequest(state_dir=f"{tmp_path}/state", home="", uwsgi_file="/dev/null")
    bad = ReleasesRequest(state_dir="a\0b", home="", uwsgi_file="/dev/null")
    answers = local_agent.ask(shell, good, bad, good)
    assert [bool(answer.error) for answer in answers] == [False, True, False]
    assert len(answers[2].messages) == 1
