"""A command of the operator's on a host: its output, its exit code, and its end with the operator's side."""

import base64
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scripts.remote import SHELLS, start

NOT_SET_UP = b"the products are not set up: activate leaves no PATH\n"
pytestmark = pytest.mark.parametrize("shell", SHELLS)


@contextlib.contextmanager
def begun(shell: str, command: str, activate: str = ":") -> Iterator["subprocess.Popen[bytes]"]:
    """The command while it runs; afterwards nothing of its session is left."""
    request = [f"activate {activate}", f"command {base64.b64encode(command.encode()).decode()}", "end"]
    with start(shell, "run", request) as running:
        try:
            yield running
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)


def ran(shell: str, command: str, activate: str = ":") -> tuple[int, bytes, bytes]:
    """Exit code, output and standard error of the command."""
    with begun(shell, command, activate) as running:
        assert running.stdout
        assert running.stderr
        assert running.stdin
        out, err = running.stdout.read(), running.stderr.read()  # the operator's side is there until the end
        code = running.wait(20)
    assert out.startswith(b"poms-ops run\n")
    return code, out.removeprefix(b"poms-ops run\n"), err.partition(b"poms-ops run\n")[2]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("echo out; echo err >&2; exit 7", (7, b"out\n", b"err\n")),
        ("printf 'no end'", (0, b"no end", b"")),
        ("cat; echo $?", (0, b"0\n", b"")),  # its input is empty
        ("false\ntrue\n\n", (0, b"", b"")),
        ("echo \"$0 $#\"; echo 'it''s $HOME' `echo b` \\\\", (0, b"run 0\nits $HOME b \\\n", b"")),
        ("printf '\\0\\377'", (0, b"\0\xff", b"")),
        ("exec 9>&1; echo é >&9", (0, "é\n".encode(), b"")),
        ("for n in 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$n ] && echo open $n; done; true", (0, b"", b"")),
    ],
)
def test_run_returns_output_and_exit_code_of_command(
    shell: str, command: str, expected: tuple[int, bytes, bytes]
) -> None:
    assert ran(shell, command) == expected


def test_run_reports_signal_by_exit_code(shell: str) -> None:
    assert ran(shell, "kill -9 $$")[:2] == (137, b"")


def test_run_sets_up_products_and_works_if_they_fail(shell: str) -> None:
    assert ran(shell, "echo $PRODUCT", "export PRODUCT=poms; echo noise; command() { :; }")[:2] == (0, b"poms\n")
    assert ran(shell, "echo still", "exit 3")[:2] == (0, b"still\n")
    assert ran(shell, "echo ${HOME:+there}", "exit 3")[1:] == (b"there\n", NOT_SET_UP)


def test_long_command_arrives_whole_and_hidden_from_process_list(shell: str) -> None:
    search = ": MARK-OF-THIS; cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -c MARK-OF[-]THIS"
    assert ran(shell, f"#{'x' * 60_000}\n{search}")[:2] == (1, b"0\n")


def alive(group: int) -> bool:
    """Whether a process of that group runs; a dead one that nobody has waited for does not."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            words = stat.read_text().rpartition(")")[2].split()
            if int(words[2]) == group and words[0] != "Z":
                return True
    return False


@pytest.mark.parametrize(
    "command", ["echo begun; exec sleep 600", "trap '' TERM HUP; echo begun; while :; do sleep 600; done"]
)
def test_command_is_killed_when_operator_disconnects(shell: str, command: str) -> None:
    with begun(shell, command) as running:
        assert running.stdout
        assert running.stdin
        assert [running.stdout.readline() for _ in range(2)] == [b"poms-ops run\n", b"begun\n"]
        running.stdin.close()
        running.wait(20)
        end = time.monotonic() + 20
        while alive(running.pid):
            assert time.monotonic() < end, "it is left"
            time.sleep(0.1)


def test_detached_background_process_survives_run(shell: str) -> None:
    code, out, _ = ran(shell, "setsid sleep 600 >/dev/null 2>&1 & echo $!")
    assert code == 0
    assert Path(f"/proc/{int(out)}").exists()
    os.kill(int(out), signal.SIGKILL)
