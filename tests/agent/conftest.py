"""What several tests of the agent need."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.agent import uwsgi_standby
from tests.agent.lab_account import Account, copied_account, new_account


@pytest.fixture
def keepers() -> Iterator[None]:
    """Each standby's keeper has ended after the test."""
    yield
    for keeper in uwsgi_standby._keepers:
        keeper.wait(30)
    uwsgi_standby._keepers.clear()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """The account of a new lab host; tests leave it as it is."""
    return new_account(tmp_path_factory.mktemp("lab"))


@pytest.fixture
def account(installed: Account, tmp_path: Path) -> Account:
    """A copy of it for one test."""
    return copied_account(installed, tmp_path / "host")
