"""fab within the process of the tests."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import fabric.main
import pytest

from ops.project import PROJECT


@dataclass(frozen=True)
class Done:
    """How fab ended."""

    returncode: int
    stdout: str
    stderr: str


Fab = Callable[..., Done]


@pytest.fixture
def fab(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Fab:
    """fab as its console script calls it, within this process: a new one each time takes a second."""

    def run(*words: str) -> Done:
        program = fabric.main.make_program()
        monkeypatch.setattr(fabric.main, "program", program)
        monkeypatch.chdir(PROJECT)
        monkeypatch.setattr("sys.stdin", io.StringIO())
        code = 0
        try:
            program.run(["fab", *words])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        return Done(code, *capsys.readouterr())

    monkeypatch.delenv("POMS_INVENTORY", raising=False)
    return run


@pytest.fixture
def nobody_there(fab: Fab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An inventory of a host that refuses connections."""
    path = tmp_path / "hosts.toml"
    path.write_text('[fleet]\ndefault = "web1"\n[hosts.web1]\naddress = "127.0.0.1"\nport = 1\n')
    monkeypatch.setenv("POMS_INVENTORY", str(path))
    return path
