"""`python -m lab VERB`: the lab's tasks as root. Progress goes to stderr, one JSON document to stdout."""

import argparse
import json
import sys
from pathlib import Path

from lab import fleet, machine
from lab.base.table import DEFAULT
from lab.place import DEFAULT_HOSTS, Lab
from ops.errors import OperatorError


def main() -> int:
    """Run one task; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    parser.add_argument("verb", choices=["prepare", "up", "down", "status"])
    parser.add_argument("--state", type=Path, default=Lab().state)
    parser.add_argument("--cache", type=Path, default=Lab().cache)
    parser.add_argument("--base")
    parser.add_argument("names", nargs="*", metavar="NAME", help="names of hosts; with prepare, names of bases")
    given = parser.parse_intermixed_args()
    lab = Lab(given.state, given.cache)

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    result: object
    try:
        if not machine.is_root():
            raise OperatorError("This part of the lab needs root: run it by fab (fab lab.up), which uses sudo.")
        if given.verb == "up":
            result = fleet.up(given.names or DEFAULT_HOSTS, base=given.base, say=say, lab=lab)
        elif given.verb == "prepare":
            fleet.prepare(given.names or (DEFAULT,), say=say, lab=lab)
            result = None
        elif given.verb == "down":
            result = fleet.down(say=say, lab=lab)
        else:
            result = fleet.status(say=say, lab=lab)
    except OperatorError as error:
        print(json.dumps({"error": str(error), "code": error.code}))
        return error.code
    print(json.dumps({"result": fleet.as_json(result)}))
    return 0


sys.exit(main())
