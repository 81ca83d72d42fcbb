"""Warnings about the templates of hosts."""

from ops.rendering.renderer import not_rendered
from ops.rendering.template_tree import tree_of
from ops.schema import Host
from ops.ui import colours, console


def warn_of_what_is_not_rendered(hosts: list[Host]) -> None:
    """Print a line on standard error for each file among the templates that is not deployed to any host."""
    for tree in {tree_of(host): None for host in hosts}:
        for name, why in not_rendered(tree):
            console.say(f"{name} is not deployed to any host: {why}", colours.WARNING, err=True)
