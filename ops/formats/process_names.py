"""The full names of supervisord's processes: the process's name, with its group's before it where that is another.

Source: `make_namespec` and `_processes_from_section` in `supervisor/options.py`. It works on plain values, since TAB
(tasks/_completion.py) reads them from the inventory without checking it.
"""

from collections.abc import Iterable

DEFAULT = "%(program_name)s"
DEFAULT_OF_SEVERAL = "%(program_name)s_%(process_num)02d"
ALL = ":*"  # behind a group's name: all of its processes, as in supervisorctl


def process_name(program: str, group: str, template: str, number: int) -> str:
    """The full name of process `number` of a program.

    Raises ValueError, LookupError or TypeError for a bad template.
    """
    name = template % {"program_name": program, "group_name": group, "process_num": number}
    return name if name == group else f"{group}:{name}"


def named(word: str, names: Iterable[tuple[str, str]]) -> list[str]:
    """The processes that a word means: a program, a full name, or GROUP:*; none for an unknown one.

    `names`: each process's full name with its program's.
    """
    pairs = list(names)
    if word.endswith(ALL):
        return [full for full, _ in pairs if group_of(full) == word.removesuffix(ALL)]
    return [full for full, program in pairs if word == program] or [full for full, _ in pairs if word == full]


def words(names: Iterable[tuple[str, str]]) -> list[str]:
    """What `named` understands: each program, and of a group with another name its processes and GROUP:*."""
    found: list[str] = []
    for full, program in names:
        found += [program] if full == program else [program, full, f"{group_of(full)}{ALL}"]
    return list(dict.fromkeys(found))


def group_of(full: str) -> str:
    """The group of a process."""
    return full.partition(":")[0]
