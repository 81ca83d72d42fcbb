"""What is sent to a host is run whole or not at all, whatever the account's start files read of it."""

import subprocess
from pathlib import Path

import pytest

from ops.scripts import FOLDER, running
from tests.scripts.remote import SHELLS

TEXT = 'say() { echo "$1"; }\nsay \'one \\n two\'\nread -r request\nsay "$request"\n'


def ran(shell: str, before: str) -> "subprocess.CompletedProcess[str]":
    """Send the text and a request behind it to a login shell that runs `before` first."""
    return subprocess.run(
        [*SHELLS[shell], "-c", f"{before}; exec sh -c '{running(TEXT)}'"],
        input=f"{TEXT}a request; touch /\n",
        capture_output=True,
        text=True,
        timeout=20,
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_complete_script_runs_and_gets_its_request(shell: str) -> None:
    assert ran(shell, ":").stdout.splitlines()[-1] == "a request; touch /"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("before", ["read -r x", "head -c 1", "cat", "cat >/dev/null; echo"])
def test_script_consumed_by_start_file_is_not_run(shell: str, before: str) -> None:
    done = ran(shell, f"{{ {before}; }} >/dev/null")
    assert done.stdout == ""
    assert "reads standard input" in done.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_host_sends_heartbeat_only_while_it_holds_lock(tmp_path: Path, shell: str) -> None:
    text = (
        f'set -eu; state_dir={tmp_path}; exec 3>&1; say() {{ echo "$*" >&3; }}\n{(FOLDER / "lock.sh").read_text()}\n'
        "ALIVE_EVERY=1; take_lock 'me, a test'; n=0\n"
        f"while ! grep -q alive {tmp_path}/out && [ $n -lt 100 ]; do sleep 0.1; n=$((n + 1)); done\n"
        "release_lock; say end\n"
    )
    with (tmp_path / "out").open("wb") as out:
        done = subprocess.run([*SHELLS[shell], "-c", text], stdout=out, stderr=subprocess.PIPE, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    *alive, end = (tmp_path / "out").read_text().splitlines()
    assert (set(alive), end) == ({"alive"}, "end")
    assert (tmp_path / "lock").read_text() == ""
