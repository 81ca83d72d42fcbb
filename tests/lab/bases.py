"""Labs of one host of a certain base, for what differs between kinds of hosts."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lab
from tests.lab.site import Site


@contextmanager
def one_host(base: str, folder: Path) -> Iterator[Site]:
    """A lab in `folder` with pomsgpvm01 of that base, to which nothing was deployed."""
    made = lab.Lab(state=folder / "state")
    lab.up(["pomsgpvm01"], base=base, lab=made)
    try:
        yield Site(made)
    finally:
        lab.down(lab=made)
