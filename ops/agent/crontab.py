"""The account's crontab: read it, and add or remove our line."""

from ops.agent.processes import NOT_STARTED, run
from ops.agent.step_failed import StepFailed

MARK = "# poms-ops start-at-boot: the next line is made by it"


def read() -> str:
    """The crontab; empty if there is none. Raises StepFailed if it cannot be read."""
    said = run(["crontab", "-l"])
    if said.code == 0:
        return said.output.decode("utf-8", "surrogateescape")
    if said.code != NOT_STARTED and "no crontab" in said.text:
        return ""
    raise StepFailed(said.text or f"crontab -l ended with exit code {said.code}")


def own_line(text: str) -> str:
    """Our line in a crontab; "" if it has none."""
    lines = text.splitlines()
    return next((line for mark, line in zip(lines, lines[1:]) if mark == MARK), "")


def with_line(text: str, line: str) -> str:
    """A crontab with our line, the last one."""
    kept = without_line(text)
    end = "" if kept.endswith("\n") or not kept else "\n"
    return f"{kept}{end}{MARK}\n{line}\n"


def without_line(text: str) -> str:
    """A crontab without our line."""
    kept, is_ours = [], False
    for line in text.splitlines(True):
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
    if said or read() != text:
        _install(text, before)
        raise StepFailed(
            f"{said}\nthe crontab differs from the one that was written; the old one is restored".strip()
        )


def _install(before: str, text: str) -> str:
    """Why it cannot be installed, or ""; an empty one is removed."""
    if not text and not before:
        return ""
    ended = run(["crontab", "-"] if text else ["crontab", "-r"], text.encode("utf-8", "surrogateescape"))
    return (ended.text or f"exit code {ended.code}") if ended.code else ""
