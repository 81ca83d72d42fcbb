"""Labs that come up at the same moment."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lab import network
from lab.place import Lab


@pytest.fixture
def links(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[str]]]:
    """Stand-in for this machine's interfaces, each of whose changes takes a moment."""
    there: dict[str, list[str]] = {}

    def run(*words: str, fails: str) -> str:
        time.sleep(0.02)
        if words[:3] == ("ip", "link", "add"):
            there[words[4]] = []
        elif words[:3] == ("ip", "address", "add"):
            there[words[5]].append(words[3])
        return ""

    def now() -> dict[str, list[str]]:
        found = {name: list(addresses) for name, addresses in there.items()}
        time.sleep(0.02)
        return found

    monkeypatch.setattr(network, "run", run)
    monkeypatch.setattr(network, "_links", now)
    monkeypatch.setattr(network, "CHOOSING", f"\0poms-ops-test-{time.monotonic_ns()}")
    yield there


def test_no_two_take_the_same_subnet(links: dict[str, list[str]], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(network, "int", lambda *_: 7, raising=False)  # all wish for the same one
    labs = [Lab(state=tmp_path / str(number), cache=tmp_path) for number in range(4)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(network.ensure_bridge, labs))
    assert len(set(found)) == 4
    assert {subnet.prefixlen for subnet in found} == {24}
