"""Messages about the services of a host: parts of several requests and answers."""

from ops.agent.messages import Message

FIRST_APP = "service"  # the name of a host's first app


class SupervisordPlace(Message):
    """Our supervisord: its file, its socket, and the folder with our own state, where backups of the file may be.

    `start_program`: the script that sets the environment of the deployed version, if the host has it.
    """

    conf: str
    socket: str
    state_dir: str
    start_program: str = ""


class ApachePage(Message):
    """The page of the app that only the host itself may request from Apache, on `port`.

    `account` runs Apache; the app listens for it on `listen`.
    """

    port: int
    page: str
    server_name: str
    account: str
    listen: str


class App(Message):
    """An app of the host, and its uWSGI.

    The page that is requested on `listen` (a path, or HOST:PORT), with which headers, and which statuses are an
    answer (none: any below 500); uWSGI's file, its log, and the socket on which it hands out its own ("": it does
    not); seconds for a request, and for the app's start. `program`: that of supervisord, "" for none; `reloadable`:
    the same, if a reload loses no request. `own_page`: for the question whether Apache reaches the app. `account`:
    Apache's, if it needs access to the socket. `spare_requests`: how many requests a second uWSGI may serve at once,
    None: as many as the first. `start_program`: the script that sets the environment of the deployed version, if the
    host has it.
    """

    listen: str
    page: str
    headers: "list[tuple[str, str]]"
    statuses: "list[str]"
    ini: str
    log: str
    timeout: int
    start: int
    name: str = FIRST_APP
    handover: str = ""
    program: str = ""
    reloadable: str = ""
    own_page: "ApachePage | None" = None
    account: str = ""
    start_program: str = ""
    spare_requests: "int | None" = None


class SupervisordState(Message):
    """`state`, the process id (0: it does not run, or is unknown), the `detail` of the state, and a file `conf`.

    "up"; "down"; "deaf": its socket's file is missing; "silent": it listens but does not answer; "elsewhere": it runs
    with our file, or else with `conf`, on the socket `detail`; "refuses": it rejects requests, `detail` says why.
    """

    state: str
    pid: int = 0
    detail: str = ""
    conf: str = ""


class Surroundings(Message):
    """What supervisord's file takes from elsewhere: included files (path and text), and variables %(ENV_NAME)s."""

    included: "list[tuple[str, str]]" = []
    variables: "dict[str, str]" = {}


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


class PortState(Message):
    """A port of Apache: "open" (it answers), "silent" (somebody only listens) or "closed".

    `status`: of HTTP, what a visitor without a login gets, or 0; `is_maintenance`: that is the maintenance page.
    """

    port: int
    state: str
    status: int = 0
    is_maintenance: bool = False


class Note(Message):
    """What the operator should know of the work so far, one sentence."""

    text: str


class ProgramChanged(Message):
    """What was done to a program of supervisord's, or the `state` that it is in after that; no name: supervisord."""

    program: str = ""
    did: str = ""
    state: str = ""
    pid: int = 0


class StartRefused(Message):
    """supervisord is not started, or not stopped; `why` and the systemd unit `name`, if it is about one.

    "killed": logind would end it at logout; "lingerless": its user unit ends at logout; "system-unit": root starts
    it by one; "brought-back": its unit would start it again.
    """

    why: str
    name: str = ""


class Software(Message):
    """The app's software, and the `version` that is wanted.

    Of UPS: a `product`; after the bash text `setup`, ups is in PATH; a switch moves `chain`, if there is one. Of
    release folders: `folder`/VERSION; a switch moves `link`, if there is one.
    """

    version: str
    product: str = ""
    setup: str = ""
    chain: str = ""
    folder: str = ""
    link: str = ""


class ProgramVersion(Message):
    """What a running process of a program says of its version: (version, "environment", "executable" or "folder")."""

    program: str
    pid: int
    found: "list[tuple[str, str]]" = []


class SoftwareState(Message):
    """Whether the wanted version is installed, which one is current ("": none), and what runs.

    `problem`: why that is not known.
    """

    is_installed: bool = False
    current: str = ""
    running: "list[ProgramVersion]" = []
    problem: str = ""
