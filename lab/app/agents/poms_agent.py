"""A stand-in for POMS's long-running agents: logs its version, then a numbered line every second.

usage: poms_agent.py NAME
"""

import itertools
import sys
import time
from pathlib import Path


def main(name: str) -> None:
    """Run until a signal ends it."""
    log(name, f"version {version()}")
    for number in itertools.count(1):
        log(name, f"line {number}")
        time.sleep(1)


def log(name: str, text: str) -> None:
    """Write one line with the time."""
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {name}: {text}", flush=True)


def version() -> str:
    """The version of the tree that this file is in, whatever PYTHONPATH says."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from poms_version import VERSION

    return VERSION


if __name__ == "__main__":
    main(sys.argv[1])
