"""supervisord's expansions, `%(NAME)s`: which it knows in a program's values, and what they stand for.

Source: `_processes_from_section` in `supervisor/options.py`, the same in 3.4.0, 4.1.0, 4.2.5 and 4.3.0: a value is a
format of Python's `%` over these names, and `%%` is a percent sign.
"""

import re
from collections.abc import Collection, Iterator, Mapping

OF_PROCESS = ("here", "program_name", "group_name", "process_num", "numprocs", "host_node_name")
OF_SUPERVISORD = ("here",)  # in its own section
KNOWN_HERE = ("here", "program_name", "group_name", "process_num", "numprocs", "ENV_HOME")
NUMBERS = ("process_num", "numprocs")
ENVIRONMENT = re.compile(r"ENV_[A-Za-z_][A-Za-z0-9_]*")
NOTHING = "%(here).0s"  # expands to nothing
_PART = re.compile(r"%(?:%|\(([^()%]*)\)(0?[0-9]{0,3})([sd]))?")
_LOOKS_LIKE_ONE = re.compile(rf"%\((?:{'|'.join(OF_PROCESS)}|{ENVIRONMENT.pattern})\)")


def problems(text: str, names: Collection[str], *, environment: bool = True) -> Iterator[str]:
    """The rules that a format breaks; `names`: what it may contain, and with `environment` also %(ENV_NAME)s."""
    for found in _PART.finditer(text):
        name, _, kind = found.groups()
        if found[0] == "%%":
            continue
        if name is None:
            yield "must have %% for a percent sign: supervisord expands it"
        elif name not in names and not (environment and ENVIRONMENT.fullmatch(name)):
            more = " and ENV_NAME" if environment else ""
            yield f"must not contain %({name}){kind}: supervisord knows {_list(names)}{more} here"
        elif name in NUMBERS or kind == "s":
            continue
        else:
            yield f"must have %({name})s: only {_list(NUMBERS)} are numbers"


def looks_expanded(text: str) -> str:
    """The first expansion in a text that is not meant as a format; "" if it has none."""
    found = _LOOKS_LIKE_ONE.search(text)
    return f"{found[0]}s" if found else ""


def variables(text: str) -> set[str]:
    """The expansions in a format."""
    return {name for name, _, _ in _PART.findall(text) if name}


def expanded(text: str, known: Mapping[str, object]) -> str:
    """A format, expanded; what is not in `known`, and what is no expansion, stays as it is written."""

    def value(found: re.Match[str]) -> str:
        name, _, kind = found.groups()
        fits = found[0] == "%%" or (name in known and (kind == "s" or name in NUMBERS))
        return found[0] % known if fits else found[0]

    return _PART.sub(value, text)


def written_out(text: str, known: Mapping[str, str]) -> str:
    """A format in which those that are known are plain text; it stays a format."""

    def value(found: re.Match[str]) -> str:
        return known[found[1]].replace("%", "%%") if found[1] in known else found[0]

    return _PART.sub(value, text)


def written(text: str, times: int) -> str:
    """A format as it stands in the file where supervisord expands it `times` times; the first expands the names."""
    return _PART.sub(lambda found: "%" * 2**times if found[0] == "%%" else found[0], text)


def literal(text: str, times: int) -> str:
    """Plain text as it stands in such a place.

    In a file with an [include], supervisord first replaces each "%(here)s", a literal one too (`expand_here` in
    `supervisor/options.py`).
    """
    mark = "%" * 2**times
    return f"{mark}(here{NOTHING})s".join(part.replace("%", mark) for part in text.split("%(here)s"))


def _list(names: Collection[str]) -> str:
    return ", ".join(sorted(names))
