"""uWSGI's workers: what is read of them, how growth is told, how they are drawn."""

import json
import re
from typing import Any

import pytest
from rich.console import Console, Group

from ops.agent.messages import Message
from ops.agent.workers_messages import WorkerPoolState, WorkerState
from ops.formats.uwsgi_log import ANSWER, RECORD, patterns
from ops.monitoring.worker_history import MEGABYTE, Point, growth, hours_left, no_record, summary, why
from ops.monitoring.workers import Worker, WorkerPool, facts, joined, needs_attention, parse, request
from ops.ssh.agent_answers import Answer
from ops.ui import workers_view as picture
from tests.unit.hosts import host

STATS = "/home/poms/private/stats.sock"


def shop(**options: Any) -> Any:
    """A host whose uWSGI has these options."""
    return host(
        uwsgi={"options": {"stats": STATS} | options},
        programs={"web": {"command": "uwsgi --ini /home/poms/private/config/poms/uwsgi-service.ini"}},
    )


def answered(*messages: Message) -> Answer:
    """A complete answer of the agent."""
    return Answer("web1", list(messages), "3")


def worker(number: int = 1, size: float = 700, **values: Any) -> Worker:
    """A worker with so many MB."""
    given: dict[str, Any] = {"pid": 100 + number, "state": "idle"} | values
    return Worker(id=number, size=int(size * MEGABYTE), **given)


def rising(first: float, last: float, seconds: float) -> tuple[Point, ...]:
    """A record that grows evenly, in MB."""
    return tuple(Point(1e9 + seconds * n / 10, (first + (last - first) * n / 10) * MEGABYTE) for n in range(11))


def drawn(*workers: Worker, width: int = 140, one: Any = None) -> str:
    """What the operator sees of them."""
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(Group(*picture.draw([(one or shop(), {"service": WorkerPool(workers)})], width)))
    return captured.get()


@pytest.mark.parametrize(
    ("written", "line"),
    [
        (
            "%(addr) [%(ctime)] %(method) %(uri) => %(status), worker %(wid), process %(pid) at %(vszM) MB",
            "::1 [Thu Jan  1 00:00:00 2026] GET / => 200, worker 3, process 41 at 747 MB",
        ),
        ("%(epoch) %(pid): %(vsz) %(uri)", "1767225600 41: 783458304 /"),
        (
            None,
            "{address space usage: 783458304 bytes/747MB} {rss usage: 1 bytes/0MB} [pid: 41|app: 0|req: 1/1] ::1 () "
            "{34 vars in 410 bytes} [Thu Jan  1 00:00:00 2026] GET / => generated 3 bytes in 0 msecs",
        ),
    ],
)
def test_records_are_found_by_the_inventorys_log_format(written: str | None, line: str) -> None:
    one = shop(**({"log-format": written} if written else {}))
    found = {name: re.findall(pattern, line)[-1] for name, pattern in patterns(one, RECORD).items()}
    assert found["pid"] == "41"
    assert found.get("vsz") == "783458304" or found.get("vszM") == "747"
    assert found.get("epoch") == "1767225600" or found.get("ctime") == "Thu Jan  1 00:00:00 2026"
    assert no_record(one) == ""


def test_a_format_without_a_record_is_explained() -> None:
    assert no_record(shop(**{"log-format": "%(uri) [%(ctime)]"})) == (
        "uwsgi.options.log-format needs %(vszM) MB, process %(pid)"
    )
    assert "process %(pid)" in drawn(worker(), one=shop(**{"log-format": "%(uri) [%(ctime)]"}))


def test_growth_and_time_left_are_computed_from_the_record() -> None:
    record = rising(700, 800, 1800)
    assert growth(record) == pytest.approx(200 * MEGABYTE)
    assert hours_left(800 * MEGABYTE, 1400, record) == pytest.approx(3)
    assert hours_left(1400 * MEGABYTE, 1400, record) == 0
    assert hours_left(800 * MEGABYTE, 1400, rising(800, 800, 1800)) is None
    assert growth(rising(700, 800, 30)) is None, "half a minute tells nothing of an hour"
    shown = drawn(worker(size=800, record=record))
    assert "+200 MB/h" in shown
    assert "3 h" in shown
    assert "30 min" in shown


def test_a_new_process_begins_a_new_record() -> None:
    before = WorkerPool(
        (worker(1, 1399, record=rising(700, 1399, 600)), worker(2, 800, record=rising(700, 800, 600)))
    )
    now = WorkerPool((worker(1, 700, pid=999, reloads=1), worker(2, 810)), now=int(1e9) + 630)
    first, second = joined(now, before, record=False).workers
    assert [point.size / MEGABYTE for point in first.record] == [700]
    assert [point.size / MEGABYTE for point in second.record[-2:]] == [800, 810]


