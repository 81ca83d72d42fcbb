"""Following several hosts side by side, without a network; names of logs; severity."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from threading import Event
from typing import Any, cast

import pytest
from msgspec.structs import replace

from ops.agent.logs_messages import LogLines, LogPatternRefused, LogsLive, LogsRequest
from ops.agent.messages import Done, Message
from ops.errors import BadInput, Unreachable
from ops.inventory.loader import read_inventory
from ops.logs import follow as following
from ops.logs.catalog import chosen_logs, moment, span
from ops.logs.follow import Following, InOrder
from ops.logs.severity import Severities, severity
from ops.logs.stream import HostLogs, LogLine, Remark
from ops.project import PROJECT
from ops.schema import Host
from ops.ssh.session import Remote

HOST = read_inventory(PROJECT / "hosts.toml").choose("pomsgpvm01", everywhere=False)[0]


def line_of(number: int, seconds: float) -> LogLines:
    """A line of the first log, and the position behind it."""
    return LogLines(lines=[(1, seconds, f"line {number}", 0, False)], positions=[(1, f"7:{number}:1:1")])


LINE = line_of(5, 1.0)
END = Done(python="3")


class Silent:
    """A host that says a few things, and then nothing until it is closed; every part of a Remote in one."""

    def __init__(self, host: Host, said: list[Message]) -> None:
        self.host, self.said = host, said
        self.connection = self.channel = self
        self.gateway = None
        self.closed = Event()
        self.asked = LogsRequest()

    def start_agent(self, request: LogsRequest) -> "Silent":
        self.asked = request
        return self

    def messages(self) -> Iterator[Message]:
        yield from self.said
        if END not in self.said:
            self.closed.wait()

    def close(self) -> None:
        self.closed.set()

    def stderr(self) -> str:
        return ""

    def limit(self, *_: object) -> None: ...

    def close_input(self) -> None: ...

    def send(self, *_: object) -> None: ...


@dataclass
class Fleet:
    """A dozen such hosts, of which `dead` cannot be reached; `said` is what each says when it is asked."""

    dead: str = ""
    said: list[Message] = field(default_factory=lambda: [LINE, LogsLive()])
    count: int = 12
    opened: list[Silent] = field(default_factory=list)

    def following(self, *, forever: bool = True) -> Following:
        hosts = [replace(HOST, name=f"h{number}") for number in range(self.count)]
        wanted = LogsRequest(follow=forever)
        return Following(
            [HostLogs(host, chosen_logs(host, None), wanted) for host in hosts], self.connect, forever=forever
        )

    @contextmanager
    def connect(self, host: Host) -> Iterator[Remote]:
        if host.name == self.dead:
            raise Unreachable(host.name, "dead")
        silent = Silent(host, self.said)
        self.opened.append(silent)
        yield cast("Remote", cast("Any", silent))


def test_many_hosts_are_followed_while_one_is_lost() -> None:
    fleet = Fleet(dead="h3")
    with fleet.following() as following:
        said = list(islice(following, 12))
    assert {event.host for event in said if isinstance(event, LogLine)} == {f"h{n}" for n in range(12)} - {"h3"}
    assert [str(event) for event in said if isinstance(event, Unreachable)] == ["h3: dead"]


def test_leaving_closes_every_line_at_once() -> None:
    fleet = Fleet()
    with fleet.following() as following:
        assert len(list(islice(following, 12))) == 12
        left = time.monotonic()
    assert time.monotonic() - left < 1
    assert all(silent.closed.is_set() for silent in fleet.opened)


def test_it_ends_when_no_host_can_be_followed() -> None:
    fleet = Fleet(said=[LogPatternRefused(message="grep: bad")])
    with fleet.following() as following:
        said = list(following)
    assert len(said) == 12
    assert all(isinstance(event, BadInput) for event in said)


def test_a_lost_host_continues_after_the_last_line_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "FIRST", 0.05)
    fleet = Fleet(count=1)
    said: list[object] = []
    with fleet.following() as events:
        for event in events:
            said.append(event)
            if isinstance(event, LogLine):
                fleet.opened[0].close()
            elif "connected again" in str(event):
                break
    lost = next(event for event in said if isinstance(event, Remark))
    assert lost.text == "the stream of log lines ended. Retrying in 0 s."
    first, second = (silent.asked for silent in fleet.opened)
    assert first.positions == []
    assert second.positions[0] == ["7:5:1:1"]
    assert second.logs[0] == (f"{HOST.log_dir}/poms_webservice.log", "poms_webservice")


def test_finished_logs_are_in_the_order_of_time() -> None:
    fleet = Fleet(count=2, said=[*(line_of(n, n) for n in range(1, 5000)), END])
    with fleet.following(forever=False) as events:
        lines = [event for event in events if isinstance(event, LogLine)]
    assert len(lines) == 2 * 4999
    assert [line.time for line in lines] == sorted(line.time for line in lines)


def line(host: str, seconds: float) -> LogLine:
    return LogLine(host, "log", "text", seconds)


def test_an_old_line_waits_for_slow_hosts_only_briefly() -> None:
    lines = InOrder(["a", "b"], window=0.0, max_wait=3.0)
    lines.add(line("a", 10), now=0)
    lines.add(line("a", 20), now=0)
    assert list(lines.due(1)) == []
    lines.add(line("b", 15), now=1)
    assert [each.time for each in lines.due(1)] == [10, 15]
    assert [each.time for each in lines.due(3)] == [20]


def test_new_lines_wait_a_moment_for_earlier_ones() -> None:
    lines = InOrder(["a", "b"], window=0.4, max_wait=3.0)
    lines.is_live("a")
    lines.is_live("b")
    lines.add(line("a", 10), now=0)
    assert list(lines.due(0.3)) == []
    lines.add(line("b", 9), now=0.3)
    lines.add(line("b", 11), now=0.35)
    assert [each.time for each in lines.due(0.5)] == [9, 10]
    assert [each.time for each in lines.due(0.8)] == [11]
    assert list(lines.due(math.inf)) == []


def test_a_traceback_stays_with_its_line() -> None:
    lines = InOrder(["a", "b"], window=0.4, max_wait=3.0)

    def add(host: str, text: str, *, continues: bool = False, label: str = "log") -> None:
        lines.add(LogLine(host, label, text, 10.0, continues), now=0)

    add("a", "ERROR")
    add("b", "other")
    add("a", "other of the same host", label="other log")
    add("a", "Traceback", continues=True)
    lines.is_live("a")
    lines.is_live("b")
    add("a", "ValueError", continues=True)
    assert [line.text for line in lines.due(1)] == [
        *("ERROR", "Traceback", "ValueError", "other", "other of the same host")
    ]


def test_an_old_line_waits_for_the_rest_of_its_entry() -> None:
    lines = InOrder(["a", "b"], window=0.0, max_wait=math.inf)
    lines.add(LogLine("a", "log", "ERROR", 10.0), now=0)
    lines.add(LogLine("b", "log", "other", 10.0), now=0)
    assert not list(lines.due(1))
    lines.add(LogLine("a", "log", "Traceback", 10.0, continues=True), now=2)
    lines.is_live("a")
    lines.is_live("b")
    assert [line.text for line in lines.due(2)] == ["ERROR", "Traceback", "other"]


def test_many_lines_of_the_same_time_do_not_block() -> None:
    fleet = Fleet(count=3, said=[*(line_of(n, 1.0) for n in range(1, 3 * following.WAITING)), END])
    with fleet.following(forever=False) as events:
        lines = [event for event in events if isinstance(event, LogLine)]
    assert len(lines) == 3 * (3 * following.WAITING - 1)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["ERROR a", "  more"], ["error", "error"]),
        (["INFO a", "  b", "Traceback (most recent call last):", "  c", "ValueError"], ["", "", *["error"] * 3]),
        (["WARN a", "  b"], ["warning", "warning"]),
        (["DEBUG a", "ERROR of it", "  b"], ["debug", "error", "error"]),
        (["WARN a", "DEBUG of it"], ["warning", "warning"]),
    ],
)
def test_a_line_is_as_bad_as_what_it_belongs_to(texts: list[str], expected: list[str]) -> None:
    severities = Severities()
    severities.of(LogLine("h", "other", "ERROR of another log"))
    told = [severities.of(LogLine("h", "log", text, 1.0, number > 0)) for number, text in enumerate(texts)]
    assert told == expected
    assert severities.of(LogLine("h", "log", "INFO and the next")) == ""


def test_a_line_that_was_cut_says_how_long_it_was() -> None:
    source = HostLogs(HOST, chosen_logs(HOST, None), LogsRequest())
    told = LogLines(lines=[(1, 1.0, "text", 1234567, True)], positions=[])
    (line,) = source.understand(told)
    assert isinstance(line, LogLine)
    assert (line.text, line.time, line.continues) == ("text… (line of 1,234,567 characters)", 1.0, True)


def test_until_is_asked_in_the_same_forms_as_since() -> None:
    assert span("", "10m") == (None, 600)
    assert span("", "2026-11-25T03:00") == (None, "2026-11-25 03:00:00")
    with pytest.raises(BadInput, match="--until=soon: must be a time span"):
        span("", "soon")


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("10m", "1h"),
        ("2026-11-25T03:00", "2026-11-25T02:59"),
        ("2026-11-25T03:00Z", "2026-11-25T04:00+02:00"),
        ("2026-11-25", "2026-11-24"),
    ],
)
def test_until_before_since_is_refused_before_anything_is_connected_to(since: str, until: str) -> None:
    with pytest.raises(BadInput, match="Nothing was connected to"):
        span(since, until)


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("1h", "10m"),
        ("1h", "1h"),
        ("2026-11-25", "2026-11-25"),
        ("2026-11-25T03:00", "10m"),
        ("2026-11-25T03:00Z", "2026-11-25T02:00"),
        ("", "10m"),
        ("10m", ""),
    ],
)
def test_what_only_the_hosts_clock_can_tell_is_asked(since: str, until: str) -> None:
    assert [asked is not None for asked in span(since, until)] == [bool(since), bool(until)]


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        ("supervisord", ["supervisord"]),
        ("shibd, poms_webservice", ["shibd", "poms_webservice"]),
        (
            "apache",
            ["apache error_log", "apache ssl_error_log", "apache ssl_access_log", "apache cert_ssl_error_log"],
        ),
    ],
)
def test_programs_names_programs_and_the_services_logs(given: str, labels: list[str]) -> None:
    assert [log.label for log in chosen_logs(HOST, given)][:4] == labels
    assert all(log.asked for log in chosen_logs(HOST, given))
    assert set(labels) <= {log.label for log in chosen_logs(HOST, None)}


def test_an_unknown_log_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(BadInput, match="no program or log 'supervisor'; nearest: supervisord"):
        chosen_logs(HOST, "supervisor")


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("10m", 600),
        ("1d2h", 93600),
        ("2026-11-25T03:00", "2026-11-25 03:00:00"),
        ("2026-11-25", "2026-11-25 00:00:00"),
        ("2026-11-25T03:00:01-06:00", "2026-11-25 03:00:01-0600"),
        ("2026-11-25 03:00Z", "2026-11-25 03:00:00+0000"),
    ],
)
def test_since_is_a_while_or_a_time(text: str, asked: int | str) -> None:
    assert moment("since", text) == asked


@pytest.mark.parametrize("text", ["10", "m", "-5m", "yesterday", "2026-13-01", "10m\nlog /etc/shadow"])
def test_since_is_nothing_else(text: str) -> None:
    with pytest.raises(BadInput, match="must be a time span"):
        moment("since", text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-25 03:00:00,123 ERROR poms: no such job", "error"),
        ("Traceback (most recent call last):", "error"),
        ("sqlalchemy.exc.OperationalError: server closed", "error"),
        ("[Wed Nov 25 03:00:00.123456 2026] [proxy:error] [pid 9] AH01144", "error"),
        ("[Wed Nov 25 03:00:00.123456 2026] [ssl:warn] [pid 9] AH01909", "warning"),
        ("2026-11-25 03:00:00,123 CRIT Supervisor is running as root", "error"),
        ("2026-11-25 03:00:00,123 WARN exited: poms", "warning"),
        ('10.0.0.1 - - [25/Nov/2026:03:00:00 +0000] "GET /poms HTTP/1.1" 503 299', "error"),
        ('10.0.0.1 - - [25/Nov/2026:03:00:00 +0000] "GET /poms HTTP/1.1" 404 299', "warning"),
        ('10.0.0.1 - - [25/Nov/2026:03:00:00 +0000] "GET /poms HTTP/1.1" 200 500', ""),
        ("10.0.0.1 [Wed Nov 25 03:00:00 2026] GET /poms => 500 in 3 ms, worker 1", "error"),
        ("DAMN ! worker 1 (pid: 9) died, killed by signal 9 :( trying respawn ...", "error"),
        ("INFO no errors found", ""),
        ("DEBUG trying", "debug"),
    ],
)
def test_how_bad_a_line_is(text: str, expected: str) -> None:
    assert severity(text) == expected
