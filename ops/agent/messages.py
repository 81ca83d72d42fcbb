"""Every request to the agent on a host and every answer of it: one definition, which both ends use.

On the way a message is one line of JSON, {"type": "ReleaseList", ...}. The operator's side has msgspec, which checks
each field; the agent has only the standard library (plain_message.py). Annotations are texts: Python 3.6 cannot read
them. Bytes travel in base64; file modes are octal, "0644"; bytes that are not UTF-8 are replaced in texts.
"""

TYPE_CHECKING = False  # typing's constant; to import typing takes longer than to start Python

PROTOCOL = 1  # of the lines in both directions; the agent's greeting names it

try:
    import msgspec
except ImportError:
    msgspec = None  # type: ignore[assignment] # on a host, where mypy never is

if TYPE_CHECKING or msgspec:

    class Message(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag=True):
        """The base of all messages."""

else:
    from ops.agent.plain_message import Message


# ---- parts of requests ---------------------------------------------------------------------------------------


class SupervisordPlace(Message):
    """Our supervisord: its file, its socket, and the folder with our own state, where backups of the file may be."""

    conf: str
    socket: str
    state_dir: str


class App(Message):
    """The app and its uWSGI.

    The page that is requested on `listen` (a path, or HOST:PORT), with which headers, and which statuses are an
    answer (none: any below 500); uWSGI's file, its log; seconds for a request, and for the app's start.
    """

    listen: str
    page: str
    headers: "list[tuple[str, str]]"
    statuses: "list[str]"
    ini: str
    log: str
    timeout: int
    start: int


class ApachePage(Message):
    """The page of the app that only the host itself may request from Apache, on `port`.

    `account` runs Apache; the app listens for it on `listen`.
    """

    port: int
    page: str
    server_name: str
    account: str
    listen: str


class ApacheConfiguration(Message):
    """Apache on this host: its program, its folders, and the ports that must answer."""

    httpd: str
    server_root: str
    log_dir: str
    ports: "list[int]"


class WantedFile(Message):
    """A file of the inventory's."""

    path: str
    mode: str
    content: bytes


class ProbeAttempt(Message):
    """One request of the identity probe, and the `user` that the app must see (None: no user).

    `certificate` names the client certificate. `needs_another_ca`: only for hosts that trust another CA than the
    users' and those above it. `source`: the address that it comes from. `nameless`: it may reach the app, but without
    a user.
    """

    name: str
    port: int
    path: str
    user: "str | None" = None
    certificate: "str | None" = None
    lines: "list[str]" = []
    needs_another_ca: bool = False
    method: str = "GET"
    source: str = "127.0.0.1"
    nameless: bool = False


class IdentityProbe(Message):
    """The requests of the identity probe, and the throwaway CAs that a trial start trusts (all in PEM).

    `issuers`: the names of the CAs whose certificates identify a user; `authorities`: theirs and others; `lists`:
    their revocation lists. `listen`: where the app listens. `headers`: what the app believes; `spoofed`: the value in
    them that gives a forged one away. `certificates`: name to a client certificate with its chain, and its key.
    """

    issuers: "list[str]"
    authorities: "list[str]"
    lists: "list[str]"
    listen: str
    headers: "list[str]"
    spoofed: str
    certificates: "dict[str, tuple[str, str]]"
    attempts: "list[ProbeAttempt]"


# ---- requests ------------------------------------------------------------------------------------------------


class ProbeRequest(Message):
    """The state of a host before a deploy.

    `files`: (path, wanted digest) of managed files; `contents`: send the content of those that differ; `folders`:
    list their files. `app`, with the program `web_program`, is asked whether it serves, and Apache for its page.
    `restart`: the words of Apache's restart, if it can only be restarted; `server_root`: its files.
    """

    supervisord: SupervisordPlace
    home: str
    uwsgi_file: str
    files: "list[tuple[str, str]]"
    contents: bool = True
    folders: "list[str]" = []
    app: "App | None" = None
    web_program: str = ""
    apache_page: "ApachePage | None" = None
    restart: "list[str]" = []
    server_root: str = ""


