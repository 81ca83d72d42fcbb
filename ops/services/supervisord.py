"""The programs that supervisord runs on a host: their states, and actions on them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ops.agent.apache_messages import LockRefused
from ops.agent.messages import Message
from ops.agent.program_action_messages import ActionFailed, ProgramActionRequest, SupervisordFound
from ops.agent.programs_messages import ProgramReport, ProgramsReport, ProgramsRequest
from ops.agent.service_messages import Note, ProgramChanged, StartRefused
from ops.errors import BadInput, HostError, NoPython, NotServing, read_answer
from ops.formats import process_names, processes
from ops.formats.apps import is_main, views
from ops.formats.web_program import web_process
from ops.schema import Host
from ops.secrets.masking import masked
from ops.services import supervisord_state, supervisord_survival
from ops.services.lock_refusal import refusal
from ops.services.request_parts import all_apps, supervisord_place
from ops.services.supervisord_state import DOWN, Supervisord, trouble
from ops.services.supervisord_survival import Survival
from ops.services.web_service import Service
from ops.ssh.agent_answers import Answer
from ops.ssh.operator_identity import lock_owner
from ops.ssh.session import Remote
from ops.text import did_you_mean

ENDED_BADLY = ("FATAL", "BACKOFF", "UNKNOWN")
FLAPS = 3  # unexpected exits within five minutes (ops/agent/programs.py)
LEFT_UNKNOWN = "UNKNOWN: see fab status"
Reload = tuple[str, str, str]  # a program, how it reloads, and the file (reload.py)


@dataclass(frozen=True)
class ProgramState:
    """One program as supervisord sees it; `uptime` in seconds, 0 if it does not run.

    `ended`: how often it exited by itself in the last five minutes, since it was last stopped or given up. For a
    program stopped on purpose: `stopped_ago`, in seconds, and `stopped_by`, empty if no task of ours stopped it.
    """

    name: str
    state: str
    pid: int
    uptime: int
    detail: str
    ended: int = 0
    stopped_ago: int | None = None
    stopped_by: str = ""

    @property
    def needs_attention(self) -> bool:
        """Whether it should run but does not."""
        return self.state in ENDED_BADLY or (self.state == "EXITED" and bool(self.detail))

    @property
    def flaps(self) -> bool:
        """Whether it is started again and again."""
        return self.state in ("RUNNING", "STARTING") and self.ended >= FLAPS


@dataclass(frozen=True)
class Report:
    """supervisord's state (supervisord_state.py) with its pid and `detail`, and the states of its programs.

    `orphans`: process ids of programs that a killed supervisord left running; `trouble`: why there is no report; its
    state is "unknown" then. `survival`: what supervisord outlives, if the states were requested. `done`: what an
    action has changed.
    """

    supervisord: str
    pid: int | None
    programs: list[ProgramState]
    done: list[ProgramChanged]
    orphans: str = ""
    notes: tuple[str, ...] = ()
    trouble: str = ""
    detail: str = ""
    survival: Survival = field(default_factory=Survival)


def ask_supervisord(
    remote: Remote,
    action: str,
    names: Iterable[str] = (),
    reloads: Iterable[Reload] = (),
    graceful: Iterable[str] = (),
) -> Report:
    """Do `action` (`ops/agent/program_action_messages.py`) with the programs `names`.

    `reloads`: what reloads the programs whose files changed; `graceful`: the uWSGI programs to reload without losing
    a request, if their files changed. Raises HostError if it failed, LockHeld if another task runs.
    """
    host = remote.host
    request = ProgramActionRequest(
        supervisord=supervisord_place(host),
        apps=all_apps(host),
        activate=host.activation,
        owner=f"{lock_owner(remote.who)}, {action}",
        action=action,
        names=list(names),
        reloads=list(reloads),
        graceful=list(graceful),
    )
    return read_action(host, action, remote.answer(request))


def read_action(host: Host, action: str, answer: Answer) -> Report:
    """Read the agent's answer to an action. Raises as `ask_supervisord`."""
    failure = None if answer.python else ActionFailed(evidence="")
    for message in answer.received:
        if isinstance(message, LockRefused):
            raise refusal(host, message)
        if isinstance(message, StartRefused):
            wrong, advice = supervisord_survival.refused(host, message)
            raise HostError(host.name, wrong, left="everything", next_step=advice)
        if isinstance(message, ActionFailed):
            failure = message
    if answer.error:
        raise answer.error if isinstance(answer.error, NoPython) else _unknown(answer.error)
    if failure:
        lines = "\n".join(f"    {line}" for line in (failure.evidence or "(nothing)").splitlines())
        raise HostError(
            host.name,
            f"supervisord failed to {action}; the host's tools printed:\n{lines}",
            next_step=f"fab -H {host.name} status, and fab -H {host.name} tail-logs; on a new host: "
            f"fab -H {host.name} deploy",
        )
    with read_answer(host.name, "programs", left=LEFT_UNKNOWN):
        return _report(answer.received)


