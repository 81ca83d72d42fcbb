"""The errors that a task ends with.

    OperatorError            1  failed; the message says what is unchanged
    ├── HostError            1  the same, on one named host
    │   ├── Unreachable      1  no connection, or it was lost
    │   │   └── ShellUnready 1  the login succeeded, but the login shell started no command
    │   ├── NoPython         1  no Python on the host can run the agent
    │   ├── LockHeld         4  another task holds the host's lock
    │   ├── NotServing       2  the change is done, but the web service does not answer
    │   ├── Interrupted    130  Ctrl-C before the host answered
    │   └── LeftAtWork     130  Ctrl-C during a change; the host finishes the step
    └── BadInput             3  wrong input; nothing was changed

The number is fab's exit code. Code 2, "found a difference", is a result and not an error.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


class OperatorError(Exception):
    """A failure that the operator can understand and act on."""

    code = 1


class BadInput(OperatorError):
    """The inventory, a template or the command line is wrong; nothing was touched."""

    code = 3


class HostError(OperatorError):
    """Failed on one host.

    `left` says what is unchanged, `next_step` what to do now; both are printed below the message. `outcome` is the
    result in a few words, for a list of hosts.
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


INSTALL_PYTHON = "root installs python3, or UPS gives one that activate sets up"


class Unreachable(HostError):
    """The host cannot be reached or trusted, or the connection was lost."""

    ended = "not reached"


class NoPython(HostError):
    """No Python on the host can run the agent (`ops/agent/`); `tried` names what was looked for."""

    ended = "no Python"

    def __init__(self, host: str, tried: str) -> None:
        self.tried = tried
        super().__init__(
            host,
            f"it has no Python 3.6 or newer; tried: {tried}",
            left="everything",
            next_step=INSTALL_PYTHON,
        )


class ShellUnready(Unreachable):
    """The login succeeded, but the login shell started no command; `said` is what it printed instead."""

    def __init__(self, host: str, seconds: float, said: str) -> None:
        super().__init__(
            host,
            f"the login succeeded, but the login shell started no command within {seconds:g} seconds"
            + (f"; it printed:\n{said}" if said else ""),
            left="everything (nothing was run)",
            next_step="check what the account runs at login (.bashrc, .profile, .cshrc), and whether its home"
            " directory responds; for a slow host, raise ssh.answer_timeout",
        )


CHECK_SHELL = "check what the account's login shell and the host's tools print there"


@contextmanager
def read_answer(host: str, asked: str, left: str = "everything (this task only reads)") -> Iterator[None]:
    """Raise HostError where the block cannot read the host's answer to what was `asked`."""
    try:
        yield
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise HostError(
            host,
            f"its answer about {asked} cannot be read: {type(error).__name__}: {str(error)[:80]}",
            left=left,
            next_step=CHECK_SHELL,
        ) from None


LOCKABLE = "set state_dir in the inventory to a folder that the account can write, on a file system with locks"


def no_lock(host: str, said: str) -> HostError:
    """The error for a host that cannot take a lock at all, held or not; `said` is why."""
    advice = "free some space, then run it again" if "no space is left" in said else LOCKABLE
    return HostError(host, f"its lock cannot be taken: {said}", left="everything", next_step=advice)


WAIT = "wait for it, or ask the lock owner"


class LockHeld(HostError):
    """Another task holds the host's lock."""

    code = 4
    ended = "locked"


class NotServing(HostError):
    """The change is done, but the web service does not answer."""

    code = 2
    ended = "does not serve"


class Interrupted(HostError):
    """The operator did not wait for the host's answer."""

    code = 130
    ended = "interrupted"

    def __init__(self, host: str) -> None:
        super().__init__(host, "had not answered before Ctrl-C", left="everything (this task only reads)")


class LeftAtWork(HostError):
    """The operator did not wait for a host to finish its step."""

    code = 130
    ended = "interrupted"

    def __init__(
        self,
        host: str,
        said: str = "interrupted; the host finishes the current step and starts no other",
        next_step: str = "",
    ) -> None:
        super().__init__(host, said, next_step=next_step if next_step else f"fab -H {host} status")


@dataclass(frozen=True)
class Problem:
    """One error in an input file: the file, the key, its value, and the rule that it breaks."""

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
