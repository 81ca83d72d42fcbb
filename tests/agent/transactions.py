"""Runs changes here: the agent's transaction in this process, or started as a host would start it."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ops.agent.apache_messages import ApacheConfiguration
from ops.agent.messages import Done, Message
from ops.agent.operator_words import LOST
from ops.agent.service_messages import Note, SupervisordPlace
from ops.agent.transaction import change_host
from ops.agent.transaction_messages import (
    ApacheCommands,
    ChangedFile,
    ChangeEnded,
    ChangeFailed,
    NewRelease,
    RequiredValidation,
    StepBegun,
    TransactionRequest,
    Verdict,
    VerdictWanted,
)
from ops.ssh.agent_answers import read_messages
from ops.ssh.agent_start import GREETING
from tests.agent import local_agent
from tests.agent.shells import executable

M = TypeVar("M", bound=Message)
KEEP = Verdict()
ABSENT = "absent"
VERDICT = "verdict"  # the step at which the host waits for it
OLD, NEW = b"# old\n", b"# new\n"


@dataclass
class Ran:
    """What a change told."""

    messages: list[Message] = field(default_factory=list)

    def all(self, kind: type[M]) -> list[M]:
        """Its messages of one kind."""
        return [message for message in self.messages if isinstance(message, kind)]

    @property
    def ended(self) -> str:
        """How it ended; "" if it did not say."""
        found = self.all(ChangeEnded)
        return found[-1].how if found else ""

    @property
    def failed(self) -> ChangeFailed:
        """Why it failed."""
        (found,) = self.all(ChangeFailed)
        return found

    @property
    def notes(self) -> list[str]:
        """What the operator reads."""
        return [note.text for note in self.all(Note)]

    @property
    def steps(self) -> list[str]:
        """The steps that it began."""
        return [step.step for step in self.all(StepBegun)]


class ScriptedWords:
    """STAND-IN for the operator's side: it says `verdict` once step `at` begins."""

    def __init__(self, verdict: Verdict, at: str) -> None:
        self._verdict = verdict
        self._at = at
        self._said: Verdict | None = None

    def begun(self, step: str) -> None:
        """A step begins."""
        if step == self._at:
            self._said = self._verdict

    @property
    def unwanted(self) -> str:
        """As OperatorWords has it."""
        return self._said.reason if self._said else ""

    def listen_on(self, *, is_needed: bool) -> None:
        """As OperatorWords has it; nothing more is said."""

    def hear(self, reason: str) -> None:
        """As OperatorWords has it."""
        self._said = Verdict(reason=reason)

    is_ended_by_operator = False

    def decide(self, said: Verdict) -> None:
        """As OperatorWords has it."""
        self._said = said

    def end(self) -> None:
        """As OperatorWords has it; nothing more is said."""

    def has_read_the_end(self, _: float) -> bool:
        """As OperatorWords has it."""
        return True

    def verdict(self) -> Verdict:
        """As OperatorWords has it, at the end of the input."""
        self._said = self._said or Verdict(reason=LOST)
        return self._said


def carry_out(request: TransactionRequest, verdict: Verdict = KEEP, at: str = VERDICT) -> Ran:
    """The change in this process, without an operator's side; `verdict` is said as step `at` begins."""
    ran, words = Ran(), ScriptedWords(verdict, at)

    def tell(message: Message) -> None:
        ran.messages.append(message)
        if isinstance(message, StepBegun):
            words.begun(message.step)

    change_host(copied(request), words, tell)  # type: ignore[arg-type] # a stand-in
    return ran


def copied(request: TransactionRequest) -> TransactionRequest:
    """The request as the host reads it."""
    return msgspec.json.decode(msgspec.json.encode(request), type=TransactionRequest)


def started(
    request: TransactionRequest,
    respond: Callable[["subprocess.Popen[bytes]", Message], None] = lambda _running, _message: None,
    **how: Any,
) -> Ran:
    """The change by a started agent; `respond` gets each message as it comes, and may write to its input."""
    with local_agent.start("dash", request, **how) as running:
        ran = Ran()
        for message in messages_of(running):
            if not isinstance(message, Done):
                ran.messages.append(message)
            respond(running, message)
    return ran


def messages_of(running: "subprocess.Popen[bytes]") -> Iterator[Message]:
    """The messages of a started agent, as they come."""
    assert running.stdout
    lines = (raw.decode().rstrip("\n") for raw in running.stdout)
    assert next(lines, "") == GREETING, running.stderr and running.stderr.read().decode()
    return read_messages("here", lines)


