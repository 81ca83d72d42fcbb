"""The request to start, stop, restart or reload programs, and its answers."""

from ops.agent.messages import Message
from ops.agent.service_messages import App, SupervisordPlace, SupervisordState


class ProgramActionRequest(Message):
    """An action with the programs `names`, under the host's lock, which `owner` takes: "WHO, FOR WHAT".

    `action`: "start", "stop", "restart", "restart-running", "reload-changed" (`names` may be empty: all; `reloads`:
    (program, "signal-NAME" or "restart-running", file); `graceful`: each uWSGI that is reloaded so if its file
    changed), "reload-uwsgi" (each of `names`), "start-supervisord" or "stop-supervisord".
    """

    supervisord: SupervisordPlace
    apps: "list[App]"
    activate: str
    owner: str
    action: str
    names: "list[str]" = []
    reloads: "list[tuple[str, str, str]]" = []
    graceful: "list[str]" = []


class SupervisordFound(Message):
    """supervisord before the action, which is done only if it is up; one that is down can be started.

    `orphans`: processes of programs that a killed one left running. `detail` of one that is down: the task of ours
    that stopped it, and when.
    """

    supervisord: SupervisordState
    orphans: "list[int]" = []


class ActionFailed(Message):
    """The action failed; `evidence` is what the tools said, the reason last."""

    evidence: str
