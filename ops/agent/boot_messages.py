"""The request about supervisord's start at boot, and its answer."""

from ops.agent.messages import Message
from ops.agent.service_messages import SurvivalFacts


class BootRequest(Message):
    """What starts supervisord with the file `conf` at boot; or with an `action`, under the lock, change that.

    The action is "add-line" or "remove-line" (our `line` in the account's crontab), or "add-unit" or "remove-unit"
    (the systemd user unit `unit` with the content `text`). For an action, the lock of `state_dir` is taken by
    `owner`.
    """

    conf: str
    unit: str
    action: str = ""
    line: str = ""
    text: str = ""
    state_dir: str = ""
    owner: str = ""


class BootFacts(Message):
    """What starts supervisord at boot. `lines`: of the account's crontab; `own`: our line there, or "".

    `has_unit`: our user unit's file is there; `has_manager`: the account's own service manager can be asked.
    """

    survival: SurvivalFacts
    lines: int = 0
    own: str = ""
    has_unit: bool = False
    has_manager: bool = False


class BootChanged(Message):
    """The action was done; `problem`: why not, or ""."""

    problem: str = ""
