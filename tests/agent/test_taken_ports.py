"""A port that another program uses is found before a change."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.agent import taken_ports
from ops.agent.validation_failed import ValidationFailed
from tests.agent.stand_in_apache import StandInApache


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_wanted_ports_are_those_of_all_files_as_they_will_be(tmp_path: Path) -> None:
    apache = StandInApache(tmp_path)
    apache.conf.with_name("other.conf").write_text("Listen 80\n")
    live = taken_ports.live_ports(apache.configuration())
    assert live == [80, 443]
    assert taken_ports.wanted_ports(apache.configuration(8443), apache.staged("Listen 9\n"), live) == [
        9,
        80,
        443,
        8443,
    ]
    assert taken_ports.wanted_ports(apache.configuration(8443), apache.staged(None), live) == [80, 443, 8443]


def test_port_of_another_program_stops_apache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taken_ports, "sees_others", lambda: False)
    monkeypatch.setattr(taken_ports, "listeners", lambda _: [0])
    taken_ports.check_apache([443], [443])
    with pytest.raises(ValidationFailed, match="port 9443 belongs to another program: one of root"):
        taken_ports.check_apache([443], [443, 9443])
    monkeypatch.setattr(taken_ports, "listeners", lambda _: [4_000_000])
    with pytest.raises(ValidationFailed, match="one of account 4000000 listens on it, so Apache cannot"):
        taken_ports.check_apache([443], [443])


def test_port_of_an_apache_that_has_ended_is_anothers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taken_ports, "sees_others", lambda: True)
    monkeypatch.setattr(taken_ports, "apache_parent", lambda: 0)
    monkeypatch.setattr(taken_ports, "listeners", lambda _: [0])
    with pytest.raises(ValidationFailed):
        taken_ports.check_apache([443], [443])


def test_port_of_the_app_may_be_its_own(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    taken_ports.check_app("/home/poms/app.sock")
    taken_ports.check_app(f"127.0.0.1:{port}")
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(ValidationFailed, match="so the app cannot"):
        taken_ports.check_app(f"127.0.0.1:{port}")
