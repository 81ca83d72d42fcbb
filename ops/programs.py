"""The programs that supervisord runs on a host: their states, and what can be asked of them."""

import base64
import difflib
import json
from dataclasses import dataclass

from ops.connection import Remote
from ops.errors import BadInput, HostError
from ops.schema import Host
from ops.snapshot import place_lines

ENDED_BADLY = ("FATAL", "BACKOFF", "UNKNOWN")


@dataclass(frozen=True)
class ProgramState:
    """One program as supervisord sees it; `uptime` in seconds, 0 where it does not run."""

    name: str
    state: str
    pid: int
    uptime: int
    detail: str

    @property
    def needs_attention(self) -> bool:
        """Whether it should run and does not."""
        return self.state in ENDED_BADLY or (self.state == "EXITED" and bool(self.detail))


@dataclass(frozen=True)
class Report:
    """supervisord ("up", "down" or "deaf", with its pid) and what it said of the programs."""

    supervisord: str
    pid: int | None
    programs: list[ProgramState]
    done: list[dict[str, object]]


def ask_supervisord(remote: Remote, action: str, names: list[str] | None = None) -> Report:
    """Do `action` (see remote/programs.sh) with the programs `names`. Raises HostError if it failed."""
    request = [
        f"state_dir {remote.host.state_dir}",
        *place_lines(remote.host),
        f"action {action}",
        *(f"name {name}" for name in names or []),
    ]
    answer = remote.ask("programs", request)
    state, pid, facts, failed, evidence = "", "", [], False, ""
    for line in answer:
        kind, _, value = line.partition(" ")
        if kind == "supervisord":
            state, _, pid = value.partition(" ")
        elif kind == "failed":
            failed = True
        elif kind == "evidence":
            evidence = base64.b64decode(value).decode(errors="replace").strip()
        elif line.startswith("{"):
            facts.append(json.loads(line))
    if failed or not answer or answer[-1] != "end":
        raise HostError(remote.host.name, f"'{action}' failed:\n{evidence or '(the host said nothing)'}")
    return Report(state, int(pid) if pid else None, [_state(fact) for fact in facts if "since" in fact], facts)


def need_supervisord(host: Host, report: Report) -> None:
    """Raise HostError, which says what to do, unless supervisord can be asked."""
    if report.supervisord == "down":
        raise HostError(
            host.name,
            "supervisord is not running, and none of its programs is",
            left="everything",
            next_step=f"fab -H {host.name} start-supervisord",
        )
    if report.supervisord == "deaf":
        raise HostError(
            host.name,
            f"supervisord runs as process {report.pid}, but its socket {host.supervisor.socket} is gone",
            left="everything",
            next_step=f"'kill -HUP {report.pid}' on the host makes it again, and restarts the programs",
        )


def chosen_programs(host: Host, given: str | None) -> list[str]:
    """The programs that `--programs` names, all without it. Raises BadInput with the nearest names."""
    if given is None:
        return list(host.programs)
    names = [name for name in (part.strip() for part in given.split(",")) if name]
    for name in names:
        if name not in host.programs:
            near = difflib.get_close_matches(name, host.programs, cutoff=0.5) or list(host.programs)
            known = f"nearest: {', '.join(near)}" if near else "it has none"
            raise BadInput(f"{host.name} has no program {name!r}; {known}. Nothing was touched.")
    if not names:
        raise BadInput("--programs names no program. Nothing was touched.")
    return names


def _state(fact: dict[str, object]) -> ProgramState:
    runs = fact["state"] in ("RUNNING", "STARTING")
    now, since = int(str(fact["now"])), int(str(fact["since"]))
    detail = str(fact["error"])
    if fact["state"] == "EXITED" and fact["exitstatus"]:
        detail = f"ended with status {fact['exitstatus']}"
    elif fact["state"] == "STOPPED":
        detail = "stopped on purpose" if since else "not started yet"
    return ProgramState(
        str(fact["program"]),
        str(fact["state"]),
        int(str(fact["pid"])),
        max(0, now - since) if runs else 0,
        detail,
    )
