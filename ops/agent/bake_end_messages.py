"""The request about the bake that is under way, and its answer."""

from ops.agent.messages import Message


class BakeEndRequest(Message):
    """Which release is on trial; or roll back this `release`, if it still is, for the reason `why`, and wait."""

    state_dir: str
    release: str = ""
    why: str = ""


class BakeEndState(Message):
    """The `release` on trial, "" if there is none; `ended`: how the release ended, as its record has it."""

    release: str = ""
    ended: str = ""
