"""The request for the state of a host before a deploy, and its answer."""

from ops.agent.messages import Message
from ops.agent.service_messages import (
    App,
    RestartSettings,
    Software,
    SoftwareState,
    SupervisordPlace,
    SupervisordState,
    Surroundings,
)


class ProbeRequest(Message):
    """The state of a host before a deploy.

    `files`: (path, wanted digest) of managed files; `contents`: send the content of those that differ; `folders`:
    list their files. `uwsgi_files`: app to its uWSGI's file, the first app first. Each of `apps` is asked whether it
    serves, and Apache for its page. `restart`: the words of Apache's restart, if it can only be restarted;
    `server_root`: its files. `software`: which versions are installed, current and running.
    """

    supervisord: SupervisordPlace
    home: str
    uwsgi_files: "dict[str, str]"
    files: "list[tuple[str, str]]"
    contents: bool = True
    folders: "list[str]" = []
    apps: "list[App]" = []
    restart: "list[str]" = []
    server_root: str = ""
    software: "Software | None" = None


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
    """Whether an app serves. `problem`: why it does not answer; `program`: its program's state, or "".

    `unreached`: it answers on its socket, but Apache does not reach it.
    """

    app: str
    problem: str = ""
    program: str = ""
    unreached: bool = False


class ProgramState(Message):
    """One process of supervisord by its full name; `started`: in seconds since 1970, if it runs, else 0."""

    state: str
    name: str
    started: float = 0.0


class BakeState(Message):
    """A release on trial for so many seconds more; or how its bake has ended, as ChangeEnded has it.

    The second only if no operator followed it to its end, until another change begins.
    """

    release: str
    seconds_left: int = 0
    how: str = ""


class HostState(Message):
    """A host before a deploy; times are in seconds since 1970 by its clock.

    The last release: its files as (path, digest), its name, the commits of its inventory and toolkit, and where
    secrets stand in its files, as (path, record). `unfinished`: the release of a deploy that died. `staged`: deploys
    that are being sent, or died during that. `owed`: pending reloads. `present`: the files of the folders.
    `rewritten`: wanted files that are not as the last release has them, with the time of their last write;
    `read`: when a service last read its files. If something differs: `programs`, or `untold`, why supervisord does
    not list them; `memory`: app to (largest worker of its uWSGI, available) in kB; `restart`; `free`: kB of the
    home's file system; `surroundings`, if supervisord's file has any. `bake`: that of a release, if it is under way,
    or if an operator has not been told of its end.
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
    services: "list[ServiceState]" = []
    rewritten: "list[tuple[str, float]]" = []
    read: "list[tuple[str, float]]" = []
    programs: "list[ProgramState] | None" = None
    untold: str = ""
    memory: "dict[str, tuple[int, int]]" = {}
    restart: "RestartSettings | None" = None
    free: "int | None" = None
    software: "SoftwareState | None" = None
    surroundings: "Surroundings | None" = None
    bake: "BakeState | None" = None
