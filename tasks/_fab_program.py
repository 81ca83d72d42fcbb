"""fab as this project's environment has it (`make setup` copies this there): no command without a task.

Fabric runs `fab -H HOST -- COMMAND` without reading a fabfile, and so knows no inventory, host key or limit.
"""

from typing import Any

from fabric.main import program
from invoke.exceptions import Exit

_load_collection = program.load_collection


def load_collection() -> Any:
    """Load the tasks; refuse where there is a command and no task."""
    if program._remainder_only:
        raise Exit(
            "Nothing was run: '-- COMMAND' would be run without a look at the inventory and the host's key.\n"
            "fab -H HOST run 'COMMAND' runs it.",
            code=3,
        )
    return _load_collection()


program.load_collection = load_collection