class HealthRequest(Message):
    """How the services run.

    `configtest`: the words of Apache's configuration test, if it is wanted, with sudo's password, if it was given.
    `app` is asked unless `most_waiting` connections wait for it already, and then Apache for its page. A visitor asks
    Apache's `ports` for `page` of `server_name`. `disks`: paths on the file systems that are looked at.
    """

    state_dir: str
    most_waiting: int
    listen: str
    server_name: str
    page: str
    ports: "list[int]"
    disks: "list[str]"
    configtest: "list[str]" = []
    sudo_password: str = ""
    app: "App | None" = None
    apache_page: "ApachePage | None" = None


class ProgramsRequest(Message):
    """The states of supervisord's programs."""

    supervisord: SupervisordPlace


class ReleasesRequest(Message):
    """All records of releases, the files of those in `contents`; `originals`: the files before the first deploy, too.

    `home` and `uwsgi_file` lead to another folder with releases, if `state_dir` has none.
    """

    state_dir: str
    home: str
    uwsgi_file: str
    contents: "tuple[str, ...]" = ()
    originals: bool = False


class WorkersRequest(Message):
    """uWSGI's workers, from its stats server `stats`, a socket.

    `log`: uWSGI's log. With `patterns`, a regular expression for each field of a line, it is read for the memory of
    the workers; otherwise only its end is read, for why workers were replaced.
    """

    stats: str
    log: str = ""
    patterns: "dict[str, str]" = {}


class CertificatesRequest(Message):
    """The host's certificate, those in `folders`, as (kind, path), and the revocation lists of a folder ("": none).

    `ports` are asked for the certificate that they show.
    """

    certificate: str
    folders: "list[tuple[str, str]]"
    revocation_dir: str
    ports: "list[int]"


class ApacheRequest(Message):
    """Test Apache's configuration by the words `configtest`; with a `command`, then reload or restart Apache by it.

    For that, the lock of `state_dir` is taken by `owner`. `validate`: a trial start comes before it; if it
    `is_trial_optional`, the command is run although that fails. `with_cost`: tell what the command costs. `start`:
    the command that starts an Apache that has ended, which a reload does not do on every system. `logs`: what may say
    why it failed.
    """

    apache: ApacheConfiguration
    configtest: "list[str]"
    command: "list[str]" = []
    start: "list[str]" = []
    state_dir: str = ""
    owner: str = ""
    validate: bool = False
    is_trial_optional: bool = False
    with_cost: bool = False
    logs: "list[str]" = []
    sudo_password: str = ""


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
    app_listen: str
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
    app: "App | None" = None
    apache_page: "ApachePage | None" = None
    sudo_password: str = ""


class LogsRequest(Message):
    """The last `lines` of each log, or those `since`; none later than `until`; `follow`: new lines, too, without end.

    `logs` are (path, writer): the writer is a program, or supervisord, whose time zone the lines are in, or "". With
    `positions`, some for each log, it goes on behind these. `since` and `until` are seconds ago, or a time as logs
    write it. With `pattern`, a basic regular expression, only entries with a line that matches it are shown.
    """

    logs: "list[tuple[str, str]]" = []
    positions: "list[list[str]]" = []
    lines: int = 20
    since: "int | str | None" = None
    until: "int | str | None" = None
    pattern: str = ""
    ignore_case: bool = False
    follow: bool = False


class LogBundleRequest(Message):
    """All files of the logs, or their lines `since`; `logs` and `since` as in LogsRequest."""

    logs: "list[tuple[str, str]]"
    since: "int | str | None" = None


class RunRequest(Message):
    """Run a shell text with bash, with the products set up, until it ends or the operator's side is gone."""

    text: str
    activate: str


# ---- answers -------------------------------------------------------------------------------------------------


class SupervisordState(Message):
    """`state`, the process id (0: it does not run, or is unknown), and the `detail` of the state.

    "up"; "down"; "deaf": its socket's file is missing; "silent": it listens but does not answer; "elsewhere": it runs
    with our file, on the socket `detail`; "refuses": it rejects requests, `detail` says why.
    """

    state: str
    pid: int = 0
    detail: str = ""


