"""A command of the operator's on a host: its output, its exit code, and its end with the operator's side."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.agent.messages import Message
from ops.agent.run_messages import RunEnded, RunOutput, RunRequest
from ops.ssh.agent_answers import read_messages
from ops.ssh.agent_start import GREETING
from tests.agent import local_agent
from tests.agent.reading import until

NOT_SET_UP = b"the products are not set up: activate leaves no PATH\n"


@contextlib.contextmanager
def begun(command: str, activate: str = ":") -> Iterator["subprocess.Popen[bytes]"]:
    """The agent that runs the command, its operator's side held open; afterwards it is ended."""
    with local_agent.start("dash", RunRequest(text=command, activate=activate)) as running:
        try:
            yield running
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)


def messages(running: "subprocess.Popen[bytes]") -> Iterator[Message]:
    """The messages as they come."""
    assert running.stdout
    lines = (raw.decode().rstrip("\n") for raw in running.stdout)
    assert next(lines) == GREETING
    return read_messages("here", lines)


def ran(command: str, activate: str = ":") -> tuple[int, bytes, bytes]:
    """Exit code, output and standard error of the command."""
    outputs = {False: b"", True: b""}
    with begun(command, activate) as running:
        for message in messages(running):
            if isinstance(message, RunEnded):
                return message.code, outputs[False], outputs[True]
            assert isinstance(message, RunOutput), message
            outputs[message.is_error] += message.content
    raise AssertionError("it has no end")


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
def test_run_returns_output_and_exit_code_of_command(command: str, expected: tuple[int, bytes, bytes]) -> None:
    assert ran(command) == expected


def test_run_reports_signal_by_exit_code() -> None:
    assert ran("kill -9 $$")[:2] == (137, b"")


def test_run_sets_up_products_and_works_if_they_fail() -> None:
    assert ran("echo $PRODUCT", "export PRODUCT=poms; echo noise; command() { :; }")[:2] == (0, b"poms\n")
    assert ran("echo still", "exit 3")[:2] == (0, b"still\n")
    assert ran("echo ${HOME:+there}", "exit 3")[1:] == (b"there\n", NOT_SET_UP)


def test_long_command_arrives_whole_and_hidden_from_process_list() -> None:
    search = ": MARK-OF-THIS; cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -c MARK-OF[-]THIS"
    assert ran(f"#{'x' * 60_000}\n{search}")[:2] == (1, b"0\n")


def alive(group: int) -> bool:
    """Whether a process of that group runs; a dead one that nobody has waited for does not."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            words = stat.read_text().rpartition(")")[2].split()
            if int(words[2]) == group and words[0] != "Z":
                return True
    return False


@pytest.mark.parametrize(
    "command", ["echo $$; exec sleep 600", "trap '' TERM HUP; echo $$; while :; do sleep 600; done"]
)
@pytest.mark.parametrize("is_read", [True, False])
def test_command_is_killed_when_operator_disconnects(command: str, is_read: bool) -> None:
    with begun(command) as running:
        assert running.stdin
        assert running.stdout
        group = next(int(one.content) for one in messages(running) if isinstance(one, RunOutput) and one.content)
        if not is_read:
            running.stdout.close()
        running.stdin.close()
        running.wait(20)
        until(lambda: not alive(group), 20)


def test_silent_command_has_signs_of_life() -> None:
    with begun("sleep 600") as running:
        quiet = [message for message, _ in zip(messages(running), range(2), strict=False)]
    assert quiet == [RunOutput(content=b"", is_error=False)] * 2


@pytest.mark.parametrize("background", ["sleep 600 & echo $!", "sleep 600 >/dev/null 2>&1 & echo $!; sleep 1"])
def test_background_process_survives_run(background: str) -> None:
    code, out, _ = ran(background)
    assert code == 0
    time.sleep(0.2)
    os.kill(int(out), signal.SIGKILL)


def test_detached_background_process_survives_run() -> None:
    code, out, _ = ran("setsid sleep 600 >/dev/null 2>&1 & echo $!")
    assert code == 0
    assert Path(f"/proc/{int(out)}").exists()
    os.kill(int(out), signal.SIGKILL)
