"""The types of the inventory: every value that differs between sites, with its default.

`docs/inventory.md` explains each key. Options of uWSGI and supervisord have their programs' own names.
Source of the defaults: the production document of POMS, except where a comment says otherwise.
"""

from typing import Annotated, Literal

from msgspec import Meta, field

from ops.door_tables import Location, Token
from ops.program_tables import Program, ProgramGroup, Supervisor
from ops.table import Table
from ops.value_types import (
    VERSION,
    AbsolutePath,
    Account,
    Address,
    AppName,
    Attribute,
    Command,
    Count,
    Duration,
    EmailRule,
    HeaderName,
    HeaderValue,
    HostKey,
    IPv4,
    Listen,
    MemoryLimit,
    Name,
    Network,
    Port,
    PositiveCount,
    RootOrPath,
    SecretName,
    Status,
    Text,
    UrlPath,
    UwsgiOption,
    UwsgiSocket,
    UwsgiValue,
    Version,
    matching,
)


class Ssh(Table, frozen=True, kw_only=True):
    """How the operator's side logs in; `~/.ssh/config` and fab's own flags have priority."""

    known_hosts: str | None = None
    identity_file: str | None = None
    connect_timeout: Annotated[int, Meta(ge=1, le=600)] = 10
    answer_timeout: Annotated[int, Meta(ge=1, le=600)] = 60  # seconds until the login shell has started a command
    silence_timeout: Annotated[int, Meta(ge=60, le=3600)] = 600  # seconds without output of a running command
    host_keys: list[HostKey] = []  # if there are any, the host may show no other key
    kerberos: bool | None = None  # None: GSSAPIAuthentication of ssh_config
    kerberos_host: Name | None = None  # the host name of the ticket; None: the address


class ServiceCertificate(Table, frozen=True, kw_only=True):
    """A certificate without a user id, and its user. Names are in RFC 2253 form."""

    issuer: Text
    subject: Text
    user: Account


class Deploy(Table, frozen=True, kw_only=True):
    """How a deploy behaves: `limit` seconds of silence after which the host rolls back, and releases to keep.

    `validation` is the minimum level that a deploy of Apache's files must reach (inventory/validation_levels.py); a
    level below the highest needs a reason. `bake`: how long a deploy stays on trial before it is kept;
    `bake_needs_operator`: a lost connection ends that by a rollback.
    """

    limit: Annotated[int, Meta(ge=5, le=3600)] = 60
    keep: Annotated[int, Meta(ge=1, le=1000)] = 20
    validation: Literal["none", "configtest", "trial-start", "identity-probe"] = "identity-probe"
    validation_reason: Text | None = None
    bake: Duration | None = None
    bake_needs_operator: bool = False

    @property
    def bake_seconds(self) -> int:
        """The length of the bake; 0: none."""
        return int(self.bake[:-1]) * {"s": 1, "m": 60, "h": 3600}[self.bake[-1]] if self.bake else 0


class Certificates(Table, frozen=True, kw_only=True):
    """The warning `warn_days` before certificates and revocation lists expire, and the folder of the SP."""

    warn_days: Annotated[int, Meta(ge=1, le=3650)] = 21
    shibboleth_dir: AbsolutePath = "/etc/shibboleth"


class Secret(Table, frozen=True, kw_only=True):
    """The source of a secret, a value that templates use and that is in no file of this project: one of three."""

    command: Command | None = None
    file: Text | None = None
    env: Annotated[str, matching(r"[A-Za-z_][A-Za-z0-9_]*", "must be the name of a variable")] | None = None
    seconds: Annotated[int, Meta(ge=1, le=3600)] | None = (
        None  # for the command; None: ops/secrets/sources.py's own limit
    )

    def __post_init__(self) -> None:
        """Raises ValueError unless there is exactly one source."""
        if (self.command, self.file, self.env).count(None) != 2:
            raise ValueError("must have one of command, file and env")
        if self.command is None and self.seconds is not None:
            raise ValueError("must have seconds only with a command")


