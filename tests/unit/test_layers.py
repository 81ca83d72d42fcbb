"""The order of the packages of `ops/`: each imports only from those below it, never from one beside it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.project import PROJECT

ORDER = (
    ("ui",),
    ("monitoring",),
    ("deploy",),
    ("logs", "services", "importing"),
    ("ssh", "rendering", "inventory"),
    ("formats", "secrets"),
    ("ops",),  # the modules of the folder itself
    ("agent",),  # runs on hosts
)
LEVEL = {package: len(ORDER) - number for number, packages in enumerate(ORDER) for package in packages}
OPS = PROJECT / "ops"


def package_of(module: str) -> str:
    """The package of a dotted module of ops: "ssh" for "ops.ssh.login"."""
    words = module.split(".")
    return words[1] if len(words) > 1 and (OPS / words[1]).is_dir() else "ops"


def imported(text: str) -> Iterator[str]:
    """Each module that a module's text imports, wherever in it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def wrong_imports(module: str, text: str) -> list[str]:
    """What a module may not import: of the tasks, of a package above its own or of another beside it."""
    own = package_of(module)
    wrong = []
    for name in imported(text):
        above = name.split(".")[0] in ("tasks", "lab", "tests", "benchmarks")
        other = package_of(name) if name.split(".")[0] == "ops" else own
        if above or (other != own and LEVEL[other] >= LEVEL[own]):
            wrong.append(name)
    return wrong


def modules() -> list[Path]:
    return sorted(OPS.rglob("*.py"))


def test_each_package_imports_only_from_those_below_it() -> None:
    found = {}
    for path in modules():
        module = ".".join(path.relative_to(PROJECT).with_suffix("").parts)
        if wrong := wrong_imports(module, path.read_text()):
            found[module] = wrong
    assert found == {}


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("ops.ssh.session", "from ops.ui.console import say"),
        ("ops.ssh.session", "def f():\n    from ops.ui import console"),
        ("ops.logs.stream", "from ops.services import reload"),
        ("ops.text", "import ops.secrets.masking"),
        ("ops.ui.console", "from tasks.status import status"),
    ],
)
def test_an_import_upward_or_sideways_is_found(module: str, text: str) -> None:
    assert wrong_imports(module, text)


def test_every_package_has_its_place_in_the_order() -> None:
    packages = {path.parent.name for path in OPS.glob("*/__init__.py")}
    assert packages | {"ops"} == set(LEVEL)
    assert [path for path in OPS.glob("*/__init__.py") if path.read_text()] == []
