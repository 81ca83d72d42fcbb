"""What a host reports of a change, and the error if the change was not committed."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ops.agent.apache_messages import LockRefused, Unvalidated
from ops.agent.doctor_messages import SelinuxAccess
from ops.agent.messages import Message
from ops.agent.service_messages import Note, ProgramChanged, StartRefused
from ops.agent.transaction_messages import (
    BakeBegun,
    BakeLooked,
    ChangeEnded,
    ChangeFailed,
    IdentityProbed,
    StepBegun,
    Validated,
    ValidationInsufficient,
    VerdictWanted,
    WebServiceState,
)
from ops.deploy import bake, selinux
from ops.errors import HostError
from ops.schema import Host
from ops.services import supervisord_survival
from ops.services.lock_refusal import refusal
from ops.services.web_service import Service
from ops.text import age

STEPS = {
    "stage": "sending the new files",
    "directories": "making folders",
    "keep": "backing up the current files",
    "prove": "validating the new files",
    "look": "running checks before the change",
    "swap": "putting the new files in place",
    "configtest": "Apache's configuration test",
    "reload-apache": "reloading Apache",
    "start-supervisord": "starting supervisord",
    "apply-programs": "restarting programs with new settings",
    "restart-supervisord": "restarting supervisord",
    "switch-version": "making the version current",
    "check": "checking what was reloaded",
    "verdict": "running smoke checks",
    "bake": "on trial under real traffic",
    "commit": "recording the release",
    "put-back": "ROLLING BACK",
    "recover": "ROLLING BACK a deploy that was killed",
}

BEFORE_THE_SWAP = ("", "stage", "directories", "keep", "prove", "look")


@dataclass
class Transcript:
    """What the host has reported so far; `asks` is true once it waits for the verdict.

    `still`: the smoke checks that fail even after the rollback. `bake_until`: when its bake ends, in seconds since
    1970 by the host's clock, from its begin to the end of the change; `worse`: what it found.
    """

    host: Host
    report: Callable[[str], None]
    programs: list[tuple[str, str, str]] = field(default_factory=list)
    validations: list[str] = field(default_factory=list)
    unvalidated: list[str] = field(default_factory=list)
    insufficient: ValidationInsufficient | None = None
    accesses: list[selinux.Access] = field(default_factory=list)
    not_back: str = ""
    failure: str = ""
    evidence: str = ""
    step: str = ""
    ended: str = ""
    still: str = ""
    unstartable: tuple[str, str] | None = None
    asks: bool = False
    services: list[Service] = field(default_factory=list)
    bake_until: int | None = None
    worse: list[str] = field(default_factory=list)
    error: HostError | None = None

    def read(self, message: Message) -> None:
        """Read one message of the host. Raises LockHeld or HostError if the host's lock cannot be had."""
        match message:
            case LockRefused():
                raise refusal(self.host, message)
            case StepBegun():
                self.step = message.step
                self.report(_step(message.step))
            case Note():
                self.report(message.text)
            case Validated():
                self.validations.append(f"validated ({message.level}): {message.what}")
                self.report(self.validations[-1])
            case Unvalidated():
                self.unvalidated.append(message.what)  # printed with the result
            case IdentityProbed():
                self._read_probed(message)
            case ValidationInsufficient():
                self.insufficient = message
            case SelinuxAccess():
                self._read_access(message)
            case StartRefused():
                self.unstartable = supervisord_survival.refused(self.host, message)
            case ProgramChanged():
                self.programs.append((message.program or "supervisord", message.did, message.state))
            case WebServiceState():
                self.services.append(Service(message.app, message.problem, message.program, message.is_unreached))
            case VerdictWanted():
                self.asks = True
            case BakeBegun() | BakeLooked():
                self._read_bake(message)
            case ChangeFailed() | ChangeEnded():
                self._read_end(message)

    def _read_probed(self, message: IdentityProbed) -> None:
        total = sum(door.requests for door in message.doors)
        self.report(f"identity probe passed: {total} requests, every forged identity was rejected")
        for door in message.doors:
            opened = "; a template lets in whoever asks, without an identity" if door.is_open else ""
            self.report(f"identity probe: port {door.port}, {door.path}: {door.requests} requests{opened}")

    def _read_access(self, message: SelinuxAccess) -> None:
        try:
            self.accesses.append(selinux.read(message))
        except ValueError as error:
            self.report(f"not understood: {error}")
        else:
            self.report(f"SELinux: {self.accesses[-1].describe()}")

    def _read_bake(self, message: BakeBegun | BakeLooked) -> None:
        if isinstance(message, BakeBegun):
            self.bake_until = message.until
            self.report(f"bake: {bake.begun(self.host, message)}")
            return
        self.worse = message.worse
        if message.seconds_left == 0:
            self.unvalidated += [f"bake: {text}" for text in message.unknown]
        left = f", {age(message.seconds_left)} left" if message.seconds_left else ""
        for text in [*message.seen, *message.unknown]:
            self.report(f"bake{left}: {text}")
        for text in message.worse:
            self.report(f"bake{left}: CLEARLY WORSE: {text}")

    def _read_end(self, message: ChangeFailed | ChangeEnded) -> None:
        if isinstance(message, ChangeEnded):
            self.ended = message.how
            if message.left:
                self.not_back = (
                    f"could not be restored: {' '.join(message.left)}; the old files are in {message.backups}"
                )
        else:
            self.failure = message.unwanted or self._failure_of(message.step)
            self.evidence = "" if self.worse and message.step == "bake" else message.evidence.rstrip()

    def _failure_of(self, step: str) -> str:
        if step == "bake" and self.worse:
            return f"the host is clearly worse with this release: {'; '.join(self.worse)}"
        return f"{_step(step)} failed"


