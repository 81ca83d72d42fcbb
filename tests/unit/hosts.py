"""Hosts for tests."""

from typing import Any

from ops.schema import Host


def host(**values: Any) -> Host:
    """A host with the documented defaults, but for `values`."""
    return Host.model_validate({"name": "web1"} | values)
