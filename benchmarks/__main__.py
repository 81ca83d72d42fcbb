"""`make bench`: every side in turn, round after round, in a lab of its own; one table of what came out."""

import shutil
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import lab
from benchmarks.cases import Case, lay_out, line_to
from benchmarks.knobs import Knobs, read_knobs
from benchmarks.report import conditions, write
from benchmarks.runs import run
from benchmarks.sides import SIDES, Side, environment
from benchmarks.table import Measured, table
from benchmarks.thin import MODEL, grow
from lab.host import Record, read_records

PROJECT = Path(__file__).resolve().parent.parent
WORK = PROJECT / "benchmarks/work"


def main() -> None:
    """Measure, print, and write the result down. Exits with 1 where a side failed."""
    knobs, begun = read_knobs(), time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Ended."))  # by way of what takes the lab down
    sides = [side for side in SIDES if side.name in knobs.sides]
    made = lab.Lab(state=WORK / "lab")
    lab.down(lab=made, say=_say)  # of a run that was killed
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir()
    results: list[Measured] = []
    try:
        for case in _cases(knobs, made):
            results.append(_measure(case, sides, knobs, made))
    finally:
        lab.down(lab=made, say=_say)
        text = f"{conditions(knobs)}\n\n{table(results)}"
        print(text, flush=True)
    _say(f"It took {(time.monotonic() - begun) / 60:.0f} minutes.")
    if knobs.out:
        write(knobs.out, text)
        _say(f"Written to {knobs.out}.")
    if any(result.failed for result in results):
        sys.exit("A side failed, see above.")


def _cases(knobs: Knobs, made: lab.Lab) -> list[Case]:
    """Bring the lab up, deploy to the model, and have as many copies of it as the largest case wants."""
    lab.up([MODEL], lab=made, say=_say)
    model = next(record for record in read_records(made) if record.name == MODEL)
    _deploy(made, model)
    most = max([*knobs.hosts, *knobs.delayed], default=0)
    _say(f"Starting {most} thin hosts.")
    thin = grow(made, most)
    near = [Case("deploy", [model], 0), *(Case("drift", thin[:count], 0) for count in knobs.hosts)]
    far = [replace(near[0], round_trip=knobs.round_trip)]
    far += [Case("drift", thin[:count], knobs.round_trip) for count in knobs.delayed]
    return near + far if knobs.round_trip else near


def _deploy(made: lab.Lab, model: Record) -> None:
    case = Case("deploy", [model], 0)
    lay_out(case, made, WORK / "first")
    _say(f"Deploying to {MODEL}.")
    for command in (
        ["ssh", "-F", "ssh_config", MODEL, "rm .bashrc"],  # its greeting, which pyinfra takes for the answer
        _side("fab").command(case),
    ):
        answer = run(command, environment(WORK / "first", WORK), WORK / "first", look_at_memory=False)
        if answer.code:
            sys.exit(f"The deploy that all are compared on failed.\n{answer.output}")


def _side(name: str) -> Side:
    return next(side for side in SIDES if side.name == name)


def _measure(case: Case, sides: Sequence[Side], knobs: Knobs, made: lab.Lab) -> Measured:
    """The first run of a side fills caches and has its memory looked at; the others are timed."""
    place = WORK / case.title
    lay_out(case, made, place)
    result = Measured(f"`{case.verb}`", len(case.records), case.round_trip)
    with line_to(case):
        for number in range(knobs.rounds + 1):
            for side in sides:
                name = side.name
                if name in result.failed or (number and number * result.first[name].seconds > knobs.seconds):
                    continue
                done = run(side.command(case), environment(place, WORK), place, look_at_memory=number == 0)
                (place / "output").rename(place / f"output-{name}-{number}")
                _say(f"{case.title}, round {number}: {name} {done.seconds:.2f} s")
                if not side.did_it(case, done):
                    result.failed.add(name)
                    tail = "\n".join(done.output.splitlines()[-20:])
                    _say(f"{name} failed ({done.code}); all it said is in {place.relative_to(PROJECT)}:\n{tail}")
                if number == 0:
                    result.first[name] = done
                else:
                    result.timed.setdefault(name, []).append(done)
    return result


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


main()
