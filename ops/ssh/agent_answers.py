"""The agent's answers (`ops/agent/`), from the lines that travel."""

import functools
import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import TypeVar

import msgspec

from ops.agent import messages
from ops.agent.main import ANSWERED_BY
from ops.errors import CHECK_SHELL, HostError, NoPython

M = TypeVar("M", bound=messages.Message)
EVIDENCE_LINES = 6  # of a traceback, the last ones


@dataclass
class Answer:
    """The answer to one request on `host`: its messages, without the end; `python`: the interpreter that gave it.

    `error` is why it is not complete; `messages` raises it.
    """

    host: str
    received: list[messages.Message] = field(default_factory=list)
    python: str = ""
    error: HostError | None = None

    @property
    def messages(self) -> list[messages.Message]:
        """The messages. Raises NoPython, or HostError for a failure and for an answer that ends too early."""
        if self.error:
            raise self.error
        if not self.python:
            raise _unreadable(self.host, "it ends too early")
        return self.received

    def only(self, kind: type[M]) -> M:
        """The one message of this kind. Raises as `messages`, and HostError if there is none or another one."""
        found = self.messages
        if len(found) != 1 or not isinstance(found[0], kind):
            raise _unreadable(self.host, f"it is not one {kind.__name__}")
        return found[0]


def read_messages(host: str, lines: Iterable[str]) -> Iterator[messages.Message]:
    """The messages of lines as they come, without Alive. Raises HostError for a line that is none."""
    for line in lines:
        try:
            message = _decoder().decode(line)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise _unreadable(host, f"{line[:60]!r}: {error}") from None
        if not isinstance(message, messages.Alive):
            yield message


def take(answer: Answer, message: messages.Message) -> bool:
    """Add a message to an answer; whether that was its end."""
    if isinstance(message, messages.Done):
        answer.python = message.python
    elif isinstance(message, messages.Failure):
        answer.error = failed(answer.host, message)
    elif isinstance(message, messages.NoPython):
        answer.error = NoPython(answer.host, message.tried)
    else:
        answer.received.append(message)
        return False
    return True


def is_end(host: str, message: messages.Message) -> bool:
    """Whether a message is the end of a complete answer. Raises NoPython, or HostError for a failure."""
    answer = Answer(host)
    return take(answer, message) and not answer.messages


def failed(host: str, failure: messages.Failure) -> HostError:
    """The error for a request that the agent could not answer."""
    lines = "".join(f"\n    {line}" for line in failure.evidence.splitlines()[-EVIDENCE_LINES:])
    return HostError(host, f"the agent failed: {failure.reason}{lines}", left="everything", next_step=CHECK_SHELL)


def all_messages() -> list[type[messages.Message]]:
    """Every class of messages."""
    for name in ANSWERED_BY.values():
        import_module(f"ops.agent.{name}_messages")
    return messages.Message.__subclasses__()


@functools.cache
def _decoder() -> "msgspec.json.Decoder[messages.Message]":
    kinds = [kind for kind in all_messages() if not kind.__name__.endswith("Request")]
    return msgspec.json.Decoder(functools.reduce(operator.or_, kinds))


def _unreadable(host: str, why: str) -> HostError:
    return HostError(host, f"its answer cannot be read: {why}", left="everything", next_step=CHECK_SHELL)
