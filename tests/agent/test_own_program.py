"""A program of the agent's own modules runs under every Python that may be a host's."""

import subprocess
from types import SimpleNamespace

import pytest

from ops.agent import own_program, trial_start
from tests.agent.interpreters import interpreters


@pytest.mark.parametrize("python", interpreters())
def test_program_runs_under_every_interpreter(python: str) -> None:
    given = {"httpd": "/nonexistent/\xfc", "ports": [], "probe": ""}
    program = own_program.program(trial_start.main, given)
    ended = subprocess.run([python, "-I", "-S", "-"], input=program, capture_output=True, timeout=60)
    assert ended.returncode == 1
    assert b"nonexistent" in ended.stderr
    assert b"FileNotFoundError" in ended.stderr


def test_program_has_the_modules_as_they_came_to_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "import sys\ndef main(given): sys.exit(given + 3)\n"
    monkeypatch.setattr("ops.agent.__loader__", SimpleNamespace(modules={"ops.agent.trial_start": text}))
    ended = subprocess.run([*own_program.python_words()], input=own_program.program(trial_start.main, 4), check=False)
    assert ended.returncode == 7
