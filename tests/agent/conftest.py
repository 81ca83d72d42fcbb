"""What several tests of the agent need."""

from collections.abc import Iterator

import pytest

from ops.agent import uwsgi_standby


@pytest.fixture
def keepers() -> Iterator[None]:
    """Each standby's keeper has ended after the test."""
    yield
    for keeper in uwsgi_standby._keepers:
        keeper.wait(30)
    uwsgi_standby._keepers.clear()
