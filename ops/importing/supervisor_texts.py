"""Texts of a supervisord.conf for the inventory: an expansion stays one where it has another value elsewhere.

That is a variable of supervisord's environment, the host's name, and the number of a process. All else is written
out.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ops.formats import supervisor_expansion as expansion
from ops.importing.imported import Imported
from ops.importing.settings import SUPERVISORD, is_secret_variable

NUMBER, HOST_NAME, HOME = "process_num", "host_node_name", "ENV_HOME"
_FROM_ELSEWHERE = re.compile(rf"%\({expansion.ENVIRONMENT.pattern}\)s")


class Text(NamedTuple):
    """A value of the inventory, and whether it is a format of supervisord's."""

    value: str
    is_format: bool = False

    def as_format(self) -> str:
        """The same where the inventory expects formats."""
        return self.value if self.is_format else self.value.replace("%", "%%")


def text_of(values: Sequence[str], raw: str, known: Mapping[str, str], *, is_path: bool = False) -> "Text | None":
    """The text with these values (one for each process) that is written `raw`; None if the inventory cannot say it.

    `known`: what stands for the same everywhere. A path that the inventory must know has no variable but the home.
    """
    names = expansion.variables(raw)
    stay = {name for name in names if _stays(name, is_path=is_path)}
    is_same = len(set(values)) == 1
    if not (is_same and stay <= {NUMBER}) and names <= stay | {*known}:
        return Text(expansion.written_out(raw, known), is_format=True)
    return Text(values[0]) if is_same else None


def _stays(name: str, *, is_path: bool) -> bool:
    if is_path:
        return name in (NUMBER, HOME)
    return name in (NUMBER, HOST_NAME) or bool(expansion.ENVIRONMENT.fullmatch(name))


def raw_environment(raw: str) -> dict[str, str]:
    """The variables of an environment as they are written; none if it cannot be split without expanding it.

    Source: `dict_of_key_value_pairs` in `supervisor/datatypes.py`.
    """
    lexer = shlex.shlex(raw)
    lexer.wordchars += "/.+-():%"
    try:
        words = list(lexer)
    except ValueError:
        return {}
    parts = [words[start : start + 3] for start in range(0, len(words), 4)]
    return {part[0]: part[2].strip("'\"") for part in parts if len(part) == 3 and part[1] == "="}


def put_environment(found: Mapping[str, Text], place: tuple[str, ...], into: Imported) -> dict[str, Text]:
    """Put secrets where they belong, without their values; the other variables are returned.

    What comes from supervisord's own environment is no secret here.
    """
    plain = {}
    for variable, text in found.items():
        if not is_secret_variable(variable, text.value) or (text.is_format and _FROM_ELSEWHERE.fullmatch(text.value)):
            plain[variable] = text
        elif place[0] == "programs":
            secret = re.sub(r"\W", "_", variable.lower())
            into.put(secret, *place, "environment_secrets", variable)
            into.put_secret(secret)
            into.explained[SUPERVISORD, f"program {place[1]}", f"environment.{variable}"] = ""
            advice = f"say where its value comes from: secrets.{secret} (docs/guide/secrets.md)"
            into.leave_out(SUPERVISORD, f"program {place[1]}: the value of {variable}", advice)
        else:
            advice = "give it to the programs that need it, in environment_secrets"
            into.leave_out(SUPERVISORD, f"supervisord: the value of {variable}", advice)
    return plain


def put_texts(found: Mapping[tuple[str, ...], Text], place: tuple[str, ...], into: Imported) -> None:
    """Put texts below `place`; if one is a format, all of them are."""
    expand = any(text.is_format for text in found.values())
    if expand:
        into.put(True, *place, "expand")
    for key, text in found.items():
        into.put(text.as_format() if expand else text.value, *place, *key)
