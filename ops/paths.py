"""Paths as an operator writes them."""

import os


def expand_home(path: str) -> str:
    """`path` with a leading ~ or ~account replaced; left as it is where there is no such account."""
    return os.path.expanduser(path)  # noqa: PTH111 - Path.expanduser raises