def say(running: "subprocess.Popen[bytes]", *verdicts: Verdict) -> None:
    """Say this as the operator's side."""
    assert running.stdin
    running.stdin.write(b"".join(msgspec.json.encode(verdict) + b"\n" for verdict in verdicts))
    running.stdin.flush()


def keep(running: "subprocess.Popen[bytes]", message: Message) -> None:
    """Respond to the question for a verdict by keeping the change."""
    if isinstance(message, VerdictWanted):
        say(running, KEEP)


def digest(content: bytes) -> str:
    """SHA-256 in hex."""
    return sha256(content).hexdigest()


def seen(path: Path) -> str:
    """The digest of a file as it is."""
    return digest(path.read_bytes()) if path.exists() else ABSENT


@dataclass
class FakeHost:
    """Places for a change in a temporary folder; its configuration test fails on a file that holds BROKEN."""

    root: Path

    def __post_init__(self) -> None:
        for folder in ("conf.d", "home", "state"):
            (self.root / folder).mkdir()
        executable(
            self.root / "configtest",
            f'#!/bin/sh\nif grep -l BROKEN "{self.root}"/conf.d/*.conf; then echo "Syntax error" >&2; exit 1; fi\n',
        )
        executable(self.root / "reload", f'#!/bin/sh\ncat "{self.root}"/conf.d/*.conf >>"{self.root}/reloaded"\n')

    @property
    def conf(self) -> Path:
        """The Apache file that the tests change."""
        return self.root / "conf.d" / "ssl.conf"

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.root / "state"

    @property
    def place(self) -> SupervisordPlace:
        """A supervisord that does not run."""
        home = self.root / "home"
        return SupervisordPlace(conf=f"{home}/supervisord.conf", socket=f"{home}/s.sock", state_dir=str(self.state))

    def request(self, *files: ChangedFile, name: str = "r1", **fields: Any) -> TransactionRequest:
        """A request that changes `files` and reloads Apache; `fields` are others of its fields, or of its record."""
        record = {
            "host": fields.pop("host", "{}"),
            "meta": [f"release {name}", *fields.pop("meta", [])],
            "manifest": [f"{one.wanted} {one.mode} {one.path}" for one in files if one.wanted != ABSENT],
            "keep": fields.pop("keep", 20),
            "home": fields.pop("home", ""),
        }
        values: dict[str, Any] = {
            "supervisord": self.place,
            "activate": ":",
            "owner": "tester, deploy r1",
            "record": NewRelease(**record),
            "files": list(files),
            "directories": [f"{self.root}/home/private/config"],
            "reloads": ["apache"],
            "apache": self.apache(),
            "commands": self.commands(),
            "validation": RequiredValidation(),
        }
        return TransactionRequest(**(values | fields))

    def apache(self, *ports: int) -> ApacheConfiguration:
        """Its Apache, which must answer on these ports."""
        return ApacheConfiguration(
            httpd=f"{self.root}/configtest",
            server_root=f"{self.root}/etc",
            log_dir=f"{self.root}/logs",
            ports=list(ports),
        )

    def commands(self, reload: str = "reload", start: str = "") -> ApacheCommands:
        """Its commands, by the names of files."""
        return ApacheCommands(
            configtest=[f"{self.root}/configtest"],
            reload=[f"{self.root}/{reload}"],
            start=[f"{self.root}/{start}"] if start else [],
        )

    def left_over(self) -> list[str]:
        """Staged files and locks that should not be there after the end."""
        hidden = [path.name for path in self.conf.parent.iterdir() if path.name.startswith(".")]
        left = hidden + [path.name for path in self.state.iterdir() if path.name.startswith(("incoming", "pending"))]
        lock = self.state / "lock"
        return left + (["lock"] if lock.exists() and lock.read_bytes() else [])


def write(path: Path, content: bytes, found: str | None = None, **fields: Any) -> ChangedFile:
    """A file to write; `found` is the digest that the plan found, by default that of the file as it is."""
    values = {"mode": "0644", "seen": seen(path) if found is None else found, "wanted": digest(content)} | fields
    return ChangedFile(path=str(path), content=content.decode("latin-1"), **values)


def removal(path: Path) -> ChangedFile:
    """A file to remove."""
    return ChangedFile(path=str(path), mode="0644", seen=seen(path), wanted=ABSENT)
