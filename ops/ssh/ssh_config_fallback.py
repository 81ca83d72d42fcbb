"""Reading ssh_config on a machine without ssh: by paramiko's reader, which knows less (docs/decisions/ssh-config.md).

A line that it cannot read, or would read differently from ssh, is refused with file and line.
"""

import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fabric
import paramiko

from ops.errors import BadInput
from ops.paths import expand_home
from ops.ssh.ssh_config_query import config_files
from ops.ssh.ssh_config_values import NOTHING_TOUCHED, Values
from ops.text import escape_control_chars

_COMMENT = re.compile(r"""(?:[^"'#]|"[^"]*"|'[^']*'|(?<!\s)#)*\s#""")
_INCLUDE = re.compile(r"include(?:\s*=\s*|\s+)(.*)", re.IGNORECASE)
_NO_SSH = "There is no ssh on this machine to read it"


def read(config: fabric.Config, name: str) -> Values:
    """Keywords in lower case, and their values, for `name`. Raises BadInput for a file that cannot be read."""
    files = config_files(config)
    known: Any = paramiko.SSHConfig()
    for file in files:
        if os.path.isfile(file):  # noqa: PTH113 - Path's expanduser may raise
            _parse(known, file)
        elif config._runtime_ssh_path is not None:
            raise BadInput(f"{name}: there is no ssh_config file {file}. {NOTHING_TOUCHED}")
    try:
        found = known.lookup(name)
    except Exception as error:  # noqa: BLE001 - paramiko raises many types
        why = escape_control_chars(str(error) or type(error).__name__)
        raise BadInput(f"{name}: {' or '.join(files)}: {why}. {_NO_SSH}. {NOTHING_TOUCHED}") from None
    return {key: value if isinstance(value, list) else [value or ""] for key, value in found.items()}


def _parse(known: Any, file: str) -> None:
    number = 0

    def lines(text: str) -> Iterator[str]:
        nonlocal number
        for number, line in enumerate(text.splitlines(), 1):  # noqa: B007 - the messages below use it
            _refuse_what_differs(line.strip(), Path(file).parent)
            yield line

    try:
        known.parse(lines(Path(file).read_text(encoding="utf-8-sig", errors="surrogateescape")))
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}. {NOTHING_TOUCHED}") from None
    except Exception as error:  # noqa: BLE001 - paramiko's reader fails in many ways
        raise BadInput(
            f"{file}: line {number}: {escape_control_chars(str(error))}. {_NO_SSH}. {NOTHING_TOUCHED}"
        ) from None


def _refuse_what_differs(line: str, folder: Path) -> None:
    """Raises ValueError for a line that paramiko would ignore or misread."""
    included = _INCLUDE.fullmatch(line)
    if included and any(
        glob.glob(expand_home(word.strip('"')), root_dir=folder)  # noqa: PTH207 - Path's raises
        for word in included[1].split()
    ):
        raise ValueError(f"{line}: Include cannot be read without ssh")
    if not line.startswith("#") and _COMMENT.match(line):
        raise ValueError(f"{line}: a comment after a value cannot be read without ssh")
