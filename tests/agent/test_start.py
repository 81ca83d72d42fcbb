"""How the agent starts on a host: with the first Python that can, whatever the host has."""

import sys
from pathlib import Path

import pytest

from ops.agent.releases_messages import ReleasesRequest
from ops.errors import NoPython
from tests.agent import local_agent
from tests.agent.interpreters import interpreters
from tests.agent.shells import SHELLS, executable

REQUEST = ReleasesRequest(state_dir="/nowhere", home="", uwsgi_file="/nowhere")


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


@pytest.mark.parametrize("python", interpreters())
def test_agent_answers_under_every_interpreter(python: str, tools: Path) -> None:
    (tools / "python3").symlink_to(python)
    (answer,) = local_agent.ask("dash", REQUEST, path=str(tools))
    assert len(answer.messages) == 1
    assert answer.python.startswith("3.")


@pytest.mark.parametrize("shell", SHELLS)
def test_products_python_answers_where_host_has_none(shell: str, tools: Path, tmp_path: Path) -> None:
    (tmp_path / "products").mkdir()
    (tmp_path / "products/python3").symlink_to(sys.executable)
    activate = f"PATH={tmp_path}/products:$PATH; unset load python library_path; start() {{ exit; }}"
    (answer,) = local_agent.ask(shell, REQUEST, activate=activate, path=str(tools))
    assert answer.messages


@pytest.mark.parametrize("shell", SHELLS)
def test_too_old_python_is_passed_over(shell: str, tools: Path, tmp_path: Path) -> None:
    executable(tools / "python3", "#!/bin/sh\nexit 127\n")
    (tmp_path / "products").mkdir()
    (tmp_path / "products/python3").symlink_to(sys.executable)
    (answer,) = local_agent.ask(shell, REQUEST, activate=f"PATH={tmp_path}/products:$PATH", path=str(tools))
    assert answer.messages


@pytest.mark.parametrize("shell", SHELLS)
def test_host_without_python_names_what_was_tried(shell: str, tools: Path) -> None:
    (answer,) = local_agent.ask(shell, REQUEST, activate=f"PATH={tools}", path=str(tools))
    with pytest.raises(NoPython) as caught:
        list(answer.messages)
    assert "platform-python" in caught.value.tried
    assert caught.value.next_step
