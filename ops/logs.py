"""The logs of a host's programs: their last lines, and the new ones as they come."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ops.connection import Dialogue, Heartbeat, Remote
from ops.errors import Unreachable
from ops.schema import Host
from ops.supervisor import log_files

SILENCE = 25.0  # seconds without a beat (the host's comes every 10) after which the line is dead


@dataclass(frozen=True)
class LogRequest:
    """Which lines: the last `lines` of each log that match `pattern` (a basic regular expression, "" for all)."""

    lines: int
    pattern: str
    follow: bool


def log_paths(host: Host, names: list[str]) -> list[tuple[str, str]]:
    """(label, path) of each log of the programs `names`, each path once."""
    found: dict[str, str] = {}
    for name in names:
        for key, path in log_files(name, host.programs[name], host.log_dir).items():
            found.setdefault(path, f"{name} (stderr)" if key == "stderr_logfile" else name)
    return [(label, path) for path, label in found.items()]


def read_logs(remote: Remote, names: list[str], wanted: LogRequest, show: Callable[[str, str], None]) -> None:
    """Give each line to `show(label, text)`; with `follow` until interrupted. Raises Unreachable if the line dies."""
    logs = log_paths(remote.host, names)
    request = [f"lines {wanted.lines}", f"follow {'yes' if wanted.follow else 'no'}"]
    request += [f"pattern {wanted.pattern}"] if wanted.pattern else []
    request += [f"log {path}" for _, path in logs]
    dialogue = remote.start("tail", [*request, "end"])
    with Heartbeat(dialogue) if wanted.follow else contextlib.nullcontext():
        for line in _lines(dialogue, wanted.follow):
            kind, _, value = line.partition(" ")
            if kind == "line":
                number, _, text = value.partition(" ")
                show(logs[int(number) - 1][0], text)
            elif kind in ("missing", "unreadable"):
                label, path = logs[int(value) - 1]
                show(label, f"({path} cannot be read)" if kind == "unreadable" else f"(no log yet: {path})")


def _lines(dialogue: Dialogue, follow: bool) -> Iterator[str]:
    if follow:
        dialogue.channel.settimeout(SILENCE)
    yield from dialogue.lines()
    if follow:
        raise Unreachable(dialogue.host, "the stream of log lines ended", next_step="start it again")
