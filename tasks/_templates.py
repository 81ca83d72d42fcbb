"""Warnings about the tree of templates."""

from ops.rendering.renderer import TREE, not_rendered
from ops.ui import colours, console


def warn_of_what_is_not_rendered() -> None:
    """Print a line on standard error for each file below templates/ that is not deployed to any host."""
    for name, why in not_rendered():
        console.say(f"{TREE.name}/{name} is not deployed to any host: {why}", colours.WARNING, err=True)