class ThroughApache(Message):
    """Whether Apache reaches the app: "ok", "failed" or "unknown"; `found` describes it."""

    state: str
    found: str


class RestartSettings(Message):
    """What decides the cost of Apache's restart.

    `signal`: the number of the signal that ends it; `timeout`: systemd's time limit, such as "1min 30s"; `graceful`:
    Apache's own limit in seconds for running requests.
    """

    signal: str
    timeout: str
    graceful: "int | None"


class FileState(Message):
    """One managed path: whether it `exists`; its SHA-256 in hex as `digest`, None without a file that can be read.

    `content` is sent only if it differs from the wanted one. `mode_is_fixed`: the account cannot write the folder.
    """

    path: str
    exists: bool = True
    digest: "str | None" = None
    mode: str = ""
    mode_is_fixed: bool = False
    content: "bytes | None" = None


class ServiceState(Message):
    """Whether the web service serves. `problem`: why the app does not answer; `program`: its program's state, or "".

    `unreached`: it answers on its socket, but Apache does not reach it.
    """

    problem: str = ""
    program: str = ""
    unreached: bool = False


class ProgramState(Message):
    """One process of supervisord; `started`: in seconds since 1970, if it runs, else 0."""

    state: str
    group: str
    name: str
    started: float = 0.0


class HostState(Message):
    """A host before a deploy; times are in seconds since 1970 by its clock.

    The last release: its files as (path, digest), its name, the commits of its inventory and toolkit, and where
    secrets stand in its files, as (path, record). `unfinished`: the release of a deploy that died. `staged`: deploys
    that are being sent, or died during that. `owed`: pending reloads. `present`: the files of the folders.
    `rewritten`: files with the wanted content that somebody wrote since the last release; `read`: when a service last
    read its files. If something differs: `programs`, or `untold`, why supervisord does not list them; `memory`:
    (largest worker of uWSGI, available) in kB; `restart`; `free`: kB of the home's file system.
    """

    supervisord: SupervisordState
    files: "list[FileState]" = []
    deployed: "list[tuple[str, str]]" = []
    release: str = ""
    commit: str = ""
    toolkit: str = ""
    secrets: "list[tuple[str, str]]" = []
    lock: str = ""
    unfinished: "str | None" = None
    staged: "list[str]" = []
    owed: "list[str]" = []
    present: "list[str]" = []
    elsewhere: str = ""
    start: str = ""
    service: "ServiceState | None" = None
    rewritten: "list[tuple[str, float]]" = []
    read: "list[tuple[str, float]]" = []
    programs: "list[ProgramState] | None" = None
    untold: str = ""
    memory: "tuple[int, int] | None" = None
    restart: "RestartSettings | None" = None
    free: "int | None" = None


class StandbyState(Message):
    """A running standby: its process, its age in seconds, its requests in progress, the seconds until it ends."""

    pid: int
    age: int
    requests: int
    seconds_left: int


class SystemdUnit(Message):
    """A unit that runs supervisord with our file; `enabled`: UnitFileState; `active`: ActiveState.

    `active` is "exited" if the unit counts as active and has no process. `manager`: "system" or "user".
    """

    manager: str
    enabled: str
    active: str
    restart: str
    name: str


class SurvivalFacts(Message):
    """What supervisord outlives, and what starts it at boot: each answer is "yes", "no" or "unknown".

    `kills`: logind ends the account's processes with their session; `linger`: the account's user manager runs without
    a login; `cron`: a cron daemon runs; `crontab`: the account's crontab starts supervisord at boot; `cron_sessions`:
    cron jobs are logind sessions, too. `lives`: where the running supervisord is, with its unit or session;
    `starter`: the file that starts it at boot, or "nobody".
    """

    kills: str = "unknown"
    linger: str = "unknown"
    cron: str = "unknown"
    crontab: str = "unknown"
    cron_sessions: str = "unknown"
    units: "list[SystemdUnit]" = []
    lives: str = ""
    starter: str = ""


