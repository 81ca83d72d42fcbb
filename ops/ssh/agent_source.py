"""A module of the agent as it travels: without what is there for readers only. Line numbers stay."""

import ast
from collections.abc import Iterator
from typing import TypeGuard

DESCRIBED = (ast.Module, ast.ClassDef, ast.FunctionDef)
Span = tuple[tuple[int, int], tuple[int, int]]  # (line from 1, column) of the beginning and the end


def prepare(text: str) -> tuple[str, list[str], list[str]]:
    """A module's text as it travels; the agent's modules that it imports, and those that only a function does."""
    tree = ast.parse(text)
    imports = [name for node in tree.body for name in _imported(node)]
    run = [one for one in tree.body if not _is_for_types(one)]
    late = [name for one in run for node in ast.walk(one) for name in _imported(node) if name not in imports]
    return without_explanations(text, tree), imports, list(dict.fromkeys(late))


def _imported(node: ast.AST) -> list[str]:
    if not (isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ops.agent")):
        return []
    return [f"ops.agent.{one.name}" for one in node.names] if node.module == "ops.agent" else [node.module]


def without_explanations(text: str, tree: ast.Module) -> str:
    """The text without docstrings, comments that fill a line, types of functions, and imports for types."""
    lines = text.split("\n")
    kept = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("#") and number not in kept:
            lines[number - 1] = ""
    for begin, end in sorted(_spans(tree, lines), reverse=True):
        _cut(lines, begin, end)
    return "\n".join(line.rstrip() for line in lines)


def _spans(tree: ast.Module, lines: list[str]) -> Iterator[Span]:
    """Where that stands."""
    messages = {id(node) for kind in tree.body if isinstance(kind, ast.ClassDef) for node in kind.body}
    for node in ast.walk(tree):
        if isinstance(node, DESCRIBED) and len(node.body) > 1 and ast.get_docstring(node, clean=False):
            yield _begin(node.body[0]), _end(node.body[0])
        if _is_for_types(node):
            yield _begin(node), _end(node)
        if isinstance(node, ast.FunctionDef) and node.returns:
            arguments = [*node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
            yield from (((a.lineno, a.col_offset + len(a.arg)), _end(a)) for a in arguments if a and a.annotation)
            yield _arrow(node.returns, lines), _end(node.returns)
        if isinstance(node, ast.AnnAssign) and node.value and id(node) not in messages:
            yield _end(node.target), _end(node.annotation)


def _is_for_types(node: ast.AST) -> TypeGuard[ast.If]:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _cut(lines: list[str], begin: tuple[int, int], end: tuple[int, int]) -> None:
    first, last = lines[begin[0] - 1], lines[end[0] - 1]
    rest = last.encode()[end[1] :].decode()
    lines[begin[0] - 1 : end[0]] = [first.encode()[: begin[1]].decode() + rest, *[""] * (end[0] - begin[0])]


def _arrow(returns: ast.expr, lines: list[str]) -> tuple[int, int]:
    """The beginning of " -> TYPE", which is on one line."""
    before = lines[returns.lineno - 1].encode()[: returns.col_offset]
    return returns.lineno, before.rindex(b"->") - 1


def _begin(node: ast.stmt) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _end(node: ast.stmt | ast.expr | ast.arg) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or 0
