"""The processes of a host's programs: supervisord's full names, as status shows them and supervisorctl takes them.

A program is a table of the inventory, `programs.NAME`; it has `numprocs` processes, in a group of its own name unless
`groups` has it in another. Almost every program is one process of the same name.
"""

import re
from typing import NamedTuple

from ops.formats import process_names
from ops.formats.supervisor_expansion import expanded
from ops.schema import Host

KEPT_ELSEWHERE = ("AUTO", "NONE", "syslog")  # instead of a path: no log at a known place
DEVICE = re.compile(r"/dev/(?!shm/|mqueue/).+")  # those two are folders


class LogFile(NamedTuple):
    """A log of one process: its full name, supervisord's key, and the path."""

    process: str
    key: str
    path: str


def group_of(host: Host, program: str) -> str:
    """The group of a program's processes."""
    return next((name for name, group in host.groups.items() if program in group.programs), program)


def names_of(host: Host, program: str) -> list[str]:
    """The full names of a program's processes."""
    one, group = host.programs[program], group_of(host, program)
    numbers = range(one.numprocs_start, one.numprocs_start + one.numprocs)
    return [process_names.process_name(program, group, one.process_name, number) for number in numbers]


def all_names(host: Host) -> dict[str, str]:
    """The full name of each process, to its program."""
    return {full: program for program in host.programs for full in names_of(host, program)}


def known(host: Host, program: str, number: int | None = None) -> dict[str, object]:
    """What the expansions of a program's values stand for, as far as the inventory knows; the first process's."""
    one = host.programs[program]
    return {
        "here": host.home,
        "program_name": program,
        "group_name": group_of(host, program),
        "process_num": one.numprocs_start if number is None else number,
        "numprocs": one.numprocs,
        "ENV_HOME": host.home,
    }


def value_of(host: Host, program: str, text: str) -> str:
    """A text of a program's as its first process has it; what only supervisord knows of it stays as it is written."""
    return expanded(text, known(host, program)) if host.programs[program].expand else text


def log_files(host: Host, program: str) -> list[LogFile]:
    """The logs of a program at known places; none for what supervisord keeps elsewhere, and for devices."""
    one, found = host.programs[program], []
    for number, full in enumerate(names_of(host, program), one.numprocs_start):
        for key, text in log_texts(host, program).items():
            path = expanded(text, known(host, program, number))
            if path not in KEPT_ELSEWHERE and not DEVICE.fullmatch(path):
                found.append(LogFile(full, key, path))
    return found


def stdout_log(host: Host, program: str) -> str:
    """The log of the output of a program's first process; "" if that is at no known place."""
    return next((log.path for log in log_files(host, program) if log.key == "stdout_logfile"), "")


def log_texts(host: Host, program: str) -> dict[str, str]:
    """supervisord's key of each log, and its place as a format of supervisord's.

    Errors have a log unless they are merged; by default each process has logs of its own name.
    """
    one = host.programs[program]
    name = one.process_name if one.numprocs > 1 else program
    given = {"stdout_logfile": (one.stdout_logfile, "log")}
    if not one.redirect_stderr:
        given["stderr_logfile"] = (one.stderr_logfile, "err")
    texts = {}
    for key, (path, end) in given.items():
        if path is None:
            texts[key] = f"{_literal(host.log_dir)}/{name}.{end}"
        else:
            texts[key] = path if one.expand else _literal(path)
    return texts


def socket_of(host: Host, program: str) -> str:
    """The address that supervisord opens for an fcgi-program: a path, or HOST:PORT; "" for another program."""
    address = value_of(host, program, host.programs[program].socket or "")
    return address.removeprefix("unix://").removeprefix("tcp://")


def _literal(text: str) -> str:
    return text.replace("%", "%%")
