"""`run`: one command on hosts of the inventory."""

import sys
from threading import Event, Lock
from typing import Any

from ops.errors import BadInput, Interrupted
from ops.rollout import AT_ONCE, HostResult, map_hosts
from ops.schema import Host
from ops.ssh.remote_command import Command, run_command
from ops.ssh.ssh_config_query import ask_ahead
from ops.ui import colours, console
from tasks._query import PARALLEL_HELP
from tasks._task import chosen, print_json, show_error, task

KEPT = 2**20  # characters of each output in the JSON document
FAILED = 1
_one_at_a_time = Lock()  # lines of several hosts, each whole


@task(
    positional=["command"],
    help={
        "command": "Shell text for bash, as one word. - reads it from standard input, so that this machine's process "
        "list does not show it.",
        "timeout": "Seconds after which it is ended. Without this, it may run as long as it prints something.",
        "json": "Print one JSON document: per host, exit code, both outputs, whether they are cut, or the error.",
        **PARALLEL_HELP,
    },
)
def run(context: Any, command: str, timeout: int = 0, json: bool = False, parallel: int = AT_ONCE) -> int:
    """Run a command on hosts, as the account, with the products set up; its input is empty.

    It takes no lock, and nothing undoes it. With several hosts, each line starts with its host. The exit code is the
    command's own on one host; on several, 1 if it failed on any. Ctrl-C ends it on the hosts.
    Without -H: the default host of the inventory.
    """
    if not 1 <= parallel <= 200:
        raise BadInput(f"--parallel={parallel}: must be from 1 to 200. Nothing was connected to.")
    if timeout < 0:
        raise BadInput(f"--timeout={timeout}: must be 0 or more. Nothing was connected to.")
    wanted = Command(sys.stdin.read() if command == "-" else command, timeout or None)
    hosts = chosen(everywhere=False)
    ask_ahead(context.config, hosts)
    from ops.ssh.session import Connections  # loaded while ssh answers: both take as long

    over = Event()
    outputs = {host.name: _Output(host.name if len(hosts) > 1 else "", keeps=json, over=over) for host in hosts}
    with Connections(context.config, ahead=hosts[:parallel]) as lines:

        def one(host: Host) -> int:
            with lines.connect(host) as remote:
                return run_command(remote, wanted, outputs[host.name].add)

        answers = map_hosts(hosts, one, parallel, _show_errors)
        over.set()
    if json:
        print_json({answer.host.name: _facts(answer, outputs[answer.host.name]) for answer in answers})
    return _conclude(answers)


class _Output:
    """The output of a command on one host: printed with its label, or collected for the JSON document."""

    def __init__(self, label: str, *, keeps: bool, over: Event) -> None:
        self._label = f"{label} | " if label else ""
        self._keeps = keeps
        self._over = over  # when set, nothing more is printed
        self._kept: dict[bool, list[str]] = {False: [], True: []}
        self._size = {False: 0, True: 0}

    def add(self, line: str, of_errors: bool) -> None:
        """Print or collect one more line."""
        if not self._keeps:
            with _one_at_a_time:
                if not self._over.is_set():
                    console.say(f"{self._label}{line}", err=of_errors)
            return
        self._size[of_errors] += len(line) + 1
        if self._size[of_errors] <= KEPT:
            self._kept[of_errors].append(f"{line}\n")

    def facts(self) -> dict[str, object]:
        """Both outputs, and whether they are cut."""
        out, err = ("".join(self._kept[of_errors]) for of_errors in (False, True))
        return {"stdout": out, "stderr": err, "truncated": any(size > KEPT for size in self._size.values())}


def _show_errors(answers: list[HostResult[int]], _waiting: list[Host]) -> None:
    for answer in answers:
        if answer.error and not isinstance(answer.error, Interrupted):
            show_error(answer.error)
    if missing := [answer.host.name for answer in answers if isinstance(answer.error, Interrupted)]:
        console.say(f"Interrupted. The command was ended on {', '.join(missing)}", err=True)


def _facts(answer: HostResult[int], output: _Output) -> dict[str, object]:
    if answer.error:
        said = "interrupted" if isinstance(answer.error, Interrupted) else str(answer.error)
        return output.facts() | {"error": said}
    return output.facts() | {"code": answer.result}


def _conclude(answers: list[HostResult[int]]) -> int:
    """Print the hosts on which the command failed; return fab's exit code."""
    failed = [(answer.host.name, _how(answer)) for answer in answers if answer.error or answer.result]
    if not failed:
        return 0
    if any(isinstance(answer.error, Interrupted) for answer in answers):
        return Interrupted.code
    if len(answers) == 1:
        answer = answers[0]
        if answer.error:
            return answer.error.code
        console.say(f"{answer.host.name}: exit code {answer.result}", colours.WARNING, err=True)
        return answer.result or 0
    names = ", ".join(f"{name} ({how})" for name, how in failed)
    console.say(f"failed on {len(failed)} of {len(answers)} hosts: {names}", colours.ERROR, err=True)
    return FAILED


def _how(answer: HostResult[int]) -> str:
    if answer.error:
        return str(getattr(answer.error, "outcome", "failed"))
    return f"exit code {answer.result}"
