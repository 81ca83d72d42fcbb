"""The start of supervisord, so that it stays alive after the logout, and its end."""

import os
import time

from ops.agent import stop_notes
from ops.agent.deployed_command import DeployedCommand
from ops.agent.host_processes import is_process, process
from ops.agent.processes import run
from ops.agent.service_messages import StartRefused
from ops.agent.step_failed import StepFailed
from ops.agent.supervised_programs import SupervisedPrograms
from ops.agent.supervisord_process import orphans
from ops.agent.supervisord_state import state_of
from ops.agent.survival import unit_of_process, way_to_start
from ops.agent.systemd import USER, runtime_dir, systemctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.narration import Tell
    from ops.agent.processes import Ended
    from ops.agent.service_messages import SupervisordPlace, SupervisordState

START_SECONDS = 1800.0  # for its command, which ends once it runs in the background
ANSWER_SECONDS = 30.0  # until it answers, if systemd starts it
END_SECONDS = 120.0  # until it has ended with its programs
PAUSE = 0.2
KEEPS_SCOPES = 253  # since this systemd, a scope can outlive one process that the kernel kills for lack of memory
WITH_USUAL_UMASK = ["/bin/sh", "-c", 'umask 022 && exec "$@"', "sh"]  # what supervisord writes, others may read
UP, DOWN, REFUSED = "up", "down", "refused"


def need_way_to_start(place: "SupervisordPlace", tell: "Tell") -> str:
    """How to start supervisord (survival.way_to_start).

    Raises StepFailed if logind would kill it, or its unit must start it: tells StartRefused before.
    """
    way = way_to_start(place.conf)
    kind, _, rest = way.partition(" ")
    if kind == REFUSED:
        why, _, name = rest.partition(" ")
        tell(StartRefused(why=why, name=name))
        raise StepFailed(f"supervisord is not started: {way}")
    return way


def start_supervisord(place: "SupervisordPlace", activate: str, tell: "Tell") -> None:
    """Start supervisord, if it does not run.

    Raises StepFailed, and does not start it, if that would run every program twice.
    """
    if not os.path.exists(place.conf):
        raise StepFailed(f"there is no {place.conf}: nothing was deployed to this host")
    found = state_of(place)
    if found.state == UP:
        return
    if found.state != DOWN:
        raise StepFailed(
            f"supervisord runs but cannot be used ({in_words(found)}); a second one would run every program twice"
        )
    left = " ".join(map(str, orphans(place)))
    if left:
        why = f"an earlier supervisord was killed and left its programs running: process {left}."
        raise StepFailed(f"{why} A new one would run them twice.")
    way = need_way_to_start(place, tell)
    stop_notes.forget_supervisord(place.state_dir)
    kind, _, unit = way.partition(" ")
    if kind == "await":
        _await_answer(place, unit)
    elif kind == "unit":
        _start_unit(place, unit)
    else:
        ended = _start(place, activate, is_scope=kind == "scope")
        if ended.code:
            raise StepFailed(ended.text)


def shut_down_supervisord(place: "SupervisordPlace", pid: int, tell: "Tell") -> None:
    """End supervisord, process `pid`, with its programs, which may take long. Raises StepFailed."""
    found, unit = process(pid), unit_of_process(pid, place.conf)
    if unit and unit.manager == USER:  # it would start it again
        ended = systemctl(USER, "stop", unit.name)
        if ended.code:
            raise StepFailed(ended.text)
    else:
        SupervisedPrograms(place, tell).shut_down()
    end = time.monotonic() + END_SECONDS
    while found and is_process(pid, found.start):
        if time.monotonic() > end:
            raise StepFailed(f"supervisord, process {pid}, has not ended after {END_SECONDS:.0f} seconds")
        time.sleep(PAUSE)


def in_words(found: "SupervisordState") -> str:
    """A state with its process and its detail, as one text."""
    return " ".join(filter(None, [found.state, str(found.pid), found.detail]))


def _start(place: "SupervisordPlace", activate: str, is_scope: bool) -> "Ended":
    """Start it; in a scope it is outside the login's session, which logind ends with all its processes."""
    command = DeployedCommand("supervisord", place.start_program, activate)
    if command.lack:
        raise StepFailed(command.lack)
    scope = ["env", f"XDG_RUNTIME_DIR={runtime_dir()}", "systemd-run", "--user", "--scope", "-q"] if is_scope else []
    if is_scope and _systemd_version() >= KEEPS_SCOPES:
        scope += ["-p", "OOMPolicy=continue"]
    words = [*WITH_USUAL_UMASK, *scope, *(["--"] if is_scope else []), *command.words, "-c", place.conf]
    return run(words, seconds=START_SECONDS, environment=command.environment)


def _systemd_version() -> int:
    words = run(["systemctl", "--version"]).text.split()
    return int(words[1]) if words[1:] and words[1].isdigit() else 0


def _start_unit(place: "SupervisordPlace", unit: str) -> None:
    ended = systemctl(USER, "start", unit)
    if ended.code:
        status = systemctl(USER, "status", "--no-pager", "-l", "-n", "20", unit)
        raise StepFailed(f"{status.text}\n{ended.text}".strip())
    _await_answer(place, unit)


def _await_answer(place: "SupervisordPlace", unit: str) -> None:
    """Wait until the supervisord of a unit answers."""
    end = time.monotonic() + ANSWER_SECONDS
    while state_of(place).state != UP:
        if time.monotonic() > end:
            raise StepFailed(f"unit {unit} has not started supervisord within {ANSWER_SECONDS:.0f} seconds")
        time.sleep(PAUSE)
