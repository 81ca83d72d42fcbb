"""What must hold when an operation has ended: asked of the host's files, processes and answers, past fab."""

from collections import Counter
from collections.abc import Iterable

from tests.soak.command import Command
from tests.soak.host import STATE, Process, SoakHost
from tests.soak.trace import Violation
from tests.soak.versions import VERSIONS, Catalog, Version, is_edited
from tests.soak.witness import CERTIFICATE, Answer

CODES = (0, 1, 2, 3, 4, 130)  # ops/errors.py, tasks/_task.py
SERVICES = {  # one process each whose parent is supervisord, by what its command line holds
    "poms_webservice": "uwsgi --ini",
    "poms_joblog_agent": "poms_agent.py joblog",
    "poms_status_agent": "poms_agent.py status",
}


def check_command(command: Command) -> list[Violation]:
    """The exit code is a documented one, no traceback is printed."""
    found: list[Violation] = []
    if not command.killed and command.code not in CODES:
        found.append(Violation("exit code", f"{command.task} ended with {command.code}"))
    if "Traceback (most recent call last)" in command.text:
        found.append(Violation("traceback", f"{command.task} printed one"))
    return found


# ---- files ---------------------------------------------------------------------------------------------------------


def deployed_versions(host: SoakHost, catalog: Catalog) -> set[Version]:
    """Those whose files lie on the host, as a set; files with a hand edit are left out of account."""
    found = set(VERSIONS)
    for path in catalog.paths:
        content = host.content(path)
        if content is None or not is_edited(content):
            found &= catalog.versions_of(path, content or b"")
    return found


def check_files(host: SoakHost, catalog: Catalog, wanted: Version | None, *, in_place: bool) -> list[Violation]:
    """Each file is of a known version, hand edits aside, and all are of one: of `wanted` where that is known.

    While a deploy is pending on the host the set may be mixed, and where it had to write within files (`in_place`)
    one of them cut short: the next command restores it.
    """
    pending, found = host.is_pending, []
    for path in catalog.paths:
        content = host.content(path)
        if (content is None or not catalog.versions_of(path, content)) and not (pending and in_place):
            what = "is missing" if content is None else f"has {len(content)} bytes of no version"
            found.append(Violation("file", f"{path} {what}"))
    if found or pending:
        return found
    deployed = deployed_versions(host, catalog)
    if not deployed:
        return [Violation("set", f"the files are of no one version: {_each(host, catalog)}")]
    if wanted and wanted not in deployed:
        return [Violation("set", f"the files are not those of {wanted}: {_each(host, catalog)}")]
    return []


def _each(host: SoakHost, catalog: Catalog) -> str:
    parts: list[str] = []
    for path in catalog.paths:
        content = host.content(path) or b""
        versions = " ".join(map(str, sorted(catalog.versions_of(path, content))))
        parts.append(f"{path.rpartition('/')[2]}{' (edited)' if is_edited(content) else ''}: {versions}")
    return "; ".join(parts)


# ---- answers -------------------------------------------------------------------------------------------------------


def check_answers(answers: Iterable[Answer], allowed: set[Version], when: str) -> list[Violation]:
    """Whoever got an answer got that of an allowed version."""
    wrong = Counter(str(answer) for answer in answers if not is_of(answer, allowed))
    return [Violation("answer", f"{when}: {count} times {answer}") for answer, count in wrong.items()]


def is_of(answer: Answer, allowed: set[Version]) -> bool:
    """Whether each part of the answer that says its version is of an allowed one."""
    apache, uwsgi = {str(one.apache) for one in allowed}, {str(one.uwsgi) for one in allowed}
    from_app = answer.port == CERTIFICATE and answer.status == 200
    if answer.serves and answer.apache not in apache:
        return False
    return not from_app or answer.uwsgi in uwsgi


# ---- processes -----------------------------------------------------------------------------------------------------


def task_processes(host: SoakHost) -> list[Process]:
    """Those that a task has started and that have to end with it; a standby is not among them."""
    return _task_processes(host)[0]


def _task_processes(host: SoakHost) -> tuple[list[Process], list[Process]]:
    """Those, and those of a standby: each is a session of its own."""
    processes = host.processes()
    sessions = {process.session for process in processes if "/standby." in process.command}
    ours = [process for process in processes if not process.is_service]
    standby = [process for process in ours if process.session in sessions]
    return [process for process in ours if process not in standby], standby


def check_services(host: SoakHost, version: Version) -> list[Violation]:
    """supervisord runs once, and under it each program once, with the version's setting."""
    processes = host.processes()
    daemons = [process for process in processes if "/supervisord " in f"{process.command} "]
    if len(daemons) != 1:
        return [Violation("supervisord", f"runs {len(daemons)} times: {_shown(daemons)}")]
    found: list[Violation] = []
    for name, part in SERVICES.items():
        running = [process for process in processes if part in process.command and process.is_service]
        own = [process for process in running if process.parent == daemons[0].pid]
        known = {process.pid for process in running}
        strays = [process for process in running if process not in own and process.parent not in known]
        if len(own) != 1 or strays:
            found.append(Violation("program", f"{name} runs {len(own)} times, and besides: {_shown(strays)}"))
        elif name == "poms_status_agent" and own[0].environment.get("SOAK") != str(version.program):
            found.append(Violation("program", f"{name} has SOAK={own[0].environment.get('SOAK')}, not {version}'s"))
    return found


def check_left(host: SoakHost) -> list[Violation]:
    """After an undisturbed command: no lock, no task's process, no standby, nothing staged, no reload pending."""
    found: list[Violation] = []
    if host.is_locked():
        found.append(Violation("lock", f"is held: {(host.content(f'{STATE}/lock') or b'').decode()}"))
    left = [process for found_of in _task_processes(host) for process in found_of]
    if left:
        found.append(Violation("process", f"is left: {_shown(left)}"))
    if names := host.leftovers():
        found.append(Violation("left over", ", ".join(names)))
    if owed := host.content(f"{STATE}/owed"):
        found.append(Violation("left over", f"reloads are pending: {owed.decode().split()}"))
    return found


def _shown(processes: Iterable[Process]) -> str:
    texts = [f"{process.pid} (parent {process.parent}) {process.command[:200]}" for process in processes]
    return "; ".join(texts) or "none"