def test_why_workers_were_replaced_is_told_in_words() -> None:
    one = shop()
    assert why(f"size {1450 * MEGABYTE}", one) == "reload-on-as, at 1450 MB"
    assert why(f"size {900 * MEGABYTE}", one) == "ended after its request"
    counted = {f"size {1450 * MEGABYTE}": 1, f"size {1500 * MEGABYTE}": 2, "harakiri": 1, "signal 11": 1}
    assert summary(counted, one) == "3 x reload-on-as, 1 x harakiri, 1 x killed by signal 11"
    shown = drawn(worker(4, reloads=5, reasons=counted, last="harakiri"))
    assert "worker 4 was last replaced: harakiri, killed in a request that took too long; in all: 3 x" in shown
    assert "worker 1 was last replaced: not in the log" in drawn(worker(reloads=1))


def test_memory_is_a_bar_against_both_limits() -> None:
    def cells(size: int) -> str:
        return picture.bar(size, (1400, 1800), picture.ASCII).plain

    assert cells(0) == "...................|...."
    assert cells(900) == "############.......|...."
    assert cells(1800) == cells(5000) == "###################|####"
    assert picture.marks("ascii") == picture.ASCII
    assert picture.marks("utf-8") == picture.BLOCKS


def test_full_and_busy_workers_are_marked() -> None:
    one = worker(3, 1500)
    assert needs_attention(shop(), {"service": WorkerPool((one,))})
    assert not needs_attention(shop(), {"service": WorkerPool((worker(3, 1399),))})
    assert not needs_attention(shop(), {"service": WorkerPool((worker(3, 1500, state="cheap"),))}), (
        "it has no process"
    )
    shown = drawn(one, worker(4, state="busy", busy_cores=2, cores=10))
    assert re.search(r"3 +103 .* 1500 .* now ", shown), shown
    assert "busy 2/10" in shown


@pytest.mark.parametrize("width", [80, 90, 100, 112, 120, 200])
def test_a_narrow_terminal_shortens_bars_and_no_numbers(width: int) -> None:
    record = rising(1, 900, 7100)
    busy: dict[str, Any] = {"pid": 4194304, "state": "busy", "busy_cores": 10, "cores": 10, "requests": 999_999}
    one = worker(4, 1399, age=7100, record=record, **busy)
    lines = drawn(one, width=width).splitlines()
    assert max(map(len, lines)) <= width
    told = ("4  4194304", "busy 10/10", " 1399", "999,999", "118 min", "+456 MB/h", "MB of 1400/1800", "limit in")
    for text in told:
        assert text in "".join(lines[:2]), text
    assert ("over" in lines[0]) == ("trend" in lines[0]) == (width >= 100)


def test_a_trend_rises_only_with_real_growth() -> None:
    assert set(picture.trend(rising(700, 702, 600), picture.ASCII)) == {"_"}
    risen = picture.trend(rising(700, 1000, 600), picture.ASCII)
    assert (risen[0], risen[-1], len(risen)) == ("_", "#", picture.TREND)


def test_only_numbers_and_known_words_are_accepted() -> None:
    numbers: dict[str, Any] = dict.fromkeys(
        ("pid", "requests", "resident", "size", "last_spawn", "spawns", "busy_cores", "cores"), 5
    )
    one = WorkerState(id=1, state="busy", exceptions=0, harakiris=0, points=[(1, 2), (3, 4)], **numbers)
    pool = parse(shop(), answered(WorkerPoolState(now=65, workers=[one], queue_errors=2)))
    assert pool.workers[0].record == (Point(1, 2), Point(3, 4))
    assert (pool.workers[0].age, pool.workers[0].reloads, pool.queue_errors) == (60, 4, 2)
    shown = facts(shop(), {"service": pool})
    assert (shown["soft_limit"], shown["hard_limit"], shown["workers"][0]["reloads"]) == (1400, 1800, 4)
    assert json.loads(json.dumps(shown)) == shown


def test_what_is_not_known_is_said_with_what_to_do() -> None:
    assert "set uwsgi.options.stats" in parse(host(), answered()).problem
    missing = WorkerPoolState(now=1, workers=[], queue_errors=0, problem="No such file or directory")
    assert parse(shop(), answered(missing)).problem.endswith("No such file or directory")
    assert needs_attention(shop(), {"service": WorkerPool(problem="x")})


def test_the_log_is_read_only_for_its_record() -> None:
    asked = request(shop())
    assert (asked.log, sorted(asked.patterns)) == ("/home/poms/private/logs/poms/web.log", ["ctime", "pid", "vsz"])
    asked = request(shop(), record=False)
    assert (asked.stats, asked.log) == (STATS, "")


@pytest.mark.parametrize(
    ("written", "line", "status"),
    [
        ("%(uri) => %(status) in %(msecs) ms", "/poms?x= => 500 in 1 ms => 200 in 7 ms", "200"),
        ("=> %(status) for %(uagent).", "=> 200 for me => 500 for you.", "200"),
        ('"%(uri)" %(status) "%(uagent)"', "", None),
    ],
)
def test_client_cannot_write_the_status_into_a_line(written: str, line: str, status: str | None) -> None:
    found = patterns(host(uwsgi={"options": {"log-format": written}}), ANSWER).get("status")
    assert (found and re.findall(found, line)[-1]) == status
