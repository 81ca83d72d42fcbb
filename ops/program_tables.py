"""The inventory's tables of supervisord and of the programs that it runs; most keys have supervisord's own names."""

from typing import Annotated, Literal

from msgspec import Meta, field

from ops.table import Table
from ops.value_types import (
    AbsolutePath,
    Account,
    EventName,
    FcgiSocket,
    LogPlace,
    LoopbackPort,
    Mask,
    Name,
    Pattern,
    ProcessName,
    ProgramPath,
    Seconds,
    SecretName,
    Signal,
    Size,
    Text,
)


class InetHttpServer(Table, frozen=True, kw_only=True):
    """A port where supervisord takes commands, for whoever has the password: `[inet_http_server]`."""

    port: LoopbackPort
    username: Text
    password: SecretName  # the name of the secret


class Supervisor(Table, frozen=True, kw_only=True):
    """supervisord itself: its `file`, and `[supervisord]`, its doors and `[include]` in it."""

    file: AbsolutePath = ""
    socket: AbsolutePath = ""
    pidfile: AbsolutePath = ""
    logfile: AbsolutePath = ""
    logfile_maxbytes: Size = "50MB"
    logfile_backups: Annotated[int, Meta(ge=0, le=1000)] = 10
    loglevel: Literal["critical", "error", "warn", "info", "debug", "trace", "blather"] = "info"
    minfds: Annotated[int, Meta(ge=1, le=1_048_576)] = 1024
    environment: dict[str, str] = {}
    expand: bool = False  # ours: %(here)s and %(ENV_NAME)s in its environment are meant as such
    directory: AbsolutePath | None = None
    umask: Mask | None = None
    identifier: Text | None = None
    include: list[Pattern] = []  # of files that are not managed
    inet_http_server: InetHttpServer | None = None
    user: Account | None = None  # the account, or a constraint is broken; it is not written
    nodaemon: bool = False  # a constraint says why it cannot be true


class Program(Table, frozen=True, kw_only=True):
    """One program that supervisord runs. The keys are supervisord's, except those with a comment "ours"."""

    command: Text
    kind: Literal["program", "eventlistener", "fcgi-program"] = "program"  # ours: the kind of its section
    expand: bool = False  # ours: %(NAME)s in its texts and paths is meant for supervisord; %% is a percent sign
    numprocs: Annotated[int, Meta(ge=1, le=1000)] = 1
    numprocs_start: Annotated[int, Meta(ge=0, le=100_000)] = 0
    process_name: ProcessName = "%(program_name)s"  # with _%(process_num)02d for several
    user: Account | None = None  # the account, or a constraint is broken; it is not written
    directory: ProgramPath | None = None
    priority: Annotated[int, Meta(ge=-1, le=100_000)] = 999  # -1 for an eventlistener
    autostart: bool = True
    autorestart: bool | Literal["unexpected"] = "unexpected"
    startsecs: Seconds = 1
    startretries: Annotated[int, Meta(ge=0, le=1000)] = 3
    exitcodes: list[Annotated[int, Meta(ge=0, le=255)]] = field(default_factory=lambda: [0])
    stopsignal: Signal = "TERM"
    stopwaitsecs: Seconds = 10
    stopasgroup: bool = False
    killasgroup: bool = False  # but true if stopasgroup is true
    environment: dict[str, str] = {}
    environment_secrets: dict[str, SecretName] = {}  # ours: variable to the name of the secret with its value
    umask: Mask | None = None
    redirect_stderr: bool = True  # but false for an eventlistener
    stdout_logfile: LogPlace | None = None  # None: LOG_DIR/NAME.log, of several processes each its own
    stdout_logfile_maxbytes: Size = "50MB"
    stdout_logfile_backups: Annotated[int, Meta(ge=0, le=1000)] = 10
    stderr_logfile: LogPlace | None = None  # None: LOG_DIR/NAME.err, if stderr is not merged
    stderr_logfile_maxbytes: Size = "50MB"
    stderr_logfile_backups: Annotated[int, Meta(ge=0, le=1000)] = 10
    stdout_events_enabled: bool = False
    stderr_events_enabled: bool = False
    events: list[EventName] = []  # of an eventlistener
    buffer_size: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None  # the same; None: 10
    socket: FcgiSocket | None = None  # of an fcgi-program, as the following three
    socket_owner: Account | None = None  # the account, or a constraint is broken; it is not written
    socket_mode: Mask | None = None  # None: 0700
    socket_backlog: Annotated[int, Meta(ge=1, le=65535)] | None = None
    # Ours.
    reload_signal: Annotated[Signal | None, Meta(description="must be the name of a signal, or false")] = None
    # Ours: managed files that it reads in addition to those of its command.
    reads: list[AbsolutePath] = []


class ProgramGroup(Table, frozen=True, kw_only=True):
    """A group of programs in supervisord: their processes are named GROUP:PROCESS."""

    programs: Annotated[list[Name], Meta(min_length=1)]
    priority: Annotated[int, Meta(ge=0, le=100_000)] = 999