class Identity(Table, frozen=True, kw_only=True):
    """The identity of a visitor: the form of a user id, and how to read it from a client certificate."""

    user_id: Text = "[a-z][a-z0-9._-]{0,31}"
    email_attribute: Attribute = "mail"
    first_name_attribute: Attribute = "givenName"
    last_name_attribute: Attribute = "sn"
    attributes: dict[HeaderName, Attribute] = {}  # further headers of a login, each with its attribute
    several_values: Literal["first", "join", "omit"] = "first"  # for an attribute with several values
    certificate_issuer: Text = "CN=CILogon Basic CA 1,O=CILogon,C=US,DC=cilogon,DC=org"  # see docs/inventory.md
    certificate_subject_end: Text = "OU=People,O=Fermi National Accelerator Laboratory,C=US,DC=cilogon,DC=org"
    certificate_email: EmailRule = ""  # no e-mail header
    service_certificates: list[ServiceCertificate] = []
    # In addition to the identity headers. POMS's own code trusts the first six; similar apps and their frameworks
    # read the others.
    dropped_headers: list[HeaderName] = field(
        default_factory=lambda: [
            *("X-Scitoken-Sub", "X-Scitoken-Scope", "X-Scitoken-Iss", "X-Forwarded-For", "Remote-Addr"),
            *("X-Poms-Agent", "Forwarded", "X-Forwarded-User", "X-Remote-User", "Remote-User"),
            *("X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Server", "X-Original-URL", "X-Rewrite-URL"),
        ]
    )


class Apache(Table, frozen=True, kw_only=True):
    """The system's Apache: its paths and commands, and the settings of the two ports."""

    account: Account = "apache"
    server_root: AbsolutePath = "/etc/httpd"
    conf_d: AbsolutePath = "/etc/httpd/conf.d"
    log_dir: AbsolutePath = "/var/log/httpd"
    restart: Command = field(default_factory=lambda: ["sudo", "service", "httpd", "restart"])
    # None (false in the file): a site whose sudo rules grant no reload restarts instead.
    reload: Annotated[Command | None, Meta(description="must be a command, or false")] = None
    configtest: Command = field(default_factory=lambda: ["/usr/sbin/httpd", "-t"])
    certificate: AbsolutePath = "/etc/grid-security/hostcert.pem"
    key: AbsolutePath = "/etc/grid-security/hostkey.pem"
    chain: AbsolutePath | None = None  # the certificates between the host's own and the root, if not in `certificate`
    ca_dir: AbsolutePath = "/etc/httpd/TrustedCAs"
    verify_depth: Annotated[int, Meta(ge=1, le=100)] = 1  # not the document's 10: docs/decisions/front-door.md
    revocation: Literal["off", "where-listed", "required"] = "where-listed"
    revocation_dir: AbsolutePath = ""
    server_name: Name = ""
    aliases: list[Name] = []
    addresses: list[IPv4] = []  # where Apache listens, in addition to 127.0.0.1; none: everywhere
    port: Port = 443
    cert_port: Port = 8443
    redirect_from: Port | None = None  # plain HTTP, which only sends to `port`
    other_ports: list[Port] = []  # of virtual hosts in the site's own templates
    http2: bool = True
    upload_limit: Annotated[int, Meta(ge=1, le=102_400)] = 100  # MB
    client_timeout: Annotated[int, Meta(ge=1, le=3600)] = 60
    hsts: Annotated[int, Meta(ge=0, le=63_072_000)] = 0  # seconds; the preload lists of browsers require two years
    response_headers: dict[HeaderName, HeaderValue] = field(
        default_factory=lambda: {
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "SAMEORIGIN",
            "Referrer-Policy": "same-origin",
        }
    )
    protocols: Annotated[list[Literal["TLSv1.2", "TLSv1.3"]], Meta(min_length=1)] = field(
        default_factory=lambda: ["TLSv1.2", "TLSv1.3"]
    )
    ciphers: Annotated[str, matching(r"[A-Za-z0-9:+!@_-]+", "must be an OpenSSL cipher list")] = (
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
        "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
    )  # Mozilla's intermediate set without DHE
    curves: Annotated[
        str, matching(r"[A-Za-z0-9-]+(:[A-Za-z0-9-]+)*", "must be names of curves separated by colons")
    ] = "X25519:prime256v1:secp384r1"  # of the same set


class AppTable(Table, frozen=True, kw_only=True):
    """What every app of a host has."""

    check_path: UrlPath | None = None  # requested from the app itself, on trial and after a deploy; None: `path`
    # Further headers of that request, for an app that answers 500 without a user; and the accepted answers.
    check_headers: dict[HeaderName, HeaderValue] = {}
    check_status: list[Annotated[int, Meta(ge=100, le=599)]] = []  # none: every status under 500
    check_through_apache: bool = True  # whether the host also requests that page from Apache
    cron_listen: Listen | None = None  # HTTP, for the host's own jobs
    timeout: Annotated[int, Meta(ge=1, le=86_400)] = 600  # a launch of jobs takes minutes
    start_seconds: Annotated[int, Meta(ge=1, le=540)] = 120  # to import, on trial and at a reload


class App(AppTable, frozen=True, kw_only=True):
    """The web application behind Apache: its path, and the address where it listens for Apache (uwsgi protocol)."""

    path: RootOrPath = "/poms"
    listen: Listen = "127.0.0.1:8888"  # the port is this project's choice


