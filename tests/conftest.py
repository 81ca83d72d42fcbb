"""What holds for all tests."""

import os
import signal

import pytest


def pytest_configure() -> None:
    """Take Ctrl-C, as a terminal's shell has it: started in the background by another shell, it would be ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave what is exhaustive to `make test-all`: what is marked so, and the agent's start by further shells."""
    if os.environ.get("POMS_TEST_ALL"):
        return
    left = [item for item in items if item.get_closest_marker("exhaustive") or _is_further_shell(item)]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


def _is_further_shell(item: pytest.Item) -> bool:
    """Whether the test has the same run by dash, too; bash is /bin/sh of the lab's EL8-like hosts."""
    return (
        isinstance(item, pytest.Function)
        and hasattr(item, "callspec")
        and item.callspec.params.get("shell", "dash") != "dash"
    )
