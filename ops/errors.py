"""What can go wrong, in the operator's words.

    OperatorError            1  failed; the text says what was left as it was
    ├── HostError            1  the same, on one named host
    │   ├── Unreachable      1  no connection, or it was lost
    │   │   └── ShellUnready 1  let in, and no command was started
    │   ├── LockHeld         4  another deploy holds the host
    │   ├── NotServing       2  done, and the web service does not serve
    │   ├── Interrupted    130  Ctrl-C came before the host had answered
    │   └── LeftAtWork     130  Ctrl-C came while the host worked, and it goes on
    └── BadInput             3  nothing was touched

The number is fab's exit code. Code 2, "found a difference", is a result and not an error.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


class OperatorError(Exception):
    """Failed for a reason that the operator can read and act on."""

    code = 1


class BadInput(OperatorError):
    """The inventory, a template or the command line is wrong; nothing was touched."""

    code = 3


class HostError(OperatorError):
    """Failed on one host.

    `left` says what was left as it was, `next_step` what to do now; both are printed under the message. `outcome` is
    how it ended in a few words, for a list of hosts.
    """

    ended = "failed"

    def __init__(self, host: str, message: str, *, left: str = "", next_step: str = "", outcome: str = "") -> None:
        self.host = host
        self.message = message
        self.left = left
        self.next_step = next_step
        self.outcome = outcome or self.ended
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [f"{self.host}: {self.message}"]
        if self.left:
            lines.append(f"  unchanged: {self.left}")
        if self.next_step:
            lines.append(f"  what to do: {self.next_step}")
        return "\n".join(lines)


class Unreachable(HostError):
    """The host cannot be reached or trusted, or the line to it was lost."""

    ended = "not reached"


class ShellUnready(Unreachable):
    """The host let the operator in, and its login shell started no command; `said` is what it printed instead."""

    def __init__(self, host: str, seconds: float, said: str) -> None:
        super().__init__(
            host,
            f"it let you in, and its login shell started no command within {seconds:g} seconds"
            + (f"; it said:\n{said}" if said else ""),
            left="everything (nothing was run)",
            next_step="look at what the account runs at its login (.bashrc, .profile, .cshrc), and whether its home"
            " answers; a host that is only slow gets more time by ssh.answer_timeout",
        )


@contextmanager
def read_answer(host: str, script: str, left: str = "everything (this task only reads)") -> Iterator[None]:
    """For what reads a host's answer to `script`: raises HostError where the answer has not the form that it must."""
    try:
        yield
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise HostError(
            host,
            f"its answer to the script '{script}' cannot be read: {type(error).__name__}: {str(error)[:80]}",
            left=left,
            next_step="look at what the account's login shell and the host's tools print there",
        ) from None


LOCKABLE = "state_dir of the inventory has to be a folder that the account may write, on a file system with locks"


def no_lock(host: str, said: str) -> HostError:
    """For a host on which no lock can be had, whoever holds one; `said` is why."""
    return HostError(host, f"its lock cannot be taken: {said}", left="everything", next_step=LOCKABLE)


WAIT = "wait for it, or ask whoever it is"


class LockHeld(HostError):
    """Another deploy is at work on the host."""

    code = 4
    ended = "another deploy holds it"


class NotServing(HostError):
    """What was asked for is done, and the web service does not serve."""

    code = 2
    ended = "does not serve"


class Interrupted(HostError):
    """The operator did not wait for the host's answer."""

    code = 130
    ended = "interrupted"

    def __init__(self, host: str) -> None:
        super().__init__(host, "had not answered when Ctrl-C came", left="everything (this task only reads)")


class LeftAtWork(HostError):
    """The operator did not wait for the end of what a host was doing."""

    code = 130
    ended = "interrupted"

    def __init__(self, host: str) -> None:
        super().__init__(
            host,
            "you interrupted; what it has begun it brings to its end, and nothing else is begun",
            next_step=f"fab -H {host} status",
        )


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in an input file: where, which key, what stands there, which rule it breaks."""

    file: str
    key: str
    value: object
    rule: str

    def __str__(self) -> str:
        shown = "" if self.value is None else f" = {_shown(self.value)}"
        return f"{self.file}: {self.key}{shown}: {self.rule}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
