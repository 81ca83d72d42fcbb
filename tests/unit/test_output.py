"""What fab does when its output cannot be written."""

import os
import subprocess
from pathlib import Path

import pytest

from ops.project import PROJECT

FAB = PROJECT / ".venv/bin/fab"


def run(inventory: Path, redirection: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", f'"$@" {redirection}', "sh", FAB, *words],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "POMS_INVENTORY": str(inventory), "HOME": str(inventory.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    "words",
    [
        ("--list",),
        ("--help", "deploy"),
        ("hosts",),
        ("render",),
        ("status",),
        ("diff", "--json"),
        ("hosts", "--json"),
    ],
)
def test_full_disk_on_output_is_reported_in_one_line(words: tuple[str, ...], unreachable: Path) -> None:
    done = run(unreachable, ">/dev/full", *words)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "fab: cannot write: No space left on device")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("redirection", "words", "code"),
    [
        (">&-", ("hosts",), 0),
        (">&-", ("--list",), 0),
        ("2>&-", ("hosts",), 0),
        ("2>&-", ("-H", "nosuch", "render"), 3),
        ("2>/dev/full", ("-H", "nosuch", "render"), 1),
        (">/dev/full", ("-H", "nosuch", "render"), 3),
        (">/dev/full", ("tail-logs",), 1),
    ],
)
def test_closed_output_causes_no_traceback(
    redirection: str, words: tuple[str, ...], code: int, unreachable: Path
) -> None:
    done = run(unreachable, redirection, *words)
    assert (done.returncode, "Traceback" in done.stdout + done.stderr) == (code, False), done


@pytest.fixture
def unreachable(tmp_path: Path) -> Path:
    """An inventory whose hosts refuse connections."""
    text = (PROJECT / "hosts.toml").read_text()
    for name in ("pomsgpvm01", "fermicloud045"):
        text = text.replace(f'address = "{name}.fnal.gov"', 'address = "127.0.0.1"\nport = 1')
    path = tmp_path / "hosts.toml"
    path.write_text(text)
    return path
