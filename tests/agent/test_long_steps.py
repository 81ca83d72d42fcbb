"""Signs of life while a step takes long."""

import time

import pytest

from ops.agent import long_steps
from ops.agent.messages import Alive


def test_long_step_is_accompanied_by_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_steps, "EVERY", 0.05)

    def step() -> int:
        time.sleep(0.2)
        return 7

    signs = long_steps.kept_alive(step)
    found = []
    with pytest.raises(StopIteration) as ended:
        while True:
            found.append(next(signs))
    assert ended.value.value == 7
    assert found
    assert all(isinstance(one, Alive) for one in found)


def test_error_of_the_step_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(long_steps.kept_alive(lambda: 1 // 0))
