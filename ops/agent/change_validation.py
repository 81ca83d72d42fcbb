"""Validate all staged files of a change together, before any of them is live."""

import os

from ops.agent import uwsgi_trial
from ops.agent.apache_directives import files_in
from ops.agent.apache_messages import Unvalidated
from ops.agent.apache_validation import ApacheValidation
from ops.agent.change_checks import named
from ops.agent.durable import ABSENT, remove_tree
from ops.agent.plain_message import field_names
from ops.agent.products import run_with_products
from ops.agent.selinux import accesses
from ops.agent.selinux_check import check
from ops.agent.service_messages import App
from ops.agent.staged_tree import StagedFile
from ops.agent.step_failed import StepFailed
from ops.agent.sudo_rules import why_barred
from ops.agent.supervisor_python import check_configuration
from ops.agent.supervisord_state import state_of
from ops.agent.taken_ports import check_apache, check_app, live_ports, wanted_ports
from ops.agent.transaction_messages import IdentityProbed, Validated, ValidationInsufficient
from ops.agent.uwsgi_standby import NO_CONNECTION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.apache_validation import Validation
    from ops.agent.change import Change

LEVELS = ("none", "configtest", "trial-start", "identity-probe")  # as ops/inventory/validation_levels.py
PROGRAM_SECONDS = 60.0
SUPERVISORD, UWSGI, START_PROGRAM = "supervisord", "uwsgi", "start-program"
TRIAL_START = "trial-start"


def validate(change: "Change") -> None:
    """All of it. Raises StepFailed if the new files are at fault, or cannot be validated as far as required."""
    has_apache = "apache" in change.request.reloads
    has_programs = any(line.startswith(("supervisord", "program")) for line in change.request.reloads)
    live: list[int] = live_ports(change.request.apache) if has_apache else []
    wanted = wanted_ports(change.request.apache, _staged(change), live) if has_apache else []
    check_apache(live, wanted)
    for app in change.request.apps if has_programs else []:
        check_app(app.listen)
    if has_apache:
        barred = why_barred(change.request.commands.reload, change.request.sudo_password)
        if barred:
            raise StepFailed(barred)
        _check_selinux(change, live, wanted)
        _validate_apache(change)
    if has_programs:
        for words in (["supervisord", "--version"], ["supervisorctl", "--help"]):
            _need_program(change, words)
    for number, file in change.files():
        if file.parser == SUPERVISORD:
            _parse_supervisord(change, change.path(f"new.{number}"), file.path)
    for app, ini in _uwsgi_files(change):
        _try_uwsgi(change, app, ini)


def _staged(change: "Change") -> "list[StagedFile]":
    return [
        StagedFile(file.path, file.mode, None if file.wanted == ABSENT else change.path(f"new.{number}"))
        for number, file in change.files()
    ]


def _work_folder(change: "Change") -> str:
    """An empty folder for trials."""
    path = change.path("work")
    remove_tree(path)
    os.mkdir(path)
    return path


# ---- Apache ----------------------------------------------------------------------------------------------------


def _check_selinux(change: "Change", live: "list[int]", wanted: "list[int]") -> None:
    request = change.request
    supervisord = state_of(request.supervisord)
    checked = check(
        accesses([app.listen for app in request.apps], wanted, supervisord.pid if supervisord.state == "up" else 0),
        live,
        files_in(f"{request.apache.server_root}/conf.d"),
        bool(request.validation.minimum) and not request.validation.is_waived,
    )
    for access in checked.reported:
        change.tell(access)
    for what in checked.unvalidated:
        _tell_unvalidated(change, what)
    if checked.denied:
        raise StepFailed("\n".join(checked.denied))


def _validate_apache(change: "Change") -> None:
    validation = change.request.validation
    work = _work_folder(change)
    try:
        found = ApacheValidation(change.request.apache, _staged(change), work).run(
            validation.probe, validation.no_probe
        )
    finally:
        remove_tree(work)
    for what in found.unvalidated:
        _tell_unvalidated(change, what)
    if found.probed:
        change.tell(IdentityProbed(doors=found.probed))
        for door in found.probed:
            change.record(f"probed {door.port} {door.requests} {door.path}")
    _tell_validated(change, found.reached, "Apache's new files")
    change.record(f"validation {found.reached}")
    _need_level(change, found)


def _need_level(change: "Change", found: "Validation") -> None:
    """Raise StepFailed if less was reached than the minimum, unless the operator accepts that."""
    minimum = change.request.validation.minimum or "none"
    if LEVELS.index(found.reached) >= LEVELS.index(minimum):
        return
    if change.request.validation.is_waived:
        what = f"Apache's files beyond {found.reached}, although {minimum} is required (--unvalidated)"
        _tell_unvalidated(change, f"{what}: {found.obstacle}")
        return
    change.tell(ValidationInsufficient(level=found.reached, reason=found.obstacle))
    raise StepFailed(f"in the way: {found.obstacle}")


def _tell_validated(change: "Change", level: str, what: str) -> None:
    change.tell(Validated(level=level, what=what))
    change.record(f"proof {level} {what}")


def _tell_unvalidated(change: "Change", what: str) -> None:
    change.tell(Unvalidated(what=what))
    change.record(f"unvalidated {what}")


# ---- supervisord and its programs ------------------------------------------------------------------------------


def _need_program(change: "Change", words: "list[str]") -> None:
    ended = run_with_products(change.request.activate, words, seconds=PROGRAM_SECONDS)
    if ended.code:
        raise StepFailed(ended.text)


def _parse_supervisord(change: "Change", path: str, place: str) -> None:
    problem = check_configuration(change.request.activate, path, place)
    if problem:
        raise StepFailed(problem)


def _uwsgi_files(change: "Change") -> "list[tuple[App, str]]":
    """uWSGI's files to try, each with its app: the staged ones, and the live ones if only what starts them changes.

    A file that is no app's is tried as one of the first app.
    """
    apps = {app.ini: app for app in change.request.apps}
    staged = {file.path: change.path(f"new.{number}") for number, file in change.files() if file.parser == UWSGI}
    if START_PROGRAM in [file.parser for file in change.request.files]:
        changed = [file.path for file in change.request.files]
        staged.update((path, path) for path, app in apps.items() if app.reloadable and path not in changed)
    return [(apps.get(path) or change.request.apps[0], file) for path, file in staged.items()]


def _try_uwsgi(change: "Change", app: "App", ini: str) -> None:
    """Start uWSGI on trial with a file, in the environment that the program will have."""
    if app.spare_requests == 0:
        _tell_unvalidated(change, f"uWSGI and {named('the app', app)}: {NO_CONNECTION}")
        return
    work = _work_folder(change)
    try:
        left_out = uwsgi_trial.validate(
            ini, _as_staged(change, app), change.request.activate, work, lambda: bool(change.is_unwanted())
        )
    finally:
        remove_tree(work)
    if left_out:
        _tell_unvalidated(change, left_out)
    version = change.request.software.version if change.request.software else ""
    what = named(f"version {version}" if version else "the current app", app)
    _tell_validated(change, TRIAL_START, f"uWSGI with the new file and {what}")


def _as_staged(change: "Change", app: "App") -> "App":
    """The app with the staged script that starts it, if that changes."""
    for number, file in change.files():
        if file.path == app.start_program:
            values = {name: getattr(app, name) for name in field_names(App)}
            values["start_program"] = "" if file.wanted == ABSENT else change.path(f"new.{number}")
            return App(**values)
    return app
