"""Check everything that a first deploy needs, by trying it. Changes nothing."""

import os

from ops.agent.apache_validation import ApacheValidation
from ops.agent.doctor_account import account_facts
from ops.agent.doctor_apache import apache_facts
from ops.agent.doctor_messages import ProductFacts, SupervisordFacts, ValidationFacts
from ops.agent.evidence import tail
from ops.agent.long_steps import kept_alive
from ops.agent.products import run_with_products
from ops.agent.selinux import accesses
from ops.agent.staged_tree import StagedFile
from ops.agent.standbys import standbys
from ops.agent.supervisor_python import supervisors_python
from ops.agent.supervisord_process import orphans
from ops.agent.supervisord_state import state_of
from ops.agent.survival import boot_facts, place_of, way_to_start
from ops.agent.taken_ports import check_apache, live_ports, wanted_ports
from ops.agent.validation_failed import ValidationFailed
from ops.agent.work_folder import WorkFolder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.agent.doctor_messages import DoctorRequest
    from ops.agent.messages import Message

PROGRAMS = ("supervisord", "supervisorctl", "uwsgi")
PROGRAM_SECONDS = 30.0
EVIDENCE_LINES = 20


def answer(request: "DoctorRequest") -> "Iterator[Message]":
    """All facts, each kind once; one SelinuxAccess for each access that Apache needs."""
    with WorkFolder() as folder:
        yield (yield from kept_alive(lambda: account_facts(request, folder.problem)))
        yield (yield from kept_alive(lambda: apache_facts(request)))
        ports = request.apache.ports
        found = ValidationFacts()
        if request.files and os.access(request.apache.httpd, os.X_OK):
            files = list(_staged(request, folder.path))
            live = live_ports(request.apache)
            ports = wanted_ports(request.apache, files, live)
            found = yield from kept_alive(lambda: _validated(request, files, (live, ports), folder.path))
        yield found
    yield (yield from kept_alive(lambda: _products(request)))
    supervisord = yield from kept_alive(lambda: _supervisord(request))
    yield supervisord
    yield from accesses(
        [app.listen for app in request.apps], ports, supervisord.state.pid if supervisord.state.state == "up" else 0
    )


def _staged(request: "DoctorRequest", work: str) -> "Iterator[StagedFile]":
    for number, file in enumerate(request.files, 1):
        content = os.path.join(work, f"new.{number}")
        with open(content, "wb") as out:
            out.write(file.content)
        yield StagedFile(file.path, file.mode, content)


def _validated(
    request: "DoctorRequest", files: "list[StagedFile]", ports: "tuple[list[int], list[int]]", work: str
) -> ValidationFacts:
    """Every step of a deploy of Apache's files before they are live; `ports` are the live and the wanted ones."""
    found = ValidationFacts()
    try:
        check_apache(*ports)
    except ValidationFailed as error:
        found.taken = error.evidence
    try:
        validation = ApacheValidation(request.apache, files, work).run(request.probe, request.no_probe)
    except ValidationFailed as error:
        found.fault = tail(error.evidence, EVIDENCE_LINES)
    else:
        found.reached, found.obstacle = validation.reached, validation.obstacle
        found.unvalidated = validation.unvalidated
    return found


def _products(request: "DoctorRequest") -> ProductFacts:
    python, problem = supervisors_python(request.activate)
    missing = [name for name in PROGRAMS if not _runs(request.activate, name)]
    found = ProductFacts(missing=missing, python=python, python_problem=problem)
    if request.software:
        from ops.agent.software_state import software_state

        found.software = software_state(request.software, request.supervisord)
    return found


def _runs(activate: str, program: str) -> bool:
    """Whether a program of the products runs; its Python writes no compiled files."""
    words = ["env", "PYTHONDONTWRITEBYTECODE=1", program]
    return any(
        run_with_products(activate, [*words, option], seconds=PROGRAM_SECONDS).code == 0
        for option in ("--version", "--help")
    )


def _supervisord(request: "DoctorRequest") -> SupervisordFacts:
    state = state_of(request.supervisord)
    survival, start, left = boot_facts(request.supervisord.conf), "", []
    if state.state == "up":
        survival.lives = place_of(state.pid)
    elif state.state == "down":
        start, left = way_to_start(request.supervisord.conf), orphans(request.supervisord)
    return SupervisordFacts(
        state=state,
        orphans=left,
        standbys=standbys(request.supervisord.state_dir),
        survival=survival,
        start=start,
    )
