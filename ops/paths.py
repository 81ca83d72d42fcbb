"""Paths that an operator writes."""

import os


def expand_home(path: str) -> str:
    """`path` with a leading ~ or ~account expanded; unchanged where there is no such account."""
    return os.path.expanduser(path)  # noqa: PTH111 - Path.expanduser raises
