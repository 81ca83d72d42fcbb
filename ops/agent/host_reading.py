"""How this host is set up: what runs, read from each program's own files by its own parser. Changes nothing."""

import contextlib
import getpass
import json
import os
import shlex

from ops.agent import apache_reading
from ops.agent.apache_directives import text_of
from ops.agent.host_processes import environment_of, words_of
from ops.agent.host_reading_messages import AccountReading, SupervisordReading, UwsgiReading
from ops.agent.processes import NOT_STARTED, run
from ops.agent.products import activated, program_in, run_with_products
from ops.agent.supervisord_process import files_of, own_processes, program_at
from ops.agent.supervisord_reading import parsed
from ops.agent.uwsgi_ini import options_of
from ops.agent.work_folder import WorkFolder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.agent.host_reading_messages import ImportRequest
    from ops.agent.messages import Message

SECONDS = 60.0
TOOLS = ("supervisorctl", "uwsgi")  # what `activate` must give
UPS = ["ups", "list", "-aK+"]
INI = ("--ini", "--config")


def answer(request: "ImportRequest") -> "Iterator[Message]":
    """The readings, one message for each file or program; the wanted files alone, if there are any."""
    pid, confs = _supervisord(request.conf)
    if request.wanted:
        yield from _wanted(request, pid)
        return
    found = SupervisordReading(conf=confs[0], pid=pid, others=confs[1:])
    activates = _activates(request.activate, pid)
    if os.path.exists(found.conf):
        found.parsed, found.problem = parsed(found.conf, pid, activates)
    else:
        found.problem = "there is no such file, and no supervisord of this account runs"
    yield _account(request, activates)
    yield found
    for program, path in uwsgi_files(found.parsed):
        yield _uwsgi(program, path, path, _environment(pid, activates))
    apache = apache_reading.read(request.httpd, request.server_root)
    if apache:
        yield apache


def _supervisord(conf: str) -> "tuple[int, list[str]]":
    """The running supervisord, and the files of all of them: the one with `conf` first, else the oldest."""
    running = [(pid, files_of(pid)) for pid in own_processes() if program_at(words_of(pid)) is not None]
    there = [(pid, [path for path in paths if os.path.exists(path)]) for pid, paths in running]
    known = [(pid, os.path.realpath(paths[0])) for pid, paths in there if paths]
    known.sort(key=lambda one: one[1] != os.path.realpath(conf))
    return (known[0][0], list(dict.fromkeys(path for _, path in known))) if known else (0, [conf])


def _activates(activate: str, pid: int) -> str:
    """The text that gives supervisor's and uWSGI's programs: the requested one, or the running one's PATH."""
    texts = [activate]
    if pid:
        words = words_of(pid)
        folder = os.path.dirname(words[program_at(words) or 0])
        texts += [f'PATH="{path}:$PATH"' for path in (folder, environment_of(pid).get("PATH", "")) if path]
    for text in texts:
        found = activated(text)
        if found.is_complete and all(program_in(found.environment, tool) for tool in TOOLS):
            return text
    return activate


def _environment(pid: int, activates: str) -> "dict[str, str]":
    return (environment_of(pid) if pid else {}) or activated(activates).environment


def _account(request: "ImportRequest", activates: str) -> AccountReading:
    from ops.agent import crontab
    from ops.agent.step_failed import StepFailed

    lines: list[str] = []
    with contextlib.suppress(StepFailed):
        lines = crontab.read().splitlines()
    listed = run_with_products(activates, UPS, seconds=SECONDS)
    granted = [one for one in request.grants if run(["sudo", "-n", "-l", "--", *one.split()[1:]]).code == 0]
    return AccountReading(
        name=getpass.getuser(),
        number=os.getuid(),
        home=os.path.expanduser("~"),
        activates=activates,
        grants=granted,
        crontab=lines,
        products=[] if listed.code else listed.text.splitlines(),
    )


def uwsgi_files(text: str) -> "list[tuple[str, str]]":
    """Each program of a parsed supervisord.conf that starts uWSGI, and the file that its command names."""
    found = []
    for group in json.loads(text)["groups"] if text else []:
        for process in group["processes"]:
            path = _ini_of(process["command"], process["directory"] or "/")
            if path:
                found.append((process["name"], path))
    return found


def _ini_of(command: str, folder: str) -> str:
    try:
        words = shlex.split(command)
    except ValueError:
        return ""
    starts = [number for number, word in enumerate(words) if os.path.basename(word) in ("uwsgi", "pyuwsgi")]
    left = words[starts[0] + 1 :] if starts else []
    for word, behind in zip(left, [*left[1:], ""]):
        name, _, value = word.partition("=")
        if name in INI:
            return os.path.join(folder, value or behind)
        if word.endswith(".ini") and not word.startswith("-"):
            return os.path.join(folder, word)
    return ""


def _uwsgi(program: str, path: str, copy: str, environment: "dict[str, str]") -> UwsgiReading:
    """The file at `path`, or a `copy` of what it is to be."""
    text = text_of(copy)
    found = UwsgiReading(program=program, path=path, options=options_of(text, path))
    if not text:
        found.problem = "it cannot be read"
        return found
    uwsgi = program_in(environment, "uwsgi")
    if uwsgi:  # it reads the whole file, prints how it was compiled, and ends
        ended = run([uwsgi, "--strict", "--ini", copy, "--cflags"], seconds=SECONDS, environment=environment)
        if ended.code not in (0, NOT_STARTED):
            found.problem = (ended.text.splitlines() or [""])[-1]
    return found


def _wanted(request: "ImportRequest", pid: int) -> "Iterator[Message]":
    """What the parsers make of the wanted files: supervisord's is named first."""
    activates = _activates(request.activate, pid)
    with WorkFolder() as work:
        copies = []
        for number, wanted in enumerate(request.wanted):
            copy = os.path.join(work.path, str(number))
            with open(copy, "wb") as file:
                file.write(wanted.content)
            copies.append((wanted.path, copy))
        path, copy = copies[0]
        text, problem = parsed(copy, pid, activates, os.path.dirname(path))
        yield SupervisordReading(conf=path, pid=pid, parsed=text, problem=problem)
        for path, copy in copies[1:]:
            yield _uwsgi("", path, copy, _environment(pid, activates))
