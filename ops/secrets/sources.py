"""The sources of secrets: values that templates use and that are in no file of this project.

A value is read when it is needed, once a run, from a command's output, a file or the environment of the operator's
side. A command's standard error is never shown, since it may contain the value.
"""

import os
import selectors
import stat
import subprocess
import time
import unicodedata
from functools import cache
from typing import IO

import jinja2

from ops.errors import BadInput
from ops.schema import Host, Secret
from ops.secrets import masking
from ops.secrets.redaction import placeholder
from ops.text import did_you_mean

LONGEST = 65_536  # bytes
COMMAND_SECONDS = 60  # seconds for a command, which may have to ask the operator


class Secrets:
    """The object `secrets` of a template: `secrets.NAME` is the value, or with `values` off a placeholder for it.

    Raises BadInput for a value that cannot be read. A secret may have any name, so there is no public attribute.
    """

    def __init__(self, host: Host, *, values: bool) -> None:
        self._host = host
        self._values = values
        self._used: list[str] = []

    def __getattr__(self, name: str) -> object:
        given = self._host.secrets
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in given:
            return jinja2.StrictUndefined(f"there is no secret {name!r}{did_you_mean(name, given)}", name=name)
        if name not in self._used:
            self._used.append(name)
        return value_of(self._host, name) if self._values else placeholder(name)

    def __str__(self) -> str:
        raise TypeError("secrets cannot be printed as a whole: write secrets.NAME")


def names_used(secrets: Secrets) -> tuple[str, ...]:
    """The names that a template has used so far."""
    return tuple(secrets._used)


def value_of(host: Host, name: str) -> str:
    """The value of the secret `name`, which the output masks from now on. Raises BadInput if it cannot be read."""
    secret = host.secrets[name]
    try:
        value = _taken(*_source(secret))
    except _UnusableError as error:
        raise BadInput(f"{host.name}: secrets.{name}: {error}. Nothing was touched.") from None
    masking.add_secret(value)
    return value


def described(secret: Secret) -> str:
    """The source of the value, for a message; of a command only its name, since its arguments may be secret too."""
    if secret.command:
        return f"the command {secret.command[0]}"
    return f"the file {secret.file}" if secret.file else f"${secret.env} of the environment"


class _UnusableError(Exception):
    """Why a secret has no value; the text has no part of the value."""


def _source(secret: Secret) -> tuple[str, tuple[str, ...], int]:
    if secret.command:
        return "command", tuple(secret.command), secret.seconds or COMMAND_SECONDS
    return ("file", (str(secret.file),), 0) if secret.file else ("env", (str(secret.env),), 0)


@cache
def _taken(kind: str, words: tuple[str, ...], seconds: int) -> str:
    """The text without line breaks at its end. Read once a run, also if several hosts and names share the source."""
    if kind == "command":
        data, whose = _from_command(words, seconds), f"its command ({words[0]}) printed"
    elif kind == "file":
        data, whose = _from_file(words[0]), f"its file {words[0]} holds"
    else:
        data, whose = os.environb.get(os.fsencode(words[0]), b""), f"the environment's {words[0]} holds"
        if not data:
            raise _UnusableError(f"{words[0]} is not set in the environment, or empty")
    if len(data) > LONGEST:
        raise _UnusableError(f"{whose} more than {LONGEST} bytes")
    try:
        text = data.decode("utf-8-sig").rstrip("\r\n").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise _UnusableError(f"{whose} bytes that are not UTF-8 text") from None
    if not text.strip():
        raise _UnusableError(f"{whose} nothing")
    if any(unicodedata.category(char) == "Cc" and char not in "\n\t" for char in text):
        raise _UnusableError(f"{whose} control characters")
    return text


def _from_file(path: str) -> bytes:
    try:
        # By a descriptor: Path.open would wait for the other end of a pipe.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123 - of a descriptor
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise _UnusableError(f"its file {path} is not a regular file")
            if found.st_mode & (stat.S_IROTH | stat.S_IWOTH):
                mode = stat.S_IMODE(found.st_mode)
                raise _UnusableError(f"its file {path} is open to everybody (mode {mode:04o}): chmod 600 it")
            return file.read(LONGEST + 1)
    except OSError as error:
        raise _UnusableError(f"its file {path} cannot be read: {error.strerror}") from None


def _from_command(words: tuple[str, ...], seconds: int) -> bytes:
    """The output of the command. It may ask on the terminal; its standard input is empty."""
    end = time.monotonic() + seconds
    try:
        nothing, pipe = subprocess.DEVNULL, subprocess.PIPE
        running = subprocess.Popen(words, stdin=nothing, stdout=pipe, stderr=nothing)  # noqa: S603 - the inventory's
    except OSError as error:
        raise _UnusableError(f"its command ({words[0]}) cannot be run: {error.strerror}") from None
    try:
        data = _read(running.stdout, end) if running.stdout else b""
        if len(data) <= LONGEST:
            running.wait(max(0.1, end - time.monotonic()))
    except (TimeoutError, subprocess.TimeoutExpired):
        raise _UnusableError(f"its command ({words[0]}) did not end within {seconds} s") from None
    finally:
        running.kill()
        running.wait()
        if running.stdout:
            running.stdout.close()
    if running.returncode and len(data) <= LONGEST:
        how = f"exit code {running.returncode}" if running.returncode > 0 else f"signal {-running.returncode}"
        raise _UnusableError(f"its command ({words[0]}) ended with {how}; run it yourself to see its messages")
    return data


def _read(stream: IO[bytes], end: float) -> bytes:
    """The content of the stream, or a little more than the limit. Raises TimeoutError at `end`."""
    data = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while len(data) <= LONGEST:
            if not selector.select(max(0.0, end - time.monotonic())):
                raise TimeoutError
            more = os.read(stream.fileno(), LONGEST)
            if not more:
                break
            data += more
    return data
