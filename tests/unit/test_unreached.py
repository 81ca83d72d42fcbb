"""A host that cannot be asked: in every JSON document, and named where the others are shown."""

import json
import re
import socket
from pathlib import Path

import pytest

from ops.project import PROJECT
from tests.unit.conftest import Fab

ADOPTED = "/home/poms/supervisord.conf"
NAMES = ["down1", "down2"]
LOOKS = [
    ("status",),
    ("diff",),
    ("diff", "--to=20270115T075500Z-2a6e"),
    ("drift",),
    ("certs",),
    ("workers",),
    ("doctor",),
    ("releases",),
    ("releases", "20270115T075500Z-2a6e"),
    ("check-apache",),
    ("adopt", ADOPTED),
]


@pytest.fixture
def lost(fab: Fab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fab:
    """fab with two hosts that refuse every connection."""
    with socket.create_server(("127.0.0.1", 0)) as refused:
        port = refused.getsockname()[1]
    text = re.sub(r"(?s)\[hosts\..*", "", (PROJECT / "hosts.toml").read_text())
    text = re.sub(r"(?s)\[fleet\].*?\n\n", '[fleet]\ndefault = "down1"\n\n', text, count=1)
    text = re.sub(r"(?s)\[fleet\.groups\].*?\n\n", "", text)
    text += "".join(f'\n[hosts.{name}]\naddress = "127.0.0.1"\nport = {port}\n' for name in NAMES)
    inventory = tmp_path / "hosts.toml"
    inventory.write_text(text)
    monkeypatch.setenv("POMS_INVENTORY", str(inventory))
    return fab


@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
def test_unreached_host_is_in_every_json_document(lost: Fab, words: tuple[str, ...]) -> None:
    done = lost(*words, "--json")
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert list(document) == NAMES
    assert all("127.0.0.1" in host["error"] for host in document.values())


@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
def test_unreached_host_is_named_on_screen(lost: Fab, words: tuple[str, ...]) -> None:
    done = lost(*words)
    assert done.returncode == 1
    for name in NAMES:
        assert name in done.stdout + done.stderr


def test_status_names_unreached_hosts_once_at_top(lost: Fab) -> None:
    done = lost("status")
    first, *rest = done.stdout.splitlines()
    assert first.startswith("down1, down2: ")
    assert "127.0.0.1" in first
    assert not any(name in line for name in NAMES for line in [*rest, *done.stderr.splitlines()])


def test_list_ends_with_names_of_unreached_hosts(lost: Fab) -> None:
    done = lost("drift")
    assert all(name in done.stderr.splitlines()[-1] for name in NAMES)
