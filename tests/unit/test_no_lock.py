"""A host on which no lock can be had is not said to be held by anybody."""

from collections.abc import Callable

import pytest

from ops.agent.apache_messages import LockRefused
from ops.deploy.transaction import _Transcript
from ops.errors import HostError, LockHeld
from ops.services.supervisord import need_lock
from tests.unit.hosts import host

SAID = "flock: exit code 71: flock: 9: No locks available"


@pytest.mark.parametrize(
    "ask",
    [
        lambda lines: need_lock(host(), lines),
        lambda _: _Transcript(host(), lambda _: None).read(LockRefused(problem=SAID)),
    ],
)
def test_it_says_what_it_is(ask: Callable[[list[str]], object]) -> None:
    with pytest.raises(HostError, match="No locks available") as told:
        ask([f"unlockable {SAID}"])
    assert not isinstance(told.value, LockHeld)
    assert (told.value.code, told.value.left) == (1, "everything")