class DiskState(Message):
    """A file system: kilobytes free, percent used, free inodes (None where it counts none), mount point."""

    free: int
    used: int
    inodes: "int | None"
    mount: str


class PortState(Message):
    """A port of Apache: "open" (it answers), "silent" (somebody only listens) or "closed".

    `status`: of HTTP, what a visitor without a login gets, or 0.
    """

    port: int
    state: str
    status: int = 0


class ServiceProcess(Message):
    """A process of a service: its id (0: it does not run; None: this account cannot see it), its age in seconds."""

    name: str
    pid: "int | None"
    age: int = 0


class HostHealth(Message):
    """How the services run at the time `now` of the host's clock, in seconds since 1970.

    `queue`: (connections that wait for the app, room for them), None where the host does not tell. `app`: why the app
    does not answer, `configtest`: why Apache refuses its files: "" where there is no fault, None where unknown.
    `through_apache` is None if it was not asked.
    """

    now: int
    ports: "list[PortState]" = []
    processes: "list[ServiceProcess]" = []
    shibd_listens: bool = False
    standbys: "list[StandbyState]" = []
    queue: "tuple[int, int] | None" = None
    disks: "list[DiskState]" = []
    app: "str | None" = None
    configtest: "str | None" = None
    through_apache: "ThroughApache | None" = None


class ProgramReport(Message):
    """One program as supervisord sees it; times in seconds since 1970 by the host's clock, 0 for none.

    `ended`: how often it exited by itself in the last five minutes; `stopped_by`: the task of ours that stopped it.
    """

    program: str
    state: str
    pid: int
    since: int
    stopped: int
    now: int
    expected: bool
    exit_status: int
    error: str
    ended: int
    stopped_by: str


class ProgramsReport(Message):
    """supervisord and its programs. `orphans`: processes of programs that a killed supervisord left running.

    `problem`: why there are no programs, if supervisord refuses to list them; `stopped_by`: of a supervisord that is
    down, the task of ours that stopped it, and when.
    """

    supervisord: SupervisordState
    programs: "list[ProgramReport]"
    orphans: "list[int]"
    survival: SurvivalFacts
    problem: str = ""
    stopped_by: str = ""


class ReleaseRecord(Message):
    """One release: its name, and the lines of its record (ops/deploy/releases.py reads them)."""

    name: str
    lines: "list[str]"


class ReleaseList(Message):
    """All releases, by name. `current`: the running one, or ""; `elsewhere`: another folder with releases, or ""."""

    records: "list[ReleaseRecord]"
    current: str
    elsewhere: str


class ReleaseFile(Message):
    """One file of a release; `content` is None if it is lost."""

    path: str
    mode: str
    content: "bytes | None"


class ReleaseContents(Message):
    """The files of one release; `host`: the host's values at that time as JSON, "" if they were not recorded."""

    name: str
    host: str
    files: "list[ReleaseFile]"


class OriginalFile(Message):
    """A file before the first deploy: with `content`, not `existed`, or lost (neither)."""

    path: str
    existed: bool
    mode: str = ""
    content: "bytes | None" = None


class Originals(Message):
    """Each file that a release has changed, as the first of them found it."""

    files: "list[OriginalFile]"


class WorkerState(Message):
    """One worker: sizes in bytes, `last_spawn` in seconds since 1970, `points` as (seconds since 1970, bytes).

    `spawns` counts its processes; `reasons` why earlier ones were replaced, as far back as the log was read.
    """

    id: int
    pid: int
    state: str
    requests: int
    exceptions: int
    harakiris: int
    resident: int
    size: int
    spawns: int
    last_spawn: int
    cores: int
    busy_cores: int
    points: "list[tuple[int, int]]" = []
    reasons: "dict[str, int]" = {}
    last_reason: str = ""


