"""The start of the agent (`ops/agent/`) on a host: a text for its shell, and the package for its Python."""

import ast
import json
import zlib
from functools import cache
from pathlib import Path

from ops.agent.main import ANSWERED_BY
from ops.agent.messages import PROTOCOL, Message

FOLDER = Path(__file__).parent / "agent"
GREETING = f"poms-ops agent {PROTOCOL}"  # the first line of an answer
PYTHONS = "python3 /usr/libexec/platform-python"  # the latter is EL8's


@cache
def start_text(*kinds: type[Message]) -> str:
    """What the host's shell runs, for requests of these kinds (`ops/agent/start.sh`)."""
    lines = (FOLDER / "start.sh").read_text(encoding="utf-8").splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith("#"))
    values = {"PROTOCOL": str(PROTOCOL), "PACKAGE_BYTES": str(len(package(*kinds))), "PYTHONS": PYTHONS}
    for name, value in values.items():
        text = text.replace(name, value)
    return text


@cache
def package(*kinds: type[Message]) -> bytes:
    """The modules that answer these requests, with those that they import: compressed JSON of (name, source)."""
    found: dict[str, str] = {"ops": "", "ops.agent": ""}
    for module in sorted({ANSWERED_BY[kind.__name__] for kind in kinds}):
        _add(f"ops.agent.{module}", found)
    _add("ops.agent.main", found)
    return zlib.compress(json.dumps([*found.items()]).encode(), 9)


def _add(name: str, found: dict[str, str]) -> None:
    """Add a module after those that it imports."""
    text = (FOLDER / f"{name.rpartition('.')[2]}.py").read_text(encoding="utf-8")
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ops.agent"):
            names = [f"ops.agent.{one.name}" for one in node.names] if node.module == "ops.agent" else [node.module]
            for imported in names:
                if imported not in found:
                    _add(imported, found)
    found[name] = _without_comments(text, tree)


def _without_comments(text: str, tree: ast.Module) -> str:
    """The text without docstrings and lines that are only a comment; line numbers stay."""
    lines = text.split("\n")
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            doc = node.body[0]
            end = doc.end_lineno or doc.lineno
            lines[doc.lineno - 1 : end] = [" " * doc.col_offset + "''", *[""] * (end - doc.lineno)]
    strings = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    return "\n".join(
        "" if line.lstrip().startswith("#") and number not in strings else line
        for number, line in enumerate(lines, 1)
    )
