"""`run`: what is made of a command's output, its end and its limits, without a host."""

import io
import json
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops.agent.messages import Failure, Message, NoPython
from ops.agent.run_messages import RunEnded, RunOutput
from ops.errors import BadInput, HostError, Unreachable
from ops.schema import Host
from ops.ssh.line_reader import PIECE
from ops.ssh.remote_command import Command, Lines, _Reader
from tests.unit.conftest import Fab
from tests.unit.hosts import host


def read(messages: list[Message], *, seconds: int | None = None, one: Host | None = None) -> Any:
    shown: list[tuple[str, bool]] = []
    code = _Reader(one or host(), lambda *line: shown.append(line)).read(Command("x", seconds), messages)
    return code, shown


def out(content: bytes, *, is_error: bool = False) -> RunOutput:
    return RunOutput(content=content, is_error=is_error)


def test_lines_are_whole_whatever_pieces_they_come_in() -> None:
    text = "one\n\ntwo é\nno end"
    for size in (1, 2, 5, 100):
        lines, data = Lines(), text.encode()
        pieces = [data[start : start + size] for start in range(0, len(data), size)]
        assert [line for piece in pieces for line in lines.add(piece)] + [*lines.end()] == text.split("\n")


def test_a_line_without_end_takes_no_more_than_a_piece() -> None:
    lines = Lines()
    came = [
        *lines.add(b"x" * (2 * PIECE + 3)),
        *lines.add(b"y\nz\n"),
        *lines.add(b"w" * (PIECE + 1) + b"\n"),
        *lines.end(),
    ]
    assert [len(line) for line in came] == [PIECE, PIECE, 4, 1, PIECE, 1]


def test_both_outputs_come_in_lines_with_their_order() -> None:
    messages = [out(b"on"), out(b"err\n", is_error=True), out(b"e\ntwo"), RunEnded(code=7), out(b"not read")]
    assert read(messages) == (7, [("err", True), ("one", False), ("two", False)])


def test_messages_without_an_end_have_no_code() -> None:
    assert read([out(b"one\n")]) == (None, [("one", False)])


@pytest.mark.parametrize(
    ("messages", "seconds", "said"),
    [
        ([out(b"x" * PIECE)] * (2**26 // PIECE) + [out(b"x")], None, "printed more than 64 MB"),
        ([out(b"")], 0, "did not end within 0 seconds"),
        ([Failure(reason="no memory")], None, "the agent failed: no memory"),
        ([NoPython(tried="python3")], None, "python3"),
    ],
)
def test_what_has_no_end_of_its_own_is_an_error(messages: list[Message], seconds: int | None, said: str) -> None:
    with pytest.raises(HostError, match=said):
        read(messages, seconds=seconds)


def test_a_silent_command_is_ended_unless_it_has_a_timeout() -> None:
    one = SimpleNamespace(name="web1", ssh=SimpleNamespace(silence_timeout=0))
    messages: list[Message] = [out(b""), out(b""), RunEnded(code=0)]
    with pytest.raises(HostError, match=r"ssh\.silence_timeout"):
        read(messages, one=one)  # type: ignore[arg-type] # a part of a Host
    assert read(messages, one=one, seconds=60)[0] == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", " \n", "a\0b", "x" * 65_537])
def test_what_is_no_command_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        Command(text)


# ---- the task ------------------------------------------------------------------------------------------------------


@pytest.fixture
def hosts(fab: Fab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Hosts on which a command does this: prints lines, and ends with a code or an error."""

    def make(**does: Any) -> None:
        path = tmp_path / "hosts.toml"
        names = "".join(f"[hosts.{name}]\naddress = '127.0.0.1'\n" for name in does)
        path.write_text(f"[fleet]\ndefault = {next(iter(does))!r}\ngroups.all = {list(does)}\n{names}")
        monkeypatch.setenv("POMS_INVENTORY", str(path))

        @contextmanager
        def connect(_: Any, one: Host) -> Any:
            yield SimpleNamespace(host=one)

        def run_command(remote: Any, command: Command, show: Callable[[str, bool], None]) -> int:
            for line in (f"out {command.text}", "é\x1b[2J"):
                show(line, False)
            show("err", True)
            end = does[remote.host.name]
            if isinstance(end, Exception):
                raise end
            return int(end)

        monkeypatch.setattr("ops.ssh.session.Connections.connect", connect)
        monkeypatch.setattr("ops.ssh.session._begin", lambda *_: SimpleNamespace(add_done_callback=lambda _: None))
        monkeypatch.setattr("tasks.run.ask_ahead", lambda *_: None)
        monkeypatch.setattr("tasks.run.run_command", run_command)

    return make


def test_one_host_gives_its_code_and_unlabelled_lines(
    fab: Fab,
    hosts: Callable[..., None],
) -> None:
    hosts(web1=7, web2=0)
    done = fab("run", "it")
    assert (done.returncode, done.stdout, done.stderr) == (7, "out it\né\\x1b[2J\n", "err\nweb1: exit code 7\n")
    done = fab("run", "it", "web2")
    assert (done.returncode, done.stderr) == (0, "err\n")


def test_of_several_hosts_the_last_line_names_where_it_failed(
    fab: Fab,
    hosts: Callable[..., None],
) -> None:
    hosts(web1=0, web2=3, web3=Unreachable("web3", "cannot connect"))
    done = fab("-H", "all", "run", "it")
    assert done.returncode == 1
    assert "web2 | out it\n" in done.stdout
    assert done.stderr.splitlines()[-1] == "failed on 2 of 3 hosts: web2 (exit code 3), web3 (not reached)"
    hosts(web1=0, web2=0)
    done = fab("-H", "all", "run", "it")
    assert (done.returncode, done.stderr.splitlines()) == (0, ["web1 | err", "web2 | err"])


def test_the_document_has_both_outputs_the_code_and_the_error(
    fab: Fab,
    hosts: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tasks.run.KEPT", 10)
    hosts(web1=0, web2=Unreachable("web2", "cannot connect"))
    done = fab("-H", "all", "run", "--json", "it")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert found["web1"] == {"code": 0, "stdout": "out it\n", "stderr": "err\n", "truncated": True}
    assert "code" not in found["web2"]
    assert "cannot connect" in found["web2"]["error"]


def test_the_command_may_come_on_standard_input(
    fab: Fab,
    hosts: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hosts(web1=0)
    assert fab("run", "-").returncode == 3  # where nothing comes
    monkeypatch.setattr("tests.unit.conftest.io.StringIO", lambda: io.TextIOWrapper(io.BytesIO(b"of the input\n")))
    assert fab("run", "-").stdout.startswith("out of the input\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run",), "run needs a command: fab run COMMAND"),
        (("run", "df", "/tmp"), "Try: fab run 'df /tmp'"),
        (("run", "x", "--timeout=-1"), "must be 0 or more"),
        (("run", "x", "--parallel=0"), "must be from 1 to 200"),
        (("run", "x", "wbe1"), "Try: fab run 'x wbe1'"),
    ],
)
def test_what_cannot_be_meant_is_told(
    fab: Fab,
    hosts: Callable[..., None],
    words: tuple[str, ...],
    said: str,
) -> None:
    hosts(web1=0)
    done = fab(*words)
    assert (done.returncode, said in done.stderr) == (3, True), done
