"""A long line to hosts that are near: a TCP proxy that delays each direction and keeps its throughput.

`python -m benchmarks.proxy MS ADDRESS=TARGET...` listens on port 2222 of each ADDRESS for port 22 of its TARGET, with
a round trip of MS milliseconds, and says "ready". It emulates the latency alone: no loss, no slow start of TCP.
"""

import asyncio
import sys
from collections.abc import Sequence

PORT = 2222
IN_FLIGHT = 1024  # pieces a direction holds before it stops to read
PIECE = 65536  # bytes

Flight = asyncio.Queue[tuple[float, bytes]]


async def listen(delay: float, here: tuple[str, int], there: tuple[str, int]) -> asyncio.Server:
    """Pass connections to `here` on to `there`, everything `delay` seconds late in either direction."""

    at_work = set()  # asyncio itself would let go of one whose near side has said its last

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        task = asyncio.current_task()
        at_work.add(task)
        try:
            await _join(delay, reader, ends, there)
        except* OSError:
            pass  # one end is gone; then so is the other
        finally:
            at_work.discard(task)
            for end in ends:
                end.close()

    return await asyncio.start_server(serve, *here, backlog=512)


async def _join(
    delay: float, reader: asyncio.StreamReader, ends: list[asyncio.StreamWriter], there: tuple[str, int]
) -> None:
    """Carry both ways until both directions have ended; the far end joins the near one in `ends`."""
    # The kernel has answered the client's SYN at once; on a real line that takes a round trip, and the host hears of
    # the connection half a trip later.
    await asyncio.sleep(2 * delay)
    out, back = Flight(IN_FLIGHT), Flight(IN_FLIGHT)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_take_off(reader, out, delay))
        await asyncio.sleep(delay)
        far_reader, far_end = await asyncio.open_connection(*there)
        ends.append(far_end)
        tasks.create_task(_land(out, far_end))
        tasks.create_task(_take_off(far_reader, back, delay))
        tasks.create_task(_land(back, ends[0]))


async def _take_off(reader: asyncio.StreamReader, flight: Flight, delay: float) -> None:
    clock = asyncio.get_running_loop().time
    piece = b"-"
    while piece:  # the last one is empty: the end of the stream takes as long as the rest
        piece = await reader.read(PIECE)
        await flight.put((clock() + delay, piece))


async def _land(flight: Flight, writer: asyncio.StreamWriter) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        due, piece = await flight.get()
        await asyncio.sleep(due - clock())
        if not piece:
            writer.write_eof()
            return
        writer.write(piece)
        await writer.drain()


async def _main(round_trip: str, pairs: Sequence[str]) -> None:
    for pair in pairs:
        here, _, there = pair.partition("=")
        await listen(float(round_trip) / 2000, (here, PORT), (there, 22))
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2:]))
