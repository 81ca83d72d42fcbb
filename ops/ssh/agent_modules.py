"""The agent's modules as they travel, and what each imports.

They are prepared once, because to parse them takes longer than a login, and kept beside Python's own compiled files,
if the account may write there.
"""

import contextlib
import json
import os
from pathlib import Path
from threading import Lock
from typing import NamedTuple

FOLDER = Path(__file__).parents[1] / "agent"
PREPARER = Path(__file__).with_name("agent_source.py")
PARSER = Lock()  # Python's own does not bear several threads at once: "AST constructor recursion depth mismatch"


class Prepared(NamedTuple):
    """A module's text, the modules of ours that it imports, and those that only a function of it imports."""

    text: str
    imports: list[str]
    late_imports: list[str]


def file_of(name: str) -> Path:
    """The file of a dotted module."""
    return FOLDER / f"{name.rpartition('.')[2]}.py"


def prepared(name: str) -> Prepared:
    """A dotted module of the agent. Raises OSError if there is none."""
    path = file_of(name)
    kept = FOLDER / "__pycache__" / f"{path.stem}.agent.json"
    stamp = [[found.st_mtime_ns, found.st_size] for found in (path.stat(), PREPARER.stat())]
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        read = json.loads(kept.read_bytes())
        if read["stamp"] == stamp:
            return Prepared(read["text"], read["imports"], read["late_imports"])
    from ops.ssh.agent_source import prepare  # rarely needed, and not for free

    with PARSER:
        made = Prepared(*prepare(path.read_text(encoding="utf-8")))
    with contextlib.suppress(OSError):
        kept.parent.mkdir(exist_ok=True)
        new = kept.with_suffix(f".{os.getpid()}.new")
        new.write_text(json.dumps({"stamp": stamp} | made._asdict()), encoding="utf-8")
        new.replace(kept)
    return made
