"""Read a change that an earlier version began, whose agent was shell scripts: one file for each kind of fact."""

from ops.agent.apache_messages import ApacheConfiguration
from ops.agent.release_folders import lines_of
from ops.agent.service_messages import FIRST_APP, ApachePage, App
from ops.agent.transaction_messages import ApacheCommands, ChangedFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.transaction_messages import TransactionRequest


def read_change(folder: str, today: "TransactionRequest") -> "dict[str, object]":
    """The fields of its request; those that are missing are as `today`.

    The command that starts an Apache that has ended is always today's.
    """

    def lines(name: str) -> "list[str]":
        return lines_of(f"{folder}/{name}") or []

    ports = [int(line) for line in lines("listens") if line.isdigit()]
    pages = [line.split(" ") for line in lines("through_apache")]
    apache = today.apache
    return {
        "files": _files(lines("files")),
        "reloads": lines("reloads"),
        "applied": lines("apply"),
        "logs": lines("log_files"),
        "commands": ApacheCommands(
            configtest=lines("configtest"), reload=lines("apache"), start=today.commands.start
        ),
        "apache": ApacheConfiguration(
            httpd=apache.httpd, server_root=apache.server_root, log_dir=apache.log_dir, ports=ports
        ),
        "apps": _app(lines("app"), today.apps, pages) or today.apps,
    }


def _files(lines: "list[str]") -> "list[ChangedFile]":
    """Of lines "NUMBER MODE SEEN WANTED PATH", the first with number 1."""
    fields = [line.split(" ", 4)[1:] for line in lines]
    return [ChangedFile(path=path, mode=mode, seen=seen, wanted=wanted) for mode, seen, wanted, path in fields]


def _app(lines: "list[str]", today: "list[App]", pages: "list[list[str]]") -> "list[App]":
    """Of lines "NAME VALUE"; none of a version that wrote the values without names. Its programs are as `today`."""
    pairs = [line.partition(" ")[::2] for line in lines]
    values = dict(pairs)
    if "listen" not in values or not today:
        return []
    found = App(
        name=FIRST_APP,
        handover=today[0].handover,
        program=today[0].program,
        reloadable=today[0].reloadable,
        own_page=next(
            (
                ApachePage(port=int(port), page=page, server_name=name, account=account, listen=listen)
                for port, page, name, account, listen in pages
            ),
            None,
        ),
        listen=values["listen"],
        page=values.get("path", "/"),
        headers=[
            (name, value) for kind, text in pairs if kind == "header" for name, _, value in [text.partition(" ")]
        ],
        statuses=[value for kind, value in pairs if kind == "status"],
        ini=values.get("ini", ""),
        log=values.get("log", "/dev/null"),
        timeout=int(values.get("timeout", "60")),
        start=int(values.get("start", "60")),
    )
    return [found]