def states_request(host: Host) -> ProgramsRequest:
    """The request for the states of all programs (`ops/agent/programs.py`)."""
    return ProgramsRequest(supervisord=supervisord_place(host))


def read_states(host: Host, answer: Answer) -> Report:
    """Read the agent's answer. Raises HostError if supervisord rejected the request, or it is malformed."""
    found = answer.only(ProgramsReport)
    with read_answer(host.name, "programs"):
        supervisord = supervisord_state.read(found.supervisord)
        report = Report(
            supervisord.state,
            supervisord.pid,
            [_state(program) for program in found.programs],
            [],
            " ".join(map(str, found.orphans)),
            detail=found.stopped_by or supervisord.detail,
            survival=supervisord_survival.read(found.survival),
        )
    if found.problem:
        raise HostError(host.name, f"supervisord does not list its programs: {masked(found.problem)}")
    return report


def _report(received: Iterable[Message]) -> Report:
    """What the agent has told of a supervisord and its programs. Raises ValueError if it has not told of it."""
    found = next((message for message in received if isinstance(message, SupervisordFound)), None)
    if found is None:
        raise ValueError("it does not say whether supervisord runs")
    supervisord = supervisord_state.read(found.supervisord)
    return Report(
        supervisord.state,
        supervisord.pid,
        [],
        [message for message in received if isinstance(message, ProgramChanged)],
        " ".join(map(str, found.orphans)),
        tuple(message.text for message in received if isinstance(message, Note)),
        detail=supervisord.detail,
    )


def _unknown(error: HostError) -> HostError:
    """The error of an agent that failed: how far it came is not known."""
    return HostError(error.host, error.message, left=LEFT_UNKNOWN, next_step=error.next_step)


def need_service(host: Host, found: Iterable[Service], done: str) -> None:
    """Raise NotServing for the first app that is known not to serve; `done`: the task's result, for the message."""
    for service in found:
        view = next((view for view in views(host) if view.app_name == service.app), None)
        if view and service.problem and (name := web_process(view)):
            raise _not_serving(view, name, service, done)


def _not_serving(host: Host, name: str, found: Service, done: str) -> NotServing:
    what = "the web service" if is_main(host) else f"the app {host.app_name}"
    fab, stopped = f"fab -H {host.name}", found.state == "STOPPED"
    why = f"{name} is {found.state}" if stopped or found.state in (*ENDED_BADLY, "EXITED") else found.problem
    next_step = f"{fab} tail-logs --programs={name} says why; {fab} status"
    if found.unreached:
        next_step = f"{fab} doctor checks the connection from Apache to the app"
    elif stopped:
        next_step = f"{fab} start-programs --programs={name}, when it may run again"
    return NotServing(
        host.name,
        f"{done}, but {what} does not serve: {why}",
        next_step=next_step,
        outcome=f"{done}; does not serve",
    )


def need_supervisord(host: Host, report: Report) -> None:
    """Raise HostError, which says what to do, unless supervisord answers."""
    _need(host, Supervisord(report.supervisord, report.pid, report.detail), report.orphans)


def need_socket(host: Host, found: Supervisord) -> None:
    """Raise HostError if supervisord runs but does not answer."""
    if found.state != DOWN:
        _need(host, found)


def _need(host: Host, found: Supervisord, orphans: str = "") -> None:
    wrong = trouble(host, found, orphans)
    if wrong:
        raise HostError(host.name, f"supervisord {wrong[0]}", left="everything", next_step=wrong[1])


def chosen_programs(host: Host, given: str | None) -> list[str]:
    """The processes of the programs in `--programs`, all without it. Raises BadInput with the nearest name."""
    known = processes.all_names(host)
    if given is None:
        return list(known)
    chosen: list[str] = []
    for word in filter(None, (part.strip() for part in given.split(","))):
        found = process_names.named(word, known.items())
        if not found:
            near = did_you_mean(word, process_names.words(known.items()))
            elsewhere = " What a file of supervisor.include runs is not managed here." * bool(host.supervisor.include)
            raise BadInput(f"{host.name} has no program {word!r}{near}.{elsewhere} Nothing was touched.")
        chosen += found
    if not chosen:
        raise BadInput("--programs names no program. Nothing was touched.")
    return list(dict.fromkeys(chosen))


def _state(fact: ProgramReport) -> ProgramState:
    runs = fact.state in ("RUNNING", "STARTING")
    detail, stopped_ago = fact.error, None
    if fact.state == "EXITED" and not fact.expected:
        detail = f"ended with status {fact.exit_status}"
    elif fact.state == "STOPPED":
        detail = "stopped on purpose" if fact.since else "not started yet"
        stopped_ago = max(0, fact.now - fact.stopped) if fact.since else None
    uptime = max(0, fact.now - fact.since) if runs else 0
    return ProgramState(fact.program, fact.state, fact.pid, uptime, detail, fact.ended, stopped_ago, fact.stopped_by)
