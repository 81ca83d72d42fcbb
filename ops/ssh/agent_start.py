"""The start of the agent (`ops/agent/`) on a host: a text for its shell, and the package for its Python."""

import json
import re
import zlib
from functools import cache
from hashlib import sha256

import msgspec

from ops.agent.main import ANSWERED_BY
from ops.agent.messages import PROTOCOL, Message
from ops.ssh.agent_modules import FOLDER, file_of, prepared

GREETING = f"poms-ops agent {PROTOCOL}"  # the first line of an answer
PYTHONS = "python3 /usr/libexec/platform-python"  # the latter is EL8's


@cache
def start_text(size: int) -> str:
    """What the host's shell runs before it reads a package of `size` bytes (`ops/agent/start.sh`)."""
    lines = (FOLDER / "start.sh").read_text(encoding="utf-8").splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith("#"))
    values = {"PROTOCOL": str(PROTOCOL), "PACKAGE_BYTES": str(size), "PYTHONS": PYTHONS}
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def running(text: str) -> str:
    """The command that reads `text` from its standard input, and runs it only if it arrived complete.

    A start file of the account may consume part of it (`read x` in ~/.bashrc): then the rest is not run. The host's
    own head and sha256sum are used, not the account's functions or aliases.
    """
    digest = sha256(text.rstrip("\n").encode()).hexdigest()
    return (
        f"PATH=/usr/bin:/bin:$PATH; text=$(command head -c {len(text.encode())});"
        f' case $(command printf %s "$text" | command sha256sum) in {digest}*) eval "$text" ;;'
        ' *) echo "The program did not arrive complete, and was not run.'
        ' Something that the account runs at login (.bashrc, .profile, .cshrc) reads standard input." >&2 ;; esac'
    )


@cache
def package(*kinds: type[Message], whole: bool = False, also: tuple[str, ...] = ()) -> bytes:
    """The modules that answer these requests, and those of `also`: compressed JSON, name to source.

    With them come the modules that they import; those that a function imports only if `whole`: otherwise the agent
    asks for them when it needs them.
    """
    found: dict[str, str] = {"ops": "", "ops.agent": ""}
    answering = sorted({ANSWERED_BY[kind.__name__] for kind in kinds})
    for name in [*answering, *(f"{name}_messages" for name in answering), *also, "main"]:
        _add(f"ops.agent.{name}", found, whole=whole)
    return _packed(found)


@cache
def module(name: str) -> bytes:
    """A module that the agent asks for, with those that it imports. Raises ValueError if there is none."""
    if not re.fullmatch(r"ops\.agent\.[a-z_]+", name) or not file_of(name).is_file():
        raise ValueError(f"the agent has no module {name!r}")
    found: dict[str, str] = {}
    _add(name, found, whole=False)
    return _packed(found)


def packed_requests(*requests: Message) -> bytes:
    """Requests as the agent reads them (`ops/agent/main.py`)."""
    packed = zlib.compress(b"".join(msgspec.json.encode(request) + b"\n" for request in requests), 9)
    return f"{len(packed)}\n".encode() + packed


def _packed(modules: dict[str, str]) -> bytes:
    return zlib.compress(json.dumps(modules).encode(), 9)


def _add(name: str, found: dict[str, str], *, whole: bool) -> None:
    """Add a module and those that it imports."""
    if name in found:
        return
    made = prepared(name)
    found[name] = made.text
    for imported in [*made.imports, *(made.late_imports if whole else [])]:
        _add(imported, found, whole=whole)
