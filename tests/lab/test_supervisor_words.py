"""supervisord's further words on a real host: a group, two processes, a listener, fcgi, an included file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.messages import NOTHING_TO_DO
from tests.lab.site import Site, until

PLACE = "/home/poms/private/words"
WORDS = f"""
[defaults.secrets.words]
command = ["printf", "pass %% word"]

[defaults.supervisor]
include = ["private/words/*.conf"]
inet_http_server = {{ port = "127.0.0.1:9001", username = "me", password = "words" }}

[defaults.groups.pair]
programs = ["left", "right"]

[defaults.programs.left]
command = "sh -c 'echo left begins; exec sleep 1000'"

[defaults.programs.right]
command = "sh -c 'echo right begins; exec sleep 1001'"

[defaults.programs.pool]
command = "sh -c 'echo number %(process_num)d of %(program_name)s in %(ENV_HOME)s; exec sleep 1002'"
numprocs = 2
expand = true

[defaults.programs.listener]
kind = "eventlistener"
events = ["PROCESS_STATE_STOPPED"]
command = "python3 {PLACE}/listener.py"

[defaults.programs.fcgi]
kind = "fcgi-program"
socket = "unix://{PLACE}/fcgi.sock"
command = "python3 {PLACE}/stand_in.py"
numprocs = 2

[hosts.pomsgpvm01]
"""
# As "Event Listeners and Event Notifications" of supervisor's manual describes one.
LISTENER = """
import sys
while True:
    sys.stdout.write("READY\\n")
    sys.stdout.flush()
    head = dict(word.split(":") for word in sys.stdin.readline().split())
    sys.stderr.write(head["eventname"] + " " + sys.stdin.read(int(head["len"])) + "\\n")
    sys.stderr.flush()
    sys.stdout.write("RESULT 2\\nOK")
    sys.stdout.flush()
"""
# A stand-in for a FastCGI program: supervisord gives it the listening socket as its standard input.
STAND_IN = """
import os, socket
listening = socket.socket(fileno=0)
while True:
    line, _ = listening.accept()
    line.sendall(b"%d\\n" % os.getpid())
    line.close()
"""
ASK = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('{}'); print(s.recv(99).decode())"
OURS = ("pair:left", "pair:right", "pool:pool_00", "pool:pool_01", "listener", "fcgi:fcgi_00", "fcgi:fcgi_01")


@pytest.fixture
def worded(deployed: Site, tmp_path: Path) -> Iterator[tuple[Site, Path]]:
    """pomsgpvm01 with all of these deployed, and the inventory; afterwards as it was."""
    site, files = deployed, {"listener.py": LISTENER, "stand_in.py": STAND_IN}
    files["theirs.conf"] = "[program:theirs]\ncommand=sleep 1003\n"
    for name, text in files.items():
        site.poms(f"mkdir -p {PLACE}; cat >{PLACE}/{name} <<'END'\n{text}END")
    inventory = site.changed(tmp_path, ("[hosts.pomsgpvm01]\n", WORDS))
    said = site.fab("-H", "pomsgpvm01", "deploy", "--yes", inventory=inventory)
    assert said.code == 0, said.all
    yield site, inventory
    site.fab("-H", "pomsgpvm01", "deploy", "--yes", "--remove", check=True)
    site.poms(f"rm -rf {PLACE}")


def programs(site: Site, inventory: Path) -> dict[str, dict[str, Any]]:
    said = site.fab("-H", "pomsgpvm01", "status", "--json", inventory=inventory)
    found: dict[str, dict[str, Any]] = json.loads(said.out)["pomsgpvm01"]["programs"]
    return found


def test_groups_processes_kinds_and_included_files_have_their_full_names(worded: tuple[Site, Path]) -> None:
    site, inventory = worded

    def fab(*words: str) -> str:
        return site.fab("-H", "pomsgpvm01", *words, inventory=inventory, check=True).out

    before = programs(site, inventory)
    assert {name: facts["state"] for name, facts in before.items()} == site.program_states()
    assert {*OURS, "theirs"} < {name for name, facts in before.items() if facts["state"] == "RUNNING"}
    assert NOTHING_TO_DO in fab("deploy", "--yes")
    assert int(site.poms(f'python3 -c "{ASK.format(f"{PLACE}/fcgi.sock")}"')) in {
        before[name]["pid"] for name in ("fcgi:fcgi_00", "fcgi:fcgi_01")
    }
    asked = "curl -s -o /dev/null -w '%{http_code}'"
    assert (
        site.root(f"{asked} http://127.0.0.1:9001/; {asked} -u 'me:pass % word' http://127.0.0.1:9001/") == "401200"
    )

    fab("stop-programs", "--programs=pair:left")
    heard = fab("tail-logs", "--programs=listener")
    until(lambda: "groupname:pair" in fab("tail-logs", "--programs=listener"), 10, f"the listener is told: {heard}")
    fab("restart-programs", "--programs=fcgi:*,pool:pool_01")
    after = programs(site, inventory)
    assert {name for name in before if before[name]["pid"] != after[name]["pid"]} == {
        *("pair:left", "fcgi:fcgi_00", "fcgi:fcgi_01", "pool:pool_01")
    }
    assert after["pair:left"]["stopped_by"]

    # A change of one in the group restarts the group, but not who was stopped in it, and nobody else.
    inventory.write_text(inventory.read_text().replace("sleep 1001", "sleep 1111"))
    said = site.fab("-H", "pomsgpvm01", "diff", inventory=inventory)
    assert said.code == 2, said.all
    assert "pair:left, pair:right: restart" in said.out
    fab("deploy", "--yes")
    then = programs(site, inventory)
    assert {name for name in after if after[name]["pid"] != then[name]["pid"]} == {"pair:right"}
    left = then["pair:left"]
    assert (left["state"], left["stopped_by"]) == ("STOPPED", after["pair:left"]["stopped_by"])
    fab("start-programs", "pair:left")
    assert site.program_states()["pair:left"] == "RUNNING"

    lines = fab("tail-logs", "--programs=pool:pool_01").splitlines()
    assert {line.partition("  ")[0].strip() for line in lines if "number 1 of pool in /home/poms" in line}
    assert not [line for line in lines if "number 0" in line]
    both = fab("tail-logs", "--programs=pair:*")
    assert "left begins" in both
    assert "right begins" in both
    refused = site.fab("-H", "pomsgpvm01", "restart-programs", "--programs=theirs", inventory=inventory)
    assert refused.code == 3, refused.all
