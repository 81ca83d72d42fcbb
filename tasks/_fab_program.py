"""fab as this environment has it (`make setup` copies this there): no command without a task, and a quick start.

Fabric runs `fab -H HOST -- COMMAND` without reading a fabfile, and so knows no inventory, host key or limit.

Two modules that Invoke imports are loaded only when something of them is used: no task does. They took a fifth of the
start of fab: `python -X importtime .venv/bin/fab hosts` shows them if `_ON_DEMAND` is empty.
"""

import importlib
import sys
from types import ModuleType
from typing import Any

_ON_DEMAND = (
    "invoke.vendor.yaml",  # for configuration files in YAML
    "unittest.mock",  # for MockContext, which tests of tasks may use
)


class _OnDemand(ModuleType):
    """A module that is loaded when an attribute of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


for _name in _ON_DEMAND:
    sys.modules[_name] = _OnDemand(_name)
sys.modules["unittest.mock"].Mock = None  # type: ignore[attr-defined] # Invoke imports this name from it

from fabric.main import program  # noqa: E402 - after the modules on demand
from invoke.exceptions import Exit  # noqa: E402 - after the modules on demand

del sys.modules["unittest.mock"]

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
