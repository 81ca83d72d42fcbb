"""The request for the states of supervisord's programs, and its answer."""

from ops.agent.messages import Message
from ops.agent.service_messages import SupervisordPlace, SupervisordState, SurvivalFacts


class ProgramsRequest(Message):
    """The states of supervisord's programs."""

    supervisord: SupervisordPlace


class ProgramReport(Message):
    """One program as supervisord sees it; times in seconds since 1970 by the host's clock, 0 for none.

    `ended`: how often it exited by itself in the last five minutes; `stopped_by`: the task of ours that stopped it.
    """

    program: str
    state: str
    pid: int
    since: int
    stopped: int
    now: int
    expected: bool
    exit_status: int
    error: str
    ended: int
    stopped_by: str


class ProgramsReport(Message):
    """supervisord and its programs. `orphans`: processes of programs that a killed supervisord left running.

    `problem`: why there are no programs, if supervisord refuses to list them; `stopped_by`: of a supervisord that is
    down, the task of ours that stopped it, and when.
    """

    supervisord: SupervisordState
    programs: "list[ProgramReport]"
    orphans: "list[int]"
    survival: SurvivalFacts
    problem: str = ""
    stopped_by: str = ""