def _step(name: str) -> str:
    return STEPS.get(name, name.replace("reload-", "reloading ", 1))


def failed(transcript: Transcript, stderr: str, *, interrupted: bool) -> HostError:
    """The error for a change that was not committed; `stderr`: what the host's shell and tools printed to it."""
    if not transcript.ended and transcript.step in BEFORE_THE_SWAP:
        transcript.ended = "unchanged"
    left, outcome = {
        "unchanged": ("nothing was modified", "nothing changed"),
        "rolled-back": (
            "everything: the old files are restored, and the services have reloaded them",
            "rolled back",
        ),
        "files-back": (
            "the old files are restored, but a service is not as before (see above and fab status)",
            "rolled back, but a service is not as before",
        ),
        "broken": (
            f"NOT everything: {transcript.not_back or 'a file could not be restored'}",
            "NOT rolled back: a file could not be restored",
        ),
    }.get(
        transcript.ended,
        ("unknown; the next deploy (or fab recover) rolls this one back first", "UNKNOWN"),
    )
    if transcript.still:
        left, outcome = f"the old files are restored, but {transcript.still}", "rolled back, but a smoke check fails"
    if transcript.insufficient:
        return _not_validated(transcript.host, transcript.insufficient)
    if denied := selinux.refusal(transcript.accesses):
        return _denied(transcript, *denied)
    next_step = "deploy again when you want" if interrupted else "fix the error above and deploy again"
    if transcript.ended == "broken":
        host = transcript.host
        next_step = f"make the file and its folder writable for {host.account}, then fab -H {host.name} recover"
    if transcript.unstartable and transcript.ended == "unchanged":
        transcript.failure, next_step = transcript.unstartable
        transcript.evidence = ""
    failure = (
        transcript.failure
        or transcript.not_back
        or (transcript.error.message if transcript.error else stderr)
        or "the host ended the transaction without a message"
    )
    is_whole = transcript.ended in ("unchanged", "rolled-back") and not transcript.still
    shows = transcript.evidence and not (is_whole and interrupted)  # nothing went wrong
    said = f"; the last output of the host's tools:\n{_indented(transcript.evidence)}" if shows else ""
    return HostError(
        transcript.host.name,
        f"{failure}{said}",
        left=left,
        next_step=next_step,
        outcome=outcome,
    )


def _not_validated(host: Host, insufficient: ValidationInsufficient) -> HostError:
    return HostError(
        host.name,
        f"this host can validate Apache's new files only up to {insufficient.level}; deploy.validation requires "
        f"{host.deploy.validation}. Reason: {insufficient.reason or 'unknown'}",
        left="nothing was modified",
        next_step=f"remove the reason; fab -H {host.name} doctor checks it. If you cannot, lower deploy.validation "
        "and set deploy.validation_reason; to deploy once without validation: --unvalidated",
        outcome="not validated",
    )


def _denied(transcript: Transcript, what: str, commands: str) -> HostError:
    name = transcript.host.name
    return HostError(
        name,
        f"SELinux would block the app: {what}",
        left="nothing was modified",
        next_step=f"{commands}; fab -H {name} doctor checks it again. To deploy anyway: --unvalidated",
        outcome="SELinux denies it",
    )


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
