"""The texts that make up a supervisord.conf: its own, and those of the files that it includes, in their order."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from ops.agent.service_messages import Surroundings


def included_texts(patterns: Sequence[str], around: Surroundings) -> Iterator[str]:
    """The text of each known file that a pattern names, with the known variables; %(here)s is its own folder."""
    for path, text in around.included:
        if any(_names(pattern, path) for pattern in patterns):
            yield with_variables(text.replace("%(here)s", posixpath.dirname(path)), around.variables)


def _names(pattern: str, path: str) -> bool:
    """Whether a pattern names the path, as glob does it: in each folder's name for itself."""
    parts, names = (posixpath.normpath(one).split("/") for one in (pattern, path))
    return len(parts) == len(names) and all(map(fnmatchcase, names, parts))


def with_variables(text: str, variables: dict[str, str]) -> str:
    """The text with the values that are on one line and have no %, which supervisord would expand again."""
    for name, value in variables.items():
        if not re.search(r"[%\n]", value):
            text = text.replace(f"%(ENV_{name})s", value)
    return text
