"""The request to install a version of the app, and its answers; the command's output is RunOutput."""

from ops.agent.messages import Message
from ops.agent.service_messages import App, Software, SupervisordPlace


class InstallRequest(Message):
    """Install a version by the bash text `command`, in at most `seconds`, and check that it is whole.

    The check: the version is there, `activate` gives `programs`, and each of `apps` answers a request on trial with
    its own of `uwsgi_files` (Latin-1). If that fails, `uninstall` removes what there is, a bash
    text; without one, the release folder is removed. `owner`: the text of the lock.
    """

    software: Software
    supervisord: SupervisordPlace
    owner: str
    command: str
    seconds: int
    activate: str
    programs: "list[str]"
    uninstall: str = ""
    apps: "list[App]" = []
    uwsgi_files: "list[str]" = []


class InstallEnded(Message):
    """How it ended: "installed", "already", "removed", "absent", "refused", "failed", "incomplete" or "interrupted".

    "failed": by its command; "incomplete": it is not whole. `reasons`: why, with what a tool has said last. `left`:
    why something of the version is left, or "".
    """

    how: str
    reasons: "list[str]" = []
    left: str = ""


class InstallStep(Message):
    """A step begins: "clean", "install", "check" or "uninstall"."""

    step: str
