"""Every advice of the product, and the state that must hold for it to be given: none harms what is healthy."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.project import PROJECT

# What an advice could do harm with.
ACTS = re.compile(
    r"\b(kill|HUP|restart\S*|stop\S*|shutdown|end|remove|rm|overwrite|undoes|--force|setsebool|chmod)\b"
)


def table() -> dict[str, str]:
    """Advice, "{}" for a value, to the state that must hold for it to be given."""
    text = Path(__file__).with_name("advices.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {advice: state.strip() for advice, state in zip(lines[::2], lines[1::2], strict=True)}


TABLE = table()


def texts(node: ast.expr) -> Iterator[str]:
    """The strings that an expression may be, "{}" for each value in them; none where it is made elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    elif isinstance(node, ast.BinOp):
        lefts, rights = (list(texts(side)) or ["{}"] for side in (node.left, node.right))
        yield from (left + right for left in lefts for right in rights)
    elif isinstance(node, ast.IfExp):
        yield from (text for branch in (node.body, node.orelse) for text in texts(branch))


def advices(tree: ast.AST) -> Iterator[str]:
    """What is advised: the last of a Finding, `next_step` of an error, `advice` wherever it is set; and what an error
    says that names an act."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            given = [one.value for one in node.keywords if one.arg in ("next_step", "advice")]
            given += node.args[3:4] if getattr(node.func, "id", "") == "Finding" else []
            yield from (text for one in given for text in texts(one) if text)
        elif isinstance(node, ast.Assign):
            if any(
                getattr(target, "id", "") in ("advice", "next_step", "WAIT", "INSTALL_PYTHON", "CHECK_SHELL")
                for target in node.targets
            ):
                yield from filter(None, texts(node.value))
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            said = (text for argument in node.exc.args for text in texts(argument))
            yield from (text for text in said if re.search(r"\b(kill\b|restart-|stop-|setsebool)", text))


def all_advices() -> set[str]:
    files = [path for folder in ("ops", "tasks") for path in sorted((PROJECT / folder).rglob("*.py"))]
    return {text for path in files for text in advices(ast.parse(path.read_text(encoding="utf-8")))}


def test_the_table_has_every_advice_and_no_other() -> None:
    found = all_advices()
    assert (found - TABLE.keys(), TABLE.keys() - found) == (set(), set()), (
        "each needs the state that must hold for it"
    )


@pytest.mark.parametrize("advice", sorted(text for text in TABLE if ACTS.search(text)))
def test_advice_table_gives_required_state_for_each_action(advice: str) -> None:
    assert len(TABLE[advice].split()) > 3, advice


def modules_of_agent() -> list[Path]:
    return sorted((PROJECT / "ops/agent").glob("*.py"))


@pytest.mark.parametrize("path", modules_of_agent(), ids=lambda path: path.name)
def test_the_agent_advises_no_act(path: Path) -> None:
    """It says what it found; what to do is said where the table is."""
    act = re.compile(r"(?:\bkill -|\bkill [0-9{]|pkill|setsebool|restart-programs|restart-apache|stop-programs)")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert [text for text in told if "\n" not in text and act.search(text)] == []
