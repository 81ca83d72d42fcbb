"""`python -m tests.soak`: run operations of a seed on lab hosts, print counts and violations."""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from tests.soak.lane import Lane, Ran
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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Ended."))  # by way of what takes the labs down
    log = options.log or Path(tempfile.gettempdir(), f"soak-{options.seed}.log")
    log.unlink(missing_ok=True)
    numbers = range(options.first, options.first + options.operations)
    begun, folder = time.monotonic(), Path(tempfile.mkdtemp(prefix="soak-"))
    _say(f"Seed {options.seed}, operations {numbers[0]} to {numbers[-1]}; every trace goes to {log}.")
    soak = Soak(options.seed, options.stop)
    try:
        for number in range(options.hosts):
            (folder / str(number)).mkdir()
            soak.lanes.append(Lane.made(folder / str(number), log))
        if why_not := soak.lanes[0].host.why_no_disks:
            _say(f"No disk is filled, power cuts lose no unsynced writes: no image can be mounted here ({why_not}).")
        soak.run(numbers)
    finally:
        if soak.stop and soak.is_broken:
            _say(f"The labs are left up: {', '.join(str(lane.host.site.lab.state) for lane in soak.lanes)}")
        else:
            for lane in soak.lanes:
                lane.host.end()
            shutil.rmtree(folder)
        _say("\n" + table(options.seed, soak.ran, time.monotonic() - begun))
    if soak.is_broken:
        sys.exit(1)


@dataclass
class Soak:
    """Lanes that share the operations of a seed; with `stop` they end at the first violation."""

    seed: int
    stop: bool
    lanes: list[Lane] = field(default_factory=list)
    ran: list[Ran] = field(default_factory=list)
    over: Event = field(default_factory=Event)

    @property
    def is_broken(self) -> bool:
        """Whether anything that must hold did not."""
        return any(one.violations for one in self.ran)

    def run(self, numbers: range) -> None:
        """Run the operations, each lane its share."""
        with ThreadPoolExecutor(len(self.lanes)) as pool:
            shares = [numbers[place :: len(self.lanes)] for place in range(len(self.lanes))]
            try:
                list(pool.map(self._run_share, self.lanes, shares))
            finally:
                self.over.set()

    def _run_share(self, lane: Lane, numbers: range) -> None:
        for number in numbers:
            if self.over.is_set():
                return
            try:
                one = lane.run(draw(self.seed, number, disks=not lane.host.why_no_disks))
            except BaseException:
                self.over.set()
                raise
            self.ran.append(one)
            _say(f"{number}: {one.operation}: {'VIOLATION' if one.violations else 'ok'}")
            if one.violations:
                _say(violation_text(self.seed, one))
            if lane.unusable:
                _say("This host is left out from here on.")
                return
            if self.stop and one.violations:
                self.over.set()


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
