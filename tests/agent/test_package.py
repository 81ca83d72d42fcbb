"""The package that travels to a host: small, whole where it has to be, and nothing but the agent's modules."""

import ast
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ops.agent.probe_messages import HostState, ProbeRequest
from ops.agent.service_messages import SupervisordPlace
from ops.ssh.agent_modules import FOLDER, prepared
from ops.ssh.agent_source import without_explanations
from ops.ssh.agent_start import module, package, start_text
from tests.agent.local_line import Line
from tests.unit.hosts import host

PROBE_BYTES = 13_000  # with the text that starts it


def test_agent_asks_for_a_module_that_it_needs(tmp_path: Path) -> None:
    """How to start a supervisord that is down is rarely asked."""
    assert b"survival" not in package(ProbeRequest)
    place = SupervisordPlace(conf="/nowhere", socket=f"{tmp_path}/s.sock", state_dir=f"{tmp_path}/state")
    line = Line(tmp_path / "line", "dash")
    found = line.remote(host()).answer(ProbeRequest(supervisord=place, home="", uwsgi_files={}, files=[]))
    line.end()
    assert (found.only(HostState).supervisord.state, bool(found.only(HostState).start)) == ("down", True)


@pytest.mark.parametrize("name", ["ops.agent.none", "ops.errors", "ops.agent.../errors", "os", ""])
def test_a_host_gets_no_other_file(name: str) -> None:
    with pytest.raises(ValueError, match="no module"):
        module(name)


def test_a_probe_is_small() -> None:
    sent = package(ProbeRequest)
    assert len(sent) + len(start_text(len(sent))) < PROBE_BYTES


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_what_travels_has_the_same_lines_and_code(path: Path) -> None:
    """Without docstrings and types, a function stands in the same line as in its file."""
    text = path.read_text()
    sent = without_explanations(text, ast.parse(text))
    named = [(node.name, node.lineno) for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    assert named == [
        (node.name, node.lineno) for node in ast.walk(ast.parse(sent)) if isinstance(node, ast.FunctionDef)
    ]
    assert (
        not [
            node
            for node in ast.walk(ast.parse(sent))
            if isinstance(node, ast.FunctionDef) and (node.returns or ast.get_docstring(node))
        ]
        or "class Message" in text
    )


def test_what_was_prepared_is_kept_until_the_module_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.ssh.agent_modules.FOLDER", tmp_path)
    path = tmp_path / "one.py"
    path.write_text('"""Words."""\nfrom ops.agent import lock\n\ndef f():\n    from ops.agent.run import x\n')
    first = prepared("ops.agent.one")
    assert (first.imports, first.late_imports) == (["ops.agent.lock"], ["ops.agent.run"])
    monkeypatch.setattr("ops.ssh.agent_source.prepare", lambda _: ("anew", [], []))
    assert prepared("ops.agent.one") == first
    path.write_text("another = 1\n")
    assert prepared("ops.agent.one").text == "anew"
    (tmp_path / "__pycache__/one.agent.json").write_text("torn")
    assert prepared("ops.agent.one").text == "anew"


def test_many_hosts_at_once_get_the_same_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Python's parser fails in several threads at once, at depths that differ."""
    monkeypatch.setattr("ops.ssh.agent_modules.PREPARER", tmp_path / "none")  # so that nothing is kept
    (tmp_path / "none").touch()
    made = package.__wrapped__

    def deep(depth: int) -> bytes:
        return deep(depth - 1) if depth else made(ProbeRequest)

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(deep, [number % 32 for number in range(64)]))
    assert set(found) == {package(ProbeRequest)}
