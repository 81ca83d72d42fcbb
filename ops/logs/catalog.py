"""The logs of a host and their names: those of programs, supervisord, Apache and shibd."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ops.errors import BadInput
from ops.formats import process_names
from ops.formats.processes import all_names, log_files
from ops.schema import Host
from ops.text import did_you_mean

APACHE_LOGS = ("error_log", "ssl_error_log", "ssl_access_log", "cert_ssl_error_log", "cert_ssl_access_log")
TOKEN_LOGS = ("token_ssl_error_log", "token_ssl_access_log")
SHIBD_LOG = "/var/log/shibboleth/shibd.log"  # where Shibboleth's packages have it
SERVICES = ("supervisord", "apache", "shibd")
_AGO = re.compile(r"([0-9]{1,6}[smhd])+")
Moment = int | str  # as a request to the agent has it
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True)
class Log:
    """One log: `label` is its name for the operator; one that was not `asked` for is skipped where it is unreadable.

    `writer` is the program, or supervisord, whose time zone its lines are in.
    """

    label: str
    path: str
    asked: bool
    writer: str = ""

    def requested(self) -> tuple[str, str]:
        """The log in a request to the agent."""
        return self.path, self.writer


def names_of(host: Host) -> list[str]:
    """The names that `--programs` may have: the programs, and the services with logs."""
    return list(dict.fromkeys([*process_names.words(all_names(host).items()), *SERVICES]))


def chosen_logs(host: Host, given: str | None) -> list[Log]:
    """The logs that `--programs` names, each path once; all of them without it.

    Raises BadInput, with the nearest names, for one that the host does not have.
    """
    names = names_of(host) if given is None else [part.strip() for part in given.split(",") if part.strip()]
    if not names:
        raise BadInput("--programs names no program. Nothing was connected to.")
    for name in names:
        if name not in names_of(host):
            near = did_you_mean(name, names_of(host))
            raise BadInput(f"{host.name} has no program or log {name!r}{near}. Nothing was connected to.")
    found: dict[str, Log] = {}
    for name in names:
        for log in _logs(host, name, asked=given is not None):
            found.setdefault(log.path, log)
    return list(found.values())


def _logs(host: Host, name: str, *, asked: bool) -> Iterable[Log]:
    known = all_names(host)
    for full in process_names.named(name, known.items()):
        for log in log_files(host, known[full]):
            if log.process == full:
                yield Log(f"{full} (stderr)" if log.key == "stderr_logfile" else full, log.path, True, full)
    if name in known.values() or name in known:
        return
    if name == "apache":
        files_of_apache = (*APACHE_LOGS, *(TOKEN_LOGS if host.token else ()))
        yield from (Log(f"apache {file}", f"{host.apache.log_dir}/{file}", asked) for file in files_of_apache)
    elif name == "shibd":
        yield Log(name, SHIBD_LOG, asked)
    elif name == "supervisord":
        yield Log(name, host.supervisor.logfile, True, name)


def moment(name: str, text: str) -> Moment:
    """What the flag `name` says: seconds back from the host's clock, or a time, by default in its zone.

    Raises BadInput for anything else.
    """
    if _AGO.fullmatch(text):
        return sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"([0-9]+)([smhd])", text))
    try:
        return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S%z}"
    except ValueError:
        rule = "must be a time span such as 10m, 2h or 1d12h, or a time such as 2026-11-25T03:00"
        raise BadInput(f"--{name}={text}: {rule}. Nothing was connected to.") from None


def span(since: str, until: str) -> tuple[Moment | None, Moment | None]:
    """Both moments; None for what is not given.

    Raises BadInput where `until` is before `since`, if that is certain without the host's clock and zone; otherwise
    the host checks it.
    """
    begin, end = moment("since", since) if since else None, moment("until", until) if until else None
    if isinstance(begin, int) and isinstance(end, int):
        is_before = end > begin
    elif isinstance(begin, str) and isinstance(end, str):
        first, last = datetime.fromisoformat(since), datetime.fromisoformat(until)
        is_before = (first.tzinfo is None) == (last.tzinfo is None) and last < first
    else:
        is_before = False
    if is_before:
        raise BadInput(f"--until={until} is before --since={since}. Nothing was connected to.")
    return begin, end
