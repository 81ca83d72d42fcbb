"""What an operator is told of Apache's tasks, by the agent's answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from ops.agent.apache_messages import ApacheRequest, ApacheStep, LockRefused, Unvalidated
from ops.agent.messages import Message
from ops.agent.service_messages import RestartSettings
from ops.errors import HostError, LockHeld, NoPython
from ops.services.apache import control
from ops.services.restart_cost import RestartCost
from ops.ssh.agent_answers import Answer
from tests.unit.hosts import host

TESTED = ApacheStep(step="configtest", result="ok")
RESTART = ["sudo", "service", "httpd", "restart"]


@dataclass
class FakeRemote:
    """It gives this answer."""

    answer_: Answer
    asked: ApacheRequest | None = None
    host: Any = None
    who: str = "key SHA256:x jdoe"
    sudo_password: str | None = None

    def answer(self, request: ApacheRequest, on_message: Callable[[Message], None]) -> Answer:
        self.asked = request
        for message in self.answer_.received:
            on_message(message)
        return self.answer_


def answered(*messages: Message, python: str = "3.9", error: HostError | None = None) -> Any:
    one = host(apache={"reload": ["sudo", "httpd", "-k", "graceful"], "restart": RESTART})
    return FakeRemote(Answer("web1", list(messages), python, error), host=one)


def failure(*messages: Message, action: str = "reload") -> HostError:
    with pytest.raises(HostError) as caught:
        control(answered(*messages), action)
    return caught.value


def step(name: str, result: str = "ok", **more: Any) -> ApacheStep:
    return ApacheStep(step=name, result=result, **more)


def test_answer_names_what_was_not_validated() -> None:
    costs: list[RestartCost] = []
    settings = RestartSettings(signal="28", timeout="1min 30s", graceful=None)
    remote = answered(TESTED, Unvalidated(what="x"), settings, step("command"), step("answers"))
    assert control(remote, "restart", costs.append) == ["x"]
    assert [cost.closed_seconds for cost in costs] == [90]
    assert (remote.asked.command, remote.asked.start, remote.asked.with_cost) == (RESTART, RESTART, True)
    assert remote.asked.owner.endswith("restart-apache")


def test_test_alone_asks_for_no_command() -> None:
    remote = answered(TESTED)
    assert control(remote, "") == []
    assert (remote.asked.command, remote.asked.validate) == ([], False)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (
            [step("configtest", "failed", evidence="AH00526")],
            ["rejects its configuration", "AH00526", "deploy --force"],
        ),
        ([TESTED, step("trial", "failed", evidence="x")], ["does not start with its current files", "configtest"]),
        ([TESTED, step("command", "failed", is_up=True)], ["Apache's reload failed, and Apache is up", "fab status"]),
        ([TESTED, step("command", "failed", is_up=False)], ["Apache is down", "restart-apache"]),
        ([TESTED, step("command"), step("answers", "failed")], ["does not answer after the reload", "unknown state"]),
        (
            [TESTED, step("command", "failed", is_up=False), step("start")],
            ["has started it again", "Requests in progress were lost"],
        ),
        (
            [TESTED, step("command", "failed", is_up=False), step("start", "barred", evidence="no rule")],
            ["was not permitted:", "no rule", "root starts Apache"],
        ),
        (
            [TESTED, step("command", "failed", is_up=False), step("start", "failed", evidence="key")],
            ["did not start it:", "key"],
        ),
    ],
)
def test_failure_says_what_failed_and_the_next_step(steps: list[Message], words: list[str]) -> None:
    said = str(failure(*steps)).replace("fab -H web1 status", "fab status")
    assert [word for word in words if word not in said] == []


def test_lock_of_another_task_is_told() -> None:
    held = failure(LockRefused(owner="jane, deploy r1"))
    assert (isinstance(held, LockHeld), "jane, deploy r1" in str(held)) == (True, True)
    unlockable = failure(LockRefused(problem="No locks available"))
    assert (isinstance(unlockable, LockHeld), "No locks available" in str(unlockable)) == (False, True)


def test_answer_that_ends_early_is_no_success() -> None:
    with pytest.raises(HostError, match="connection was lost before Apache's answer"):
        control(answered(TESTED, python=""), "reload")
    with pytest.raises(NoPython):
        control(answered(python="", error=NoPython("web1", "python3")), "reload")
