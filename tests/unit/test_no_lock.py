"""A host on which no lock can be had is not said to be held by anybody."""

from collections.abc import Callable

import pytest

from ops.agent.apache_messages import LockRefused
from ops.deploy.transcript import Transcript
from ops.errors import HostError, LockHeld
from ops.services.lock_refusal import refusal
from tests.unit.hosts import host

REFUSED = LockRefused(problem="flock: No locks available")


def raise_refusal() -> None:
    raise refusal(host(), REFUSED)


@pytest.mark.parametrize("ask", [raise_refusal, lambda: Transcript(host(), lambda _: None).read(REFUSED)])
def test_it_says_what_it_is(ask: Callable[[], object]) -> None:
    with pytest.raises(HostError, match="No locks available") as told:
        ask()
    assert not isinstance(told.value, LockHeld)
    assert (told.value.code, told.value.left) == (1, "everything")
