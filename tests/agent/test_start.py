"""How the agent starts on a host: with the first Python that can, whatever the host has."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from ops.agent.messages import ReleasesRequest
from ops.agent_text import agent_text
from ops.deploy.releases import parse
from ops.errors import NoPython
from tests.scripts.remote import SHELLS, executable, run
from tests.unit.hosts import host

REQUEST = msgspec.json.encode(ReleasesRequest(state_dir="/nowhere", home="", uwsgi_file="/nowhere")).decode()
DONE = '{"type":"Done",'


def interpreters() -> list[str]:
    """Every Python 3 of this machine: by name, and those beside the one that runs the tests."""
    named = [found for minor in range(6, 30) if (found := shutil.which(f"python3.{minor}"))]
    beside = map(str, Path(sys.base_prefix).parent.glob("3.*/bin/python3"))
    real = {os.path.realpath(path) for path in [*named, *beside, sys.executable]}
    return sorted(path for path in real if subprocess.run([path, "-c", ""], capture_output=True).returncode == 0)


@pytest.mark.parametrize("python", interpreters())
def test_agent_answers_under_every_interpreter(python: str, tmp_path: Path) -> None:
    (tmp_path / "request").write_text(REQUEST + "\n")
    command = f"{python} -I -S - 7<{tmp_path}/request"
    done = subprocess.run(
        ["sh", "-c", command], input=agent_text("releases"), capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines()[-1].startswith(DONE), done


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder with the machine's tools and no Python; the only one of PATH."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for place in ("/usr/bin", "/bin"):
        for tool in Path(place).iterdir():
            if "python" not in tool.name and not (folder / tool.name).exists():
                (folder / tool.name).symlink_to(tool)
    return folder


def answer(shell: str, tools: Path, activate: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("PATH", str(tools))
    ran = run(shell, "releases", [f"activate {activate}", REQUEST, "end"])
    assert ran.facts[0] == "poms-ops releases", ran
    return ran.facts[1:]


@pytest.mark.parametrize("shell", SHELLS)
def test_products_python_answers_where_host_has_none(
    shell: str, tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "products").mkdir()
    (tmp_path / "products/python3").symlink_to(sys.executable)
    assert answer(shell, tools, f"PATH={tmp_path}/products:$PATH", monkeypatch)[-1].startswith(DONE)


@pytest.mark.parametrize("shell", SHELLS)
def test_too_old_python_is_passed_over(
    shell: str, tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executable(tools / "python3", "#!/bin/sh\ncat >/dev/null\nexit 127\n")
    (tmp_path / "products").mkdir()
    (tmp_path / "products/python3").symlink_to(sys.executable)
    assert answer(shell, tools, f"PATH={tmp_path}/products:$PATH", monkeypatch)[-1].startswith(DONE)


@pytest.mark.parametrize("shell", SHELLS)
def test_host_without_python_names_what_was_tried(shell: str, tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = answer(shell, tools, ":", monkeypatch)
    assert json.loads(line)["type"] == "NoPython"
    with pytest.raises(NoPython) as caught:
        parse(host(name="web1"), [line])
    assert "platform-python" in caught.value.tried
    assert caught.value.next_step
