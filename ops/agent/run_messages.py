"""The request to run a command of the operator's, and its answers."""

from ops.agent.messages import Message


class RunRequest(Message):
    """Run a shell text with bash, with the products set up, until it ends or the operator's side is gone."""

    text: str
    activate: str


class RunOutput(Message):
    """What the command printed; no bytes from time to time, if it prints nothing."""

    content: bytes
    is_error: bool


class RunEnded(Message):
    """The exit code of the command, from 0 to 255: more than 128 for a signal."""

    code: int
