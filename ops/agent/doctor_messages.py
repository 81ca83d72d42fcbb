"""The request to try all that a deploy needs, and its answers."""

from ops.agent.apache_messages import ApacheConfiguration, IdentityProbe, WantedFile
from ops.agent.maintenance_messages import MaintenanceState
from ops.agent.messages import Message
from ops.agent.service_messages import (
    App,
    PortState,
    RestartSettings,
    Software,
    SoftwareState,
    StandbyState,
    SupervisordPlace,
    SupervisordState,
    SurvivalFacts,
    ThroughApache,
)


class DoctorRequest(Message):
    """What a deploy needs, tried by doing it.

    `writes`: paths where the account must be able to make a file; `grants`: (name, words behind sudo) of commands;
    `tools`: programs of the host. `lists`: the folder of revocation lists, or ""; `reload`: the words of a reload of
    Apache without sudo, which may stand in a crontab. `restart`: the words of Apache's restart, if it can only be
    restarted. `files`: all of Apache's files; `no_probe`: why there is no `probe` for them.
    """

    supervisord: SupervisordPlace
    activate: str
    apache: ApacheConfiguration
    ca_dir: str
    writes: "list[str]"
    grants: "list[tuple[str, list[str]]]"
    tools: "list[str]"
    files: "list[WantedFile]"
    probe: "IdentityProbe | None"
    no_probe: str = ""
    lists: str = ""
    reload: str = ""
    restart: "list[str]" = []
    apps: "list[App]" = []
    sudo_password: str = ""
    software: "Software | None" = None


class SudoGrant(Message):
    """Whether sudo grants a command: "yes", "no" or "password" (it wants one to tell); else what it says."""

    name: str
    granted: str
    said: str = ""


class AccountFacts(Message):
    """The account and its host, at the time `now` in seconds since 1970.

    `unwritable`: paths where it cannot make a file; `missing_tools`; `lock_problem` and `temporary_problem`: why no
    lock and no temporary file can be made, or "". What is free in the home's file system (None: it counts no inodes).
    """

    now: int
    account: str
    shell: str
    unwritable: "list[str]"
    grants: "list[SudoGrant]"
    missing_tools: "list[str]"
    lock_problem: str
    temporary_problem: str
    free_kilobytes: int
    free_inodes: "int | None"


class ApacheFacts(Message):
    """Apache, and what belongs to it.

    `version`: None if there is no program; `modules`, or why they cannot be read; `authorities`: the number of CA
    files named by their hash, None if the folder cannot be read; `lists_reloaded`: what reloads Apache after lists
    have changed, "nobody", or "" where there are none. `shibd`: it "runs", somebody only "listens" on its socket, it
    is "down", or "hidden" from this account. `maintenance` is None if none is on.
    """

    version: "str | None"
    modules: "list[str]"
    modules_problem: str
    authorities: "int | None"
    ports: "list[PortState]"
    lists_reloaded: str
    restart: "RestartSettings | None"
    shibd_version: str
    shibd: str
    through_apache: "dict[str, ThroughApache]"
    maintenance: "MaintenanceState | None" = None


class ProductFacts(Message):
    """`missing`: programs that the products do not give; supervisorctl's `python`, or why it cannot be used.

    `software`: the app's versions, if the request names it.
    """

    missing: "list[str]"
    python: str
    python_problem: str
    software: "SoftwareState | None" = None


class SupervisordFacts(Message):
    """supervisord, what starts it at boot, and what it survives.

    Of one that is down, `start`: how it would be started (survival.way_to_start), and the processes of programs that
    it has left.
    """

    state: SupervisordState
    orphans: "list[int]"
    standbys: "list[StandbyState]"
    survival: SurvivalFacts
    start: str


class ValidationFacts(Message):
    """How far the validation of Apache's files gets: the level, "" if it was not tried; and the `obstacle`.

    `taken`: a port that belongs to another program; `fault`: why Apache cannot use the files; `unvalidated`: clauses.
    """

    reached: str = ""
    obstacle: str = ""
    taken: str = ""
    fault: str = ""
    unvalidated: "list[str]" = []


class SelinuxAccess(Message):
    """One question to the kernel: may `source` do what `kind` says with `subject`, which is of type `target`?

    `mode`: "Enforcing" or "Permissive"; `verdict`: "allowed", "denied" or "unknown"; `kind`: "socket-file",
    "socket-peer", "app-port" or "listen-port"; `source` and `target` are types, "-" if unknown. `how` the target's
    type is known: "found", or "expected" (it does not exist yet, or is not visible); for an unknown verdict, why:
    "no-tool", "no-label", "port-type" or "no-answer".
    """

    mode: str
    verdict: str
    kind: str
    source: str
    target: str
    how: str
    subject: str