class WorkerPoolState(Message):
    """All workers at the time `now` of the host's clock, in seconds since 1970.

    `problem` says why the stats server, `log_problem` why the log could not be read.
    """

    now: int
    workers: "list[WorkerState]"
    queue_errors: int
    problem: str = ""
    log_problem: str = ""


class CertificateFile(Message):
    """A file with a certificate in PEM; `problem`, if it has none: "absent", "unreadable" or "broken"."""

    kind: str
    path: str
    content: bytes
    problem: str


class RevocationList(Message):
    """A revocation list in DER without its entries; `changed`: when its file changed, in seconds since 1970."""

    path: str
    content: bytes
    changed: float
    problem: str


class ServedCertificate(Message):
    """The certificate in PEM that a port shows; empty if it shows none."""

    port: int
    content: bytes


class CertificateFiles(Message):
    """All certificates and lists. Times are in seconds since 1970; `apache_read_at` is None if it is unknown."""

    now: float
    files: "list[CertificateFile]"
    lists: "list[RevocationList]"
    served: "list[ServedCertificate]"
    apache_read_at: "float | None"


class LockRefused(Message):
    """The host's lock cannot be had: its `owner` is another task, or the `problem` is why there can be none."""

    owner: str = ""
    problem: str = ""


class Unvalidated(Message):
    """What a validation has left out, a clause."""

    what: str


class ApacheStep(Message):
    """A step of Apache's: "configtest", "trial", "command", "answers" or "start", and its result.

    That is "ok", "failed" or "barred" (no rule of sudo's grants it), with evidence. `is_up`: whether Apache runs
    after a failure.
    """

    step: str
    result: str
    evidence: str = ""
    is_up: "bool | None" = None


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
    is "down", or "hidden" from this account.
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
    through_apache: "ThroughApache | None"


class ProductFacts(Message):
    """`missing`: programs that the products do not give; supervisorctl's `python`, or why it cannot be used."""

    missing: "list[str]"
    python: str
    python_problem: str


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


class LogLines(Message):
    """Lines of logs, as (number of the log, seconds since 1970, text, length, whether it continues an entry).

    `length` is 0, or that of a line in characters of which the text is the beginning; a time is 0.0 if it is unknown.
    `positions` are (number of the log, how far it was read now), to continue there: a position is one in a file of
    the log, whose name ends at its first colon, or "none" if there is no file yet.
    """

    lines: "list[tuple[int, float, str, int, bool]]"
    positions: "list[tuple[int, str]]"


class LogState(Message):
    """A log is "missing", "unreadable" or "nofile" (no regular file), or was "cut", emptied while it was read.

    "gap": the file of its last position is gone.
    """

    log: int
    state: str


class LogDamage(Message):
    """A file of a log is not read to its end: "torn" (it is cut off), "broken", or "unknown": not at all."""

    log: int
    file: str
    problem: str


class LogsLive(Message):
    """All old lines have been shown; from now on lines come as they are written."""


class LogPatternRefused(Message):
    """The pattern is wrong, as grep's message says."""

    message: str


class LogTimesReversed(Message):
    """By the host's clock and zone, `until` is before `since`."""


class LogBundlePart(Message):
    """The next bytes of a tar.gz, or none; `done` bytes of `total` are packed, before compression."""

    content: bytes
    done: int
    total: int


class RunOutput(Message):
    """What the command printed; no bytes from time to time, if it prints nothing."""

    content: bytes
    is_error: bool


class RunEnded(Message):
    """The exit code of the command, from 0 to 255: more than 128 for a signal."""

    code: int


class Alive(Message):
    """A sign of life from time to time, while a step takes long."""


class ModuleWanted(Message):
    """The agent needs another of its modules, and waits for it (start.sh)."""

    name: str


class Failure(Message):
    """The agent cannot answer; `reason` is for the operator, `evidence` where it happened."""

    reason: str
    evidence: str = ""


class NoPython(Message):
    """There is no Python on the host that can run the agent; `tried`: the names and places that were looked for."""

    tried: str


class Done(Message):
    """The end of a complete answer; `python`: the interpreter's version and path."""

    python: str
