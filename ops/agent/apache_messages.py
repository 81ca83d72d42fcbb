"""The request to test, reload or restart Apache, its answers, and what a validation of Apache's files needs."""

from ops.agent.messages import Message


class ApacheConfiguration(Message):
    """Apache on this host: its program, its folders, and the ports that must answer.

    `maintenance`: the folder of the maintenance page, which a trial start does not see; "" if there is none.
    """

    httpd: str
    server_root: str
    log_dir: str
    ports: "list[int]"
    maintenance: str = ""


class WantedFile(Message):
    """A file of the inventory's."""

    path: str
    mode: str
    content: bytes


class ProbeAttempt(Message):
    """One request of the identity probe, and the `user` that the app must see (None: no user).

    `location`: whose rules it tries. `certificate` names the client certificate. `needs_another_ca`: only for hosts
    that trust another CA than the users' and those above it. `source`: the address that it comes from; `host`: the
    name that it asks for. `nameless`: it may reach the app, but without a user; `must_arrive`: and has to. `token`:
    what the app must get as Authorization. `is_file`: it asks for a file, no backend. `is_plain`: without TLS.
    `redirects_to`: how the address begins that it must be sent to. `is_found`: its location is not the inventory's,
    and it need not arrive.
    """

    name: str
    port: int
    path: str
    location: str = ""
    user: "str | None" = None
    certificate: "str | None" = None
    lines: "list[str]" = []
    needs_another_ca: bool = False
    method: str = "GET"
    source: str = "127.0.0.1"
    host: str = "localhost"
    nameless: bool = False
    must_arrive: bool = False
    token: str = ""
    is_file: bool = False
    is_plain: bool = False
    redirects_to: str = ""
    is_found: bool = False


class IdentityProbe(Message):
    """The requests of the identity probe, and the throwaway CAs that a trial start trusts (all in PEM).

    `issuers`: the names of the CAs whose certificates identify a user; `authorities`: theirs and others; `lists`:
    their revocation lists. `backends`: where the app and the inventory's other backends listen; `folders`: those of
    files, as Apache's files name them. `headers`: what the app believes; `spoofed`: the value in them that gives a
    forged one away. `certificates`: name to a client certificate with its chain, and its key. `managed`: the
    inventory's files of Apache; `forged`: the lines of a forged request, for locations that are not the inventory's.
    """

    issuers: "list[str]"
    authorities: "list[str]"
    lists: "list[str]"
    backends: "list[str]"
    headers: "list[str]"
    spoofed: str
    certificates: "dict[str, tuple[str, str]]"
    attempts: "list[ProbeAttempt]"
    folders: "list[str]" = []
    managed: "list[str]" = []
    forged: "list[str]" = []


class ProbedDoor(Message):
    """How many requests of the identity probe were for this path of a port; `is_open`: a template lets anyone in."""

    port: int
    path: str
    requests: int
    is_open: bool = False


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
