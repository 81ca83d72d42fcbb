"""What is said of the tree of templates before it is rendered."""

from ops.rendering.renderer import TREE, not_rendered
from ops.ui import console


def warn_of_what_is_not_rendered() -> None:
    """A line on standard error for each file below templates/ that goes to no host."""
    for name, why in not_rendered():
        console.say(f"{TREE.name}/{name} goes to no host: {why}", "yellow", err=True)
