"""The account's crontab: read it, and add or remove our line."""

import contextlib
import re

from ops.agent.processes import TIMED_OUT, filtered
from ops.agent.step_failed import StepFailed

MARK = "# poms-ops start-at-boot: the next line is made by it"
SECONDS = 60.0


def read() -> str:
    """The crontab; empty if there is none. Raises StepFailed if it cannot be read."""
    code, table, said = _run("-l")
    if code == 0:
        return table.decode("utf-8", "surrogateescape")
    if b"no crontab" in said:
        return ""
    raise StepFailed(_text(said) or f"crontab -l ended with exit code {code}")


def count(text: str) -> int:
    """How many lines a crontab has."""
    return text.count("\n") + (not text.endswith("\n") and text != "")


def own_line(text: str) -> str:
    """Our line in a crontab; "" if it has none."""
    lines = text.split("\n")
    return next((line for mark, line in zip(lines, lines[1:]) if mark == MARK), "")


def with_line(text: str, line: str) -> str:
    """A crontab with our line, the last one."""
    kept = without_line(text)
    end = "" if kept.endswith("\n") or not kept else "\n"
    return f"{kept}{end}{MARK}\n{line}\n"


def without_line(text: str) -> str:
    """A crontab without our line."""
    kept, is_ours = [], False
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):  # splitlines() would split at a form feed, too
        if line.rstrip("\n") == MARK:
            is_ours = True
        elif is_ours:
            is_ours = False
        else:
            kept.append(line if line.endswith("\n") else f"{line}\n")
    return "".join(kept)


def write(before: str, text: str) -> None:
    """Write a crontab; if the result differs, the one from `before` is restored. Raises StepFailed."""
    said = _install(before, text)
    with contextlib.suppress(StepFailed):  # it cannot be read any more: it differs
        if not said and read() == text:
            return
    _install(text, before)
    raise StepFailed(f"{said}\nthe crontab differs from the one that was written; the old one is restored".strip())


def _install(before: str, text: str) -> str:
    """Why it cannot be installed, or ""; an empty one is removed."""
    if not text and not before:
        return ""
    code, out, said = _run("-" if text else "-r", text.encode("utf-8", "surrogateescape"))
    return (_text(out + said) or f"exit code {code}") if code else ""


def _run(word: str, given: bytes = b"") -> "tuple[int, bytes, bytes]":
    """Its exit code, output and standard error: only its output is the table, which may be long."""
    try:
        code, out, said = filtered(["crontab", word], given, SECONDS)
    except OSError as error:
        raise StepFailed(f"crontab: {error.strerror}") from None
    if code == TIMED_OUT:
        said = f"'crontab {word}' has not ended after {SECONDS:.0f} seconds".encode()
    return code, out, said


def _text(said: bytes) -> str:
    return said.decode("utf-8", "replace").strip()
