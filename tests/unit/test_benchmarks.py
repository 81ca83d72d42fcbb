"""The harness of `make bench`: what its table makes of the runs, what a run costs, and how late the proxy is."""

import asyncio
import gc
import os
import sys
import time
from pathlib import Path

from benchmarks.profile import imports, timeline
from benchmarks.proxy import PIECE, listen
from benchmarks.report import BEGIN, END, write
from benchmarks.runs import Run, run
from benchmarks.table import Measured, table


def a_run(seconds: float, *, memory: int | None = None) -> Run:
    return Run(seconds, cpu=seconds / 2, memory=memory, output="", code=0)


def cells(text: str, side: str) -> list[str]:
    (row,) = [line for line in text.splitlines() if f"| {side} |" in line]
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_benchmark_row_shows_median_and_ratio_to_ssh() -> None:
    measured = Measured("`drift`", hosts=10, round_trip=50)
    measured.first = {"ssh": a_run(9, memory=3_000_000), "fab": a_run(9, memory=51_000_000)}
    measured.timed = {"ssh": [a_run(2), a_run(30), a_run(4)], "fab": [a_run(1), a_run(3), a_run(0.5), a_run(50)]}
    assert cells(table([measured]), "fab") == [
        *("`drift`", "10", "50", "fab", "4", "2.00", "0.50-50.0", "0.50", "1.00", "51")
    ]


def test_benchmark_uses_first_run_of_tool_too_slow_to_repeat() -> None:
    measured = Measured("`drift`", hosts=200, round_trip=0)
    measured.first = {"ssh": a_run(10, memory=1), "ansible": a_run(240, memory=5_000_000_000)}
    measured.timed = {"ssh": [a_run(12)]}
    assert cells(table([measured]), "ansible")[4:] == ["1", "240", "240-240", "20.0", "120", "5000"]


def test_a_side_that_failed_has_no_figures() -> None:
    measured = Measured("`deploy`", hosts=1, round_trip=0)
    measured.first = {"ssh": a_run(1), "fab": a_run(1)}
    measured.failed = {"ssh"}
    text = table([measured])
    assert cells(text, "ssh")[4:] == ["failed", "", "", "", "", ""]
    assert cells(text, "fab")[7] == ""


def test_benchmark_page_keeps_surrounding_text(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}after\n")
    write(page, "new")
    assert page.read_text() == f"before\n{BEGIN}\nnew\n{END}after\n"


def test_benchmark_run_kills_and_counts_child_processes(tmp_path: Path) -> None:
    busy = "import os, time\nwhile time.process_time() < 0.2: pass\nprint(os.getpid(), flush=True)\ntime.sleep(60)"
    script = 'setsid "$1" -c "$2" >pid & while [ ! -s pid ]; do sleep 0.05; done; cat pid; echo done'
    done = run(["sh", "-c", script, "sh", sys.executable, busy], os.environ, tmp_path, look_at_memory=False)
    left, last = done.output.split()
    assert (last, done.code) == ("done", 0)
    assert not Path("/proc", left).exists()
    assert done.cpu >= 0.2


def test_the_memory_of_children_counts(tmp_path: Path) -> None:
    hoard = "import time; held = b'x' * 60_000_000; time.sleep(0.3)"
    command = ["sh", "-c", '"$1" -c "$2"; true', "sh", sys.executable, hoard]
    done = run(command, os.environ, tmp_path, look_at_memory=True)
    assert done.memory is not None
    assert done.memory > 60_000_000


def test_import_times_are_listed_by_package_and_own_module() -> None:
    log = """import time: self [us] | cumulative | imported package
import time:      1500 |       1500 |   paramiko.util
import time:      2000 |       3500 | paramiko
import time:      4000 |       4000 | ops.schema
a word of the verb's
"""
    assert [line.split(maxsplit=1) for line in imports(log).splitlines()[1:]] == [
        ["4.0", "ops.schema"],
        ["3.5", "paramiko"],
    ]


def test_timeline_shows_steps_in_milliseconds() -> None:
    log = "noise\x1e1000.250000 Switch to new keys\nnoise\n\x1e1000.260000 of no interest\n\x1e1000.300000 Over\n"
    assert [line.split(maxsplit=1) for line in timeline(log, 1000.0).splitlines()[2:]] == [
        ["250.0", "key exchange done"],
        ["300.0", "over"],
    ]


def test_the_proxy_is_late_and_loses_nothing() -> None:
    trip, sent = 0.2, os.urandom(6_000_000)
    took: dict[str, float] = {}

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
        writer.close()

    async def scene() -> bytes:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        there = server.sockets[0].getsockname()
        proxy = await listen(trip / 2, ("127.0.0.1", 0), there)
        async with server, proxy:
            begun = time.monotonic()
            reader, writer = await asyncio.open_connection(*proxy.sockets[0].getsockname())
            writer.write(b"?")
            await reader.readexactly(1)
            took["with the handshake"] = time.monotonic() - begun
            begun = time.monotonic()
            writer.write(b"?")
            await reader.readexactly(1)
            took["there and back"] = time.monotonic() - begun
            begun = time.monotonic()
            writer.write(sent)
            writer.write_eof()
            received = await reader.read()
            took["much"] = time.monotonic() - begun
            writer.close()
            return received

    assert asyncio.run(asyncio.wait_for(scene(), 30)) == sent
    assert took["there and back"] >= trip
    assert took["with the handshake"] >= 2 * trip
    assert took["much"] < len(sent) / PIECE * trip / 4  # half of what it took if each piece waited for the last


def test_proxy_keeps_half_closed_connection_open() -> None:
    async def answer_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.read()
        await asyncio.sleep(0.05)  # what was asked has ended by now, and nothing is under way
        gc.collect()
        writer.write(asked + b"!")
        writer.close()

    async def scene() -> bytes:
        server = await asyncio.start_server(answer_late, "127.0.0.1", 0)
        async with server, await listen(0.001, ("127.0.0.1", 0), server.sockets[0].getsockname()) as proxy:
            reader, writer = await asyncio.open_connection(*proxy.sockets[0].getsockname())
            writer.write(b"well")
            writer.write_eof()
            received = await reader.read()
            writer.close()
            return received

    assert asyncio.run(asyncio.wait_for(scene(), 30)) == b"well!"


def test_proxy_closes_connection_if_server_is_unreachable() -> None:
    async def scene() -> bytes:
        server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
        nobody = server.sockets[0].getsockname()
        server.close()
        await server.wait_closed()
        async with await listen(0.001, ("127.0.0.1", 0), nobody) as proxy:
            reader, writer = await asyncio.open_connection(*proxy.sockets[0].getsockname())
            received = await reader.read()
            writer.close()
            return received

    assert asyncio.run(asyncio.wait_for(scene(), 30)) == b""
