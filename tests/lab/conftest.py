"""One lab for all lab tests, apart from a lab that somebody has up; each test file starts from a deployed host."""

from collections.abc import Iterator

import pytest

import lab
from tests.lab.site import Site


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[lab.Lab]:
    """A lab with the two hosts of the production inventory."""
    made = lab.Lab(state=tmp_path_factory.mktemp("lab") / "state")
    lab.up(lab=made)
    yield made
    lab.down(lab=made)


@pytest.fixture(scope="session")
def site(machine: lab.Lab) -> Site:
    """The lab as an operator's machine sees it; nothing is deployed by this fixture."""
    return Site(machine)


@pytest.fixture
def deployed(site: Site) -> Site:
    """pomsgpvm01 with the lab's inventory deployed, whatever tests before did to it."""
    site.fab("-H", "pomsgpvm01", "deploy", "--yes", "--force", check=True)
    site.fab("-H", "pomsgpvm01", "start-programs", check=True)
    return site
