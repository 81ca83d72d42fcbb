"""Requests to the agent (`ops/agent/`), and its answers, as the lines that travel."""

import functools
import operator
from collections.abc import Iterator

import msgspec

from ops.agent import messages
from ops.errors import CHECK_SHELL, HostError, NoPython
from ops.schema import Host


def request_lines(host: Host, request: messages.Message) -> list[str]:
    """The lines of a request; `activate` leads to the products' Python, if the host has no other."""
    return [f"activate {host.activate}", msgspec.json.encode(request).decode()]


def answers(host: Host, lines: list[str]) -> Iterator[messages.Message]:
    """The messages of an answer without the last one, Done.

    Raises NoPython; HostError for a Failure, for a line that is no message, and for an answer that ends before Done.
    """
    for line in lines:
        try:
            message = _decoder().decode(line)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise _unreadable(host, f"{line[:60]!r}: {error}") from None
        if isinstance(message, messages.NoPython):
            raise NoPython(host.name, message.tried)
        if isinstance(message, messages.Failure):
            raise HostError(
                host.name, f"the agent failed: {message.reason}", left="everything", next_step=CHECK_SHELL
            )
        if isinstance(message, messages.Done):
            return
        yield message
    raise _unreadable(host, "it ends too early")


def python_of(lines: list[str]) -> str:
    """The interpreter that gave this answer, "VERSION, PATH"; empty if the answer has no end."""
    try:
        message = _decoder().decode(lines[-1]) if lines else None
    except (msgspec.MsgspecError, RecursionError):
        return ""
    return message.python if isinstance(message, messages.Done) else ""


@functools.cache
def _decoder() -> "msgspec.json.Decoder[messages.Message]":
    kinds = [kind for kind in messages.Message.__subclasses__() if not kind.__name__.endswith("Request")]
    return msgspec.json.Decoder(functools.reduce(operator.or_, kinds))


def _unreadable(host: Host, why: str) -> HostError:
    return HostError(host.name, f"its answer cannot be read: {why}", left="everything", next_step=CHECK_SHELL)
