"""Where fab's time goes: `python -m benchmarks.profile VERB...` runs the verb twice, with your inventory and hosts.

Once for its imports, by package; once for the steps of SSH, as paramiko tells of them, in ms since the process began.
"""

import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
IMPORTS = 15  # rows shown
OWN = ("ops", "tasks", "lab")  # of these each module is a row
# What paramiko's log says where a step begins or ends, and what it means.
STEPS = {
    "Fabric is there": "Fabric is imported, the fabfile not yet",
    "starting thread": "TCP is connected",
    "Connected (version": "the host has said what it is",
    "Kex: ": "key exchange agreed on",
    "Switch to new keys": "key exchange done",
    "userauth is OK": "login may begin",
    "Trying ": "a key is tried",
    "Authentication (publickey) successful": "logged in",
    "[chan 0] Max packet in": "a channel is wanted",
    "[chan 0] Sesch channel": "the channel is open, the command on its way",
    "[chan 0] EOF sent": "fab has no more to say",
    "[chan 0] EOF received": "the host has no more to say",
    "Over": "over",
}
TOLD = """
import logging
logging.basicConfig(format="\\x1e%(created).6f %(message)s")
for name in ("paramiko", "profile"):
    logging.getLogger(name).setLevel(logging.DEBUG)
from fabric.main import program
try:
    logging.getLogger("profile").debug("Fabric is there")
    program.run()
finally:
    logging.getLogger("profile").debug("Over")
"""
IMPORT_LINE = re.compile(r"import time: +(\d+) \| +\d+ \| +([\w.]+)$", re.MULTILINE)


def main() -> None:
    """Print both; what the verb itself says is left out."""
    arguments = sys.argv[1:]
    if not arguments:
        sys.exit("usage: python -m benchmarks.profile VERB..., such as deploy --yes")
    print(imports(_stderr_of("-X", "importtime", str(Path(sys.executable).with_name("fab")), *arguments)))
    begun = time.time()
    print(timeline(_stderr_of("-c", TOLD, *arguments), begun))


def imports(log: str) -> str:
    """The packages, and modules of this project, with the most time of their own.

    `log` is what `-X importtime` wrote, in microseconds.
    """
    spent: Counter[str] = Counter()
    for own, module in IMPORT_LINE.findall(log):
        package = module.partition(".")[0]
        spent[module if package in OWN else package] += int(own)
    rows = [f"{number / 1000:8.1f}  {package}" for package, number in spent.most_common(IMPORTS)]
    return "\n".join([f"{sum(spent.values()) / 1000:8.1f}  ms of imports (slowed by counting), of which", *rows])


def timeline(log: str, begun: float) -> str:
    """When each step was reached, from paramiko's log; `begun` in seconds since the epoch."""
    rows = []
    for line in log.split("\x1e")[1:]:
        created, _, message = line.partition(" ")
        what = next((step for sign, step in STEPS.items() if message.startswith(sign)), None)
        if what:
            rows.append(f"{(float(created) - begun) * 1000:8.1f}  {what}")
    return "\n".join(["", "      ms  since the start", *rows])


def _stderr_of(*arguments: str) -> str:
    command = [sys.executable, *arguments]
    answer = subprocess.run(
        command, cwd=PROJECT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if answer.returncode not in (0, 2):
        sys.exit(answer.stderr[-2000:])
    return answer.stderr


if __name__ == "__main__":
    main()
