"""`tail-logs` and `fetch-logs`: the logs of the hosts."""

import os
from pathlib import Path
from typing import Any

from rich.filesize import decimal

from ops.agent.logs_messages import LogsRequest
from ops.errors import BadInput, OperatorError
from ops.logs.archive import Wanted, fetch
from ops.logs.catalog import chosen_logs, moment, span
from ops.logs.follow import Following
from ops.logs.severity import Severities
from ops.logs.stream import HostLogs, LogLine, Remark
from ops.ssh.session import connect
from ops.ui import colours, console
from tasks._task import chosen, show_error, task

STYLES = {"error": colours.ERROR, "warning": colours.WARNING, "debug": "dim", "": ""}
PROGRAMS_HELP = "Only the logs of these, separated by commas: programs, and supervisord, apache, shibd."
SINCE_HELP = "Only lines since then: a time span (10m, 2h, 1d) or a time (2026-11-25T03:00, in the host's zone)."


@task(
    help={
        "programs": PROGRAMS_HELP,
        "lines": "How many of the last lines of each log to show without --since (default 20).",
        "since": SINCE_HELP,
        "until": "Only lines until then, given like --since. With --lines, the last lines until then.",
        "follow": "Continue with new lines until Ctrl-C, across rotation and lost connections.",
        "grep": "Only entries in which a line matches this basic regular expression; the host matches it.",
        "ignore_case": "--grep ignores the case of letters.",
    }
)
def tail_logs(
    context: Any,
    programs: str | None = None,
    lines: int = 20,
    since: str = "",
    follow: bool = False,
    grep: str = "",
    until: str = "",
    ignore_case: bool = False,
) -> int:
    """Show the last lines of all logs in the order of time, each with its host and program.

    Without -H: all hosts of the inventory. Exit code 130 after Ctrl-C, 1 if a host could not be read.
    """
    if not 0 <= lines <= 1_000_000:
        raise BadInput(f"--lines={lines}: must be from 0 to 1000000. Nothing was connected to.")
    if lines != 20 and since:
        raise BadInput("--lines and --since exclude each other. Nothing was connected to.")
    if follow and until:
        raise BadInput("--follow and --until exclude each other. Nothing was connected to.")
    if any(ord(char) < 32 for char in grep):
        raise BadInput("--grep: must not hold a control character. Nothing was connected to.")
    begin, end = span(since, until)
    wanted = LogsRequest(lines=lines, since=begin, until=end, pattern=grep, ignore_case=ignore_case, follow=follow)
    sources = [HostLogs(host, chosen_logs(host, programs), wanted) for host in chosen(everywhere=True)]
    errors, severities = _Errors(), Severities()
    with Following(sources, lambda host: connect(host, context.config), forever=follow) as following:
        for told in following:
            if isinstance(told, LogLine):
                console.log_line(f"{told.host} {told.label}", told.text, STYLES[severities.of(told)])
            elif isinstance(told, Remark):
                console.say(f"{told.host}: {told.text}", colours.WARNING, err=True)
            else:
                errors.show(told)
    return errors.code or int(follow)


@task(
    help={
        "programs": PROGRAMS_HELP,
        "since": SINCE_HELP,
        "to": "The folder for the bundles (default: this one); it is created if it does not exist.",
        "limit": "The largest size of a bundle in megabytes, compressed (default 1000).",
    }
)
def fetch_logs(context: Any, programs: str | None = None, since: str = "", to: str = ".", limit: int = 1000) -> int:
    """Fetch all logs with their rotated files, one bundle per host: HOST-logs-TIME.tar.gz.

    Without -H: all hosts of the inventory, one after the other. Exit code 1 if one could not be fetched.
    """
    if limit < 1:
        raise BadInput(f"--limit={limit}: must be at least 1. Nothing was connected to.")
    asked = moment("since", since) if since else None
    hosts = [(host, chosen_logs(host, programs)) for host in chosen(everywhere=True)]
    folder = _folder(to)
    errors = _Errors()
    for host, logs in hosts:
        try:
            with console.progress(f"{host.name}: packing") as progress, connect(host, context.config) as remote:
                bundle = fetch(remote, Wanted(logs, asked, folder, limit), progress)
        except OperatorError as error:
            errors.show(error)
            continue
        console.say(f"{host.name}: {bundle.path}, {decimal(bundle.size)}", colours.OK)
        if bundle.missing:
            console.say(f"{host.name}: not in the bundle: {', '.join(bundle.missing)}", colours.WARNING, err=True)
        if bundle.damaged:
            console.say(
                f"{host.name}: damaged, fetched as is: {'; '.join(bundle.damaged)}", colours.WARNING, err=True
            )
    return errors.code


def _folder(to: str) -> Path:
    """The folder that `to` names, created with mode 0700 where it does not exist. Raises BadInput."""
    folder = Path(to)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        why = "a file is in its place" if isinstance(error, FileExistsError | NotADirectoryError) else error.strerror
        raise BadInput(f"--to={to}: cannot create the folder: {why}. Nothing was connected to.") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadInput(f"--to={to}: the folder is not writable. Nothing was connected to.")
    return folder


class _Errors:
    """The errors of all hosts: each text printed once, and the highest exit code."""

    def __init__(self) -> None:
        self.code = 0
        self._shown: set[str] = set()

    def show(self, error: OperatorError) -> None:
        self.code = max(self.code, error.code)
        if str(error) not in self._shown:
            self._shown.add(str(error))
            show_error(error)