class Maintenance(Table, frozen=True, kw_only=True):
    """The page that Apache shows in place of the app while `fab maintenance on` holds.

    `paths` are pages of the app that stay reachable; visitors from the addresses `allow` are let through to the app.
    """

    folder: AbsolutePath
    retry_after: Annotated[int, Meta(ge=1, le=86_400)] = 600  # seconds, if no end is given
    paths: list[UrlPath] = []
    allow: list[Network] = []


class Check(Table, frozen=True, kw_only=True):
    """One smoke check: a request to the service from outside; status 0 means that the TLS handshake is refused."""

    name: Text
    port: Port
    path: Annotated[str, matching(r"/[!-~]*", "must be a path of printable characters")]
    status: Annotated[list[Status], Meta(min_length=1)] = field(default_factory=lambda: [200])
    text: str = ""
    seconds: Annotated[int, Meta(ge=1, le=60)] = 5
    certificate: str | None = None
    key: str | None = None


class Uwsgi(Table, rename="kebab", frozen=True, kw_only=True):
    """uWSGI's `file`, the numbers in it, and any further option of uWSGI by its own name."""

    file: AbsolutePath = ""
    workers: PositiveCount = 6
    threads: PositiveCount = 10
    cheaper: Count = 2
    cheaper_initial: Count = 4
    reload_on_as: MemoryLimit = 1400  # None (false in the file): it is not written
    evil_reload_on_as: MemoryLimit = 1800
    sockets: list[UwsgiSocket] = []  # in addition to app.listen, for the uwsgi protocol
    options: dict[UwsgiOption, UwsgiValue] = {}
    # Ours: options that listen where others can connect, each with the reason.
    open_to_anyone: dict[UwsgiOption, Text] = field(default={}, name="open_to_anyone")


class FurtherApp(AppTable, frozen=True, kw_only=True):
    """A further app of the host, beside `app`, with a uWSGI of its own. Without a path, Apache has no page of it."""

    path: UrlPath | None = None
    listen: Listen
    uwsgi: Uwsgi = Uwsgi()


class Software(Table, frozen=True, kw_only=True):
    """The version of the app that a host shall run, as a UPS `product` or as a release folder: `folder`/VERSION.

    `{version}` stands for it in `activate`, and in every other text of the host.
    """

    version: Version
    product: Name | None = None
    setup: Text = '. "$HOME/products/setup"'  # bash text after which ups is in PATH
    chain: Annotated[Name | None, Meta(description="must be the name of a chain, or false")] = "current"
    folder: AbsolutePath | None = None
    link: AbsolutePath | None = None  # to the folder of the version; None: there is none
    install: Text | None = None
    uninstall: Text | None = None
    install_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 3600

    def __post_init__(self) -> None:
        """Raises ValueError unless it is either a product or a folder."""
        if (self.product is None) == (self.folder is None):
            raise ValueError("must have either product or folder")
        if self.link is not None and self.folder is None:
            raise ValueError("must have link only with folder")


class Host(Table, frozen=True, kw_only=True):
    """One complete host: a value that is not in the inventory has its default here."""

    name: Name
    address: Address
    port: Port | None = None  # None: the port of ssh_config, or 22
    account: Account = "poms"
    home: AbsolutePath
    activate: Text = '. "$HOME/products/setup" && setup poms'
    config_dir: AbsolutePath
    log_dir: AbsolutePath
    state_dir: AbsolutePath
    ssh: Ssh = Ssh()
    deploy: Deploy = Deploy()
    certificates: Certificates = Certificates()
    identity: Identity = Identity()
    apache: Apache
    app: App = App()
    locations: dict[Name, Location] = {}
    token: Token | None = None
    maintenance: Maintenance
    checks: list[Check] = []
    uwsgi: Uwsgi = Uwsgi()
    apps: dict[AppName, FurtherApp] = {}
    supervisor: Supervisor
    secrets: dict[SecretName, Secret] = {}
    software: Software | None = None
    programs: dict[Name, Program] = {}
    groups: dict[Name, ProgramGroup] = {}
    # Not a key of the file: how many requests at once fleet.database_connections leaves for a second uWSGI.
    spare_requests: int | None = None
    # Not a key either: the folder of the site's own templates, on the operator's machine.
    templates: str | None = None
    # Nor this: which of its apps `app` and `uwsgi` are, in a view of one app (ops/formats/apps.py).
    app_name: str = "service"

    @property
    def activation(self) -> str:
        """`activate` for the wanted version."""
        return self.activate.replace(VERSION, self.software.version) if self.software else self.activate


class Fleet(Table, frozen=True, kw_only=True):
    """The default host, the groups of hosts, and the limits that all hosts share."""

    default: Name
    groups: dict[Name, list[Name]] = {}
    database_connections: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
