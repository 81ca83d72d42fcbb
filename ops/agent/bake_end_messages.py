"""The request about the bake that is under way, and its answer."""

from ops.agent.messages import Message


class BakeEndRequest(Message):
    """Which release is on trial; with a reason `why`, roll it back, and wait until that is done."""

    state_dir: str
    why: str = ""


class BakeEndState(Message):
    """The `release` on trial, "" if there is none; `ended`: how it ended, as its record has it, "" if it has not."""

    release: str = ""
    ended: str = ""
