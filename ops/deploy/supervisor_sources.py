"""The texts that make up a supervisord.conf: its own, and those of the files that it includes, in their order."""

import posixpath
import re
from collections.abc import Iterator

from ops.agent.service_messages import Surroundings


def texts_of(text: str, around: Surroundings) -> Iterator[str]:
    """Each text with the values of the variables that are known; in an included one %(here)s is its own folder."""
    yield _with_variables(text, around.variables)
    for path, included in around.included:
        yield _with_variables(included.replace("%(here)s", posixpath.dirname(path)), around.variables)


def _with_variables(text: str, variables: dict[str, str]) -> str:
    """The text with the values that are on one line and have no %, which supervisord would expand again."""
    for name, value in variables.items():
        if not re.search(r"[%\n]", value):
            text = text.replace(f"%(ENV_{name})s", value)
    return text
