"""Labs of one host of a certain base, and what only `make test-all` tries."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import lab
from tests.lab.site import Site


def exhaustive(*values: object) -> list[object]:
    """Values of a parametrized test that only `make test-all` tries."""
    return [pytest.param(value, marks=pytest.mark.exhaustive) for value in values]


def mostly_exhaustive(values: Iterable[object], *often: object) -> list[object]:
    """The values of a parametrized test, of which `make test` tries only those that are tried `often`."""
    return [*often, *exhaustive(*[value for value in values if value not in often])]


@contextmanager
def one_host(base: str, folder: Path) -> Iterator[Site]:
    """A lab in `folder` with pomsgpvm01 of that base, to which nothing was deployed."""
    made = lab.Lab(state=folder / "state")
    lab.up(["pomsgpvm01"], base=base, lab=made)
    try:
        yield Site(made)
    finally:
        lab.down(lab=made)
