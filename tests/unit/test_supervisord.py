"""What is told of supervisord, and advised, follows from facts: nothing that runs is to be killed for a guess."""

import pytest

from ops.agent.service_messages import SupervisordState
from ops.services.supervisord_state import DEAF, DOWN, STATES, Supervisord, read, trouble
from tests.unit.hosts import host


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (SupervisordState(state="up", pid=40), Supervisord("up", 40)),
        (SupervisordState(state="down"), Supervisord("down")),
        (SupervisordState(state="deaf"), Supervisord("deaf")),
        (
            SupervisordState(state="elsewhere", pid=7, detail="/home/poms/a b.sock"),
            Supervisord("elsewhere", 7, "/home/poms/a b.sock"),
        ),
        (
            SupervisordState(state="refuses", detail="it wants a password"),
            Supervisord("refuses", None, "it wants a password"),
        ),
    ],
)
def test_the_hosts_word_is_read(told: SupervisordState, found: Supervisord) -> None:
    assert read(told) == found


@pytest.mark.parametrize("state", ["", "UP", "perhaps"])
def test_another_word_is_refused(state: str) -> None:
    with pytest.raises(ValueError, match="whether supervisord runs"):
        read(SupervisordState(state=state))


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("pid", [40, None])
@pytest.mark.parametrize("orphans", ["", "41 42"])
def test_kill_is_advised_only_for_known_unusable_process(state: str, pid: int | None, orphans: str) -> None:
    wrong = trouble(host(), Supervisord(state, pid, "detail"), orphans)
    assert (wrong is None) == (state == "up")
    _, advice = wrong or ("", "")
    assert ("kill -HUP 40" in advice) == (state == DEAF and pid == 40), advice
    assert ("kill 41 42" in advice) == (state == DOWN and bool(orphans)), advice
    assert ("kill" in advice) == ("kill -HUP 40" in advice or "kill 41 42" in advice)
    assert "None" not in advice
