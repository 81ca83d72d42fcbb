"""`python -m tests.soak`: run operations of a seed on lab hosts, print counts and violations."""

import argparse
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.soak.lane import Lane, Ran, Unusable
from tests.soak.plan import draw
from tests.soak.report import table, violation_text


def main() -> None:
    """Read the command line, soak, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="which operations (1)")
    parser.add_argument("--operations", type=int, default=300, help="how many (300)")
    parser.add_argument("--first", type=int, default=1, help="the number of the first (1)")
    parser.add_argument("--hosts", type=int, default=2, help="lab hosts, each in a lab of its own (2)")
    parser.add_argument("--log", type=Path, help="where every trace goes (a file in the system's temporary folder)")
    parser.add_argument("--stop", action="store_true", help="end at the first violation and leave the labs up")
    options = parser.parse_args()
    log = options.log or Path(tempfile.gettempdir(), f"soak-{options.seed}.log")
    log.unlink(missing_ok=True)
    numbers = range(options.first, options.first + options.operations)
    begun, folder = time.monotonic(), Path(tempfile.mkdtemp(prefix="soak-"))
    _say(f"Seed {options.seed}, operations {numbers[0]} to {numbers[-1]}; every trace goes to {log}.")
    lanes: list[Lane] = []
    ran: list[Ran] = []
    try:
        for number in range(options.hosts):
            (folder / str(number)).mkdir()
            lanes.append(Lane.made(folder / str(number), log))
        if why_not := lanes[0].host.why_no_disks:
            _say(f"No disk is filled, power cuts lose no unsynced writes: no image can be mounted here ({why_not}).")
        with ThreadPoolExecutor(len(lanes)) as pool:
            shares = [numbers[place :: len(lanes)] for place in range(len(lanes))]
            list(pool.map(lambda lane, share: _soak(lane, options, share, ran), lanes, shares))
    finally:
        keep = options.stop and any(one.violations for one in ran)
        if keep:
            _say(f"The labs are left up: {', '.join(str(lane.host.site.lab.state) for lane in lanes)}")
        else:
            for lane in lanes:
                lane.host.end()
        _say("\n" + table(options.seed, ran, time.monotonic() - begun))
    if any(one.violations for one in ran):
        sys.exit(1)


def _soak(lane: Lane, options: argparse.Namespace, numbers: range, ran: list[Ran]) -> None:
    for number in numbers:
        if options.stop and any(one.violations for one in ran):
            return
        try:
            one = lane.run(draw(options.seed, number, disks=not lane.host.why_no_disks))
        except Unusable as error:
            _say(f"operation {number}: {error}; this host is left out from here on")
            return
        ran.append(one)
        _say(f"{number}: {one.operation}: {'VIOLATION' if one.violations else 'ok'}")
        if one.violations:
            _say(violation_text(options.seed, one))


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
