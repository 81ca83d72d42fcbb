"""The request to change a host as a whole, what the operator's side says during it, and the answers."""

from ops.agent.apache_messages import ApacheConfiguration, IdentityProbe, ProbedDoor
from ops.agent.messages import Message
from ops.agent.service_messages import App, Software, SupervisordPlace


class ChangedFile(Message):
    """A file to write or remove; `seen` and `wanted` are SHA-256 in hex, or "absent": no file.

    `seen` is what the plan found. `content`: each byte as the character of its number (Latin-1), which can be
    compressed; base64 cannot. `mode` is octal, as "0644". `parser`: what validates it: "supervisord", "uwsgi",
    "start-program" (uWSGI, which is started by it), or "".
    """

    path: str
    mode: str
    seen: str
    wanted: str
    content: str = ""
    parser: str = ""


class ApacheCommands(Message):
    """The words of Apache's commands: its configuration test; the reload that the change needs; a restart.

    The restart starts an Apache that has ended.
    """

    configtest: "list[str]"
    reload: "list[str]"
    start: "list[str]"


class RequiredValidation(Message):
    """The least level of validation of Apache's files, "" for none; `is_waived`: the operator accepts less.

    Without an identity `probe`, `no_probe` says why there is none.
    """

    minimum: str = ""
    is_waived: bool = False
    probe: "IdentityProbe | None" = None
    no_probe: str = ""


class NewRelease(Message):
    """What is recorded with the release.

    `host`: the values for a rollback to it, as JSON; `meta`: its facts, the first is its name; `manifest`: each
    managed file, as "DIGEST MODE PATH"; `keep`: how many releases are kept. `home`: the account's, where a note names
    the state folder.
    """

    host: str
    meta: "list[str]"
    manifest: "list[str]"
    keep: int
    home: str


class BakeWanted(Message):
    """The change stays on trial for so many `seconds` under real traffic, before it is kept.

    `needs_operator`: a lost connection rolls back, as before the bake. `app`: the one whose traffic is compared;
    `log`: its uWSGI's, with the `patterns` of the parts of a line (ops/formats/uwsgi_log.py).
    """

    seconds: int
    app: str
    log: str
    patterns: "dict[str, str]"
    needs_operator: bool = False


class TransactionRequest(Message):
    """Change the host as a whole, or leave it as it was.

    `owner`: the text of the lock. `directories` are made. `reloads`: "apache", "supervisord start|apply|restart",
    "program HOW NAME", or "current"; `applied`: the only groups for "supervisord apply", all if there are none.
    `logs`: what may explain a failure. `limit`: seconds of the operator's silence, after which the host rolls back.
    """

    supervisord: SupervisordPlace
    activate: str
    owner: str
    record: NewRelease
    files: "list[ChangedFile]"
    directories: "list[str]"
    reloads: "list[str]"
    apache: ApacheConfiguration
    commands: ApacheCommands
    validation: RequiredValidation
    applied: "list[str]" = []
    logs: "list[str]" = []
    apps: "list[App]" = []
    limit: int = 60
    sudo_password: str = ""
    software: "Software | None" = None
    bake: "BakeWanted | None" = None


class Verdict(Message):
    """What the operator's side says once the host has been changed, or before: keep it, or `reason` not to.

    `checks`: lines for the release record. An empty line in between is a sign of life.
    """

    reason: str = ""
    checks: "list[str]" = []


class StepBegun(Message):
    """A step of the change begins."""

    step: str


class Validated(Message):
    """What was validated, and the level that was reached."""

    level: str
    what: str


class IdentityProbed(Message):
    """The identity probe has sent requests to these doors, and every forged identity was rejected."""

    doors: "list[ProbedDoor]"


class ValidationInsufficient(Message):
    """Only this level could be reached, for this `reason`, and it is less than the minimum."""

    level: str
    reason: str


class WebServiceState(Message):
    """Whether an app serves after the change; `problem`: why not, or "".

    `program`: the state of the app's program, or ""; `is_unreached`: the app answers, but Apache does not reach it.
    """

    app: str
    problem: str = ""
    program: str = ""
    is_unreached: bool = False


class VerdictWanted(Message):
    """The host has been changed, and waits for the Verdict."""


class BakeBegun(Message):
    """The change is on trial for so many seconds, `until` then (seconds since 1970, by the host's clock)."""

    seconds: int
    until: int


class BakeLooked(Message):
    """What a bake has seen so far, a sentence a measure; at its end `seconds_left` is 0.

    `unknown`: what could not be compared with the time before.
    """

    seconds_left: int
    seen: "list[str]" = []
    worse: "list[str]" = []
    unknown: "list[str]" = []


class ChangeFailed(Message):
    """The step that failed, or what the operator's side said instead of a verdict; with evidence."""

    step: str = ""
    unwanted: str = ""
    evidence: str = ""


class ChangeEnded(Message):
    """How it ended: "committed"; "unchanged"; "rolled-back"; "files-back": the old files, but a service fails.

    Or "broken": the paths `left` could not be restored; the old files are in the folder `backups`.
    """

    how: str
    left: "list[str]" = []
    backups: str = ""
