"""What is sent to a host is run whole or not at all, whatever the account's start files read of it."""

import subprocess

import pytest

from ops.ssh.agent_start import running
from tests.agent.shells import SHELLS

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
