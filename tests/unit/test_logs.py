"""Following several hosts side by side, without a network."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from threading import Event
from typing import Any, cast

from ops.connection import Remote
from ops.errors import Unreachable
from ops.inventory import PROJECT, read_inventory
from ops.logs import Following, LogLine, LogRequest
from ops.schema import Host


class Silent:
    """A host that says one line and then nothing, until its connection is closed; every part of a Remote in one."""

    def __init__(self, host: Host, opened: "list[Silent]") -> None:
        self.host = host
        self.connection = self.channel = self
        self.closed = Event()
        opened.append(self)

    def start(self, *_: object) -> "Silent":
        return self

    def lines(self) -> Iterator[str]:
        yield "line 1 here"
        self.closed.wait()

    def close(self) -> None:
        self.closed.set()

    def stderr(self) -> str:
        return ""

    def settimeout(self, *_: object) -> None: ...

    def close_input(self) -> None: ...

    def send(self, *_: object) -> None: ...


@dataclass
class Fleet:
    """A dozen such hosts, of which `dead` cannot be reached."""

    dead: str = ""

    def __post_init__(self) -> None:
        host = read_inventory(PROJECT / "hosts.toml").choose("pomsgpvm01", everywhere=False)[0]
        self.hosts = [host.model_copy(update={"name": f"h{number}"}) for number in range(12)]
        self.opened: list[Silent] = []

    def following(self) -> Following:
        programs = [(host, list(host.programs)) for host in self.hosts]
        return Following(programs, LogRequest(20, ""), self.connect)

    @contextmanager
    def connect(self, host: Host) -> Iterator[Remote]:
        if host.name == self.dead:
            raise Unreachable(host.name, "dead")
        yield cast("Remote", cast("Any", Silent(host, self.opened)))


def test_more_hosts_than_ten_are_all_followed_and_a_dead_one_is_told_while_the_others_live() -> None:
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


def test_it_ends_when_no_host_is_left() -> None:
    fleet = Fleet()
    with fleet.following() as following:
        said = []
        for event in following:
            said.append(event)
            if isinstance(event, LogLine):
                next(silent for silent in fleet.opened if silent.host.name == event.host).close()
    assert sum(isinstance(event, Unreachable) for event in said) == 12
