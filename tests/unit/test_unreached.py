"""A host that cannot be asked: in every JSON document, and named where the others are shown."""

import io
import json
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import fabric.main
import pytest

from ops.inventory import PROJECT

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
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def fab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """fab within this process, with two hosts that refuse every connection."""
    with socket.create_server(("127.0.0.1", 0)) as refused:
        port = refused.getsockname()[1]
    text = re.sub(r"(?s)\[hosts\..*", "", (PROJECT / "hosts.toml").read_text())
    text = re.sub(r"(?s)\[fleet\].*?\n\n", '[fleet]\ndefault = "down1"\n\n', text, count=1)
    text = re.sub(r"(?s)\[fleet\.groups\].*?\n\n", "", text)
    text += "".join(f'\n[hosts.{name}]\naddress = "127.0.0.1"\nport = {port}\n' for name in NAMES)
    inventory = tmp_path / "hosts.toml"
    inventory.write_text(text)
    monkeypatch.setenv("POMS_INVENTORY", str(inventory))

    def run(*words: str) -> tuple[int, str, str]:
        program = fabric.main.make_program()
        monkeypatch.setattr(fabric.main, "program", program)
        monkeypatch.chdir(PROJECT)
        monkeypatch.setattr("sys.stdin", io.StringIO())
        code = 0
        try:
            program.run(["fab", *words])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        return (code, *capsys.readouterr())

    yield run


@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
def test_it_is_in_every_json_document(fab: Run, words: tuple[str, ...]) -> None:
    code, out, err = fab(*words, "--json")
    assert code == 1, err
    document = json.loads(out)
    assert list(document) == NAMES
    assert all("127.0.0.1" in host["error"] for host in document.values())


@pytest.mark.parametrize("words", LOOKS, ids=" ".join)
def test_it_is_told_on_the_screen(fab: Run, words: tuple[str, ...]) -> None:
    code, out, err = fab(*words)
    assert code == 1
    for name in NAMES:
        assert name in out + err


def test_status_says_it_on_top_and_once(fab: Run) -> None:
    _, out, err = fab("status")
    first, *rest = out.splitlines()
    assert first.startswith("down1, down2: ")
    assert "127.0.0.1" in first
    assert not any(name in line for name in NAMES for line in [*rest, *err.splitlines()])


def test_a_list_ends_with_the_names_of_those_that_it_lacks(fab: Run) -> None:
    _, _, err = fab("drift")
    assert all(name in err.splitlines()[-1] for name in NAMES)
