"""The agent (`ops/agent/`) as the one Python program that a host runs."""

import ast
import json
import zlib
from base64 import b64encode
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "agent"
# Python 2 reads these lines, too, and ends with the code that makes the host try another one.
STARTER = """import sys
if sys.version_info < (3, 6):
    sys.exit(127)
import binascii, json, zlib
for name, text in json.loads(zlib.decompress(binascii.a2b_base64("{modules}")).decode()):
    module = sys.modules[name] = type(sys)(name)
    package, _, last = name.rpartition(".")
    if package:
        setattr(sys.modules[package], last, module)
    exec(compile(text, name, "exec"), vars(module))
sys.modules["ops.agent.main"].main()
"""


@cache
def agent_text(*modules: str) -> str:
    """The program, with the modules that answer the requests, compressed; about 3 kB for each 10 kB of source."""
    found: dict[str, str] = {"ops": "", "ops.agent": ""}
    for name in (*modules, "main"):
        _add(f"ops.agent.{name}", found)
    packed = zlib.compress(json.dumps([*found.items()]).encode(), 9)
    return STARTER.replace("{modules}", b64encode(packed).decode())


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
    found[name] = _without_docs(text, tree)


def _without_docs(text: str, tree: ast.Module) -> str:
    """The text with empty docstrings; line numbers stay."""
    lines = text.split("\n")
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            doc = node.body[0]
            end = doc.end_lineno or doc.lineno
            lines[doc.lineno - 1 : end] = [" " * doc.col_offset + "''", *[""] * (end - doc.lineno)]
    return "\n".join(lines)
