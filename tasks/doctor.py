"""`doctor`: the requirements of a deploy, checked on each host."""

import time
from typing import Any

from ops.errors import NoPython, read_answer
from ops.monitoring import certificates, door_findings
from ops.monitoring.doctor import diagnose, without_python
from ops.monitoring.doctor_facts import Login, read, request
from ops.monitoring.findings import ERROR, OK, WARNING, Finding
from ops.rendering.rendered_file import RenderedFile
from ops.rollout import AT_ONCE, HostResult
from ops.schema import Host
from ops.ssh.line_reader import Limits
from ops.ssh.session import Remote
from ops.ui import colours, console
from tasks._query import PARALLEL_HELP, ask_hosts, by_host, code_of, nothing, rendered
from tasks._task import print_json, task

ANSWER = Limits(silence=120.0, seconds=300.0)  # for a trial start and the tools of each product


@task(help={"json": "Print one JSON document: per host, a list of checks.", **PARALLEL_HELP})
def doctor(context: Any, json: bool = False, parallel: int = AT_ONCE) -> int:
    """Check everything that a deploy needs, and say how to fix what is missing.

    Exit code 2 if there is an error. Without -H: all hosts of the inventory.
    """

    files: dict[str, list[RenderedFile]] = {}

    def prepare(hosts: list[Host]) -> None:
        files.update(rendered(hosts))

    def ask(remote: Remote) -> list[Finding]:
        host = remote.host
        asked, begun = request(host, files[host.name], remote.sudo_password), int(time.time())
        answer, certs = remote.answers(asked, certificates.request(host), limits=ANSWER)
        if isinstance(answer.error, NoPython):
            return without_python(answer.error.tried)
        with read_answer(host.name, "doctor"):
            facts = read(asked, answer, Login(remote.who, begun, answer.python))
            found = diagnose(host, facts, certificates.parse(host, certs))
            return [*found, *door_findings.undeclared(host, files[host.name])]

    def show(answers: list[HostResult[list[Finding]]]) -> None:
        for answer in answers:
            if answer.result:
                _show(answer.host, answer.result)

    answers = ask_hosts(context, parallel, ask, nothing if json else show, prepare)
    if json:
        print_json(by_host(answers, lambda answer: [vars(one) for one in answer.result or []]))
    wrong = any(one.level == ERROR for answer in answers for one in answer.result or [])
    return code_of(answers, attention=wrong)


def _show(host: Host, findings: list[Finding]) -> None:
    """Print what is ok as a table; below it the warnings and errors, each with its next step."""
    console.table(("host", "ok", "found"), [(host.name, one.what, one.found) for one in findings if one.level == OK])
    for level, style in ((WARNING, colours.WARNING), (ERROR, colours.ERROR)):
        for one in findings:
            if one.level == level:
                console.say(f"{host.name}: {level}: {one.what}: {one.found}", style)
                console.say(f"    {one.advice}")
    if all(one.level != ERROR for one in findings):
        console.say(f"{host.name}: ready to deploy", colours.OK)
