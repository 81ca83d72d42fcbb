"""Hosts for tests."""

from typing import Any

from ops.defaults import host_from
from ops.schema import Host


def host(**values: Any) -> Host:
    """A host with the documented defaults, but for `values`."""
    return host_from({"name": "web1"} | values)
