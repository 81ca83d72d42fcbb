"""A stand-in for POMS's long-running agents: logs a numbered line every second. usage: poms_agent.py NAME"""

import itertools
import sys
import time


def main(name: str) -> None:
    """Run until a signal ends it."""
    for number in itertools.count(1):
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {name}: line {number}", flush=True)
        time.sleep(1)


if __name__ == "__main__":
    main(sys.argv[1])
