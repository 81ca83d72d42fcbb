"""The SSH settings of one login, from ssh_config's keywords and values; `config_query.py` gets those from ssh.

Source: ssh_config(5).
"""

import functools
import getpass
import os
import pwd
import re
import shlex
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fabric
from msgspec import Struct

from ops.errors import BadInput
from ops.paths import expand_home
from ops.text import escape_control_chars

GLOBAL_KNOWN_HOSTS = "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"
USER_KNOWN_HOSTS = "~/.ssh/known_hosts ~/.ssh/known_hosts2"
# What ssh prints if ssh_config names no identity file.
USUAL_FILES = frozenset(
    f"~/.ssh/id_{kind}" for kind in ("rsa", "ecdsa", "ecdsa_sk", "ed25519", "ed25519_sk", "xmss", "dsa")
)
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
NOTHING_TOUCHED = "Nothing was connected to."
Values = Mapping[str, list[str]]  # keyword in lower case to its values, in their order


class Settings(Struct, frozen=True):
    """The settings of one login. Paths are expanded; `name` is as given, `host_name` is what to connect to."""

    name: str
    host_name: str
    user: str
    port: int = 22
    connect_timeout: int | None = None  # seconds
    identity_files: tuple[str, ...] = ()  # that ssh_config names; they need not exist
    usual_identities: bool = True  # ssh_config names none: use ~/.ssh/id_rsa and the like
    certificate_files: tuple[str, ...] = ()
    identities_only: bool = False
    agent_socket: str = ""  # "": no agent
    offers_keys: bool = True
    kerberos: bool = False
    kerberos_host: str = ""
    kerberos_principal: str = ""
    kerberos_delegate: bool = False
    kerberos_ask_dns: bool = False
    host_key_alias: str = ""
    user_known_hosts: tuple[Path, ...] = ()
    global_known_hosts: tuple[Path, ...] = ()
    revoked_host_keys: str = ""  # a file
    proxy_jump: str = ""
    proxy_command: str = ""
    forward_agent: bool = False


class Connection(fabric.Connection):  # type: ignore[misc] # fabric is untyped
    """Fabric's connection with the settings that ssh would use, not those that Fabric reads from ssh_config."""

    settings = Settings("", "", "")
    # A real attribute: otherwise Fabric's __init__ writes it into the config, which all threads share and which is
    # empty for a moment during the write.
    inline_ssh_env: bool | None = None

    def __init__(self, settings: Settings, config: fabric.Config) -> None:
        self._set(settings=settings)
        super().__init__(
            settings.host_name,
            user=settings.user,
            port=settings.port,
            config=config,
            gateway=False,
            forward_agent=settings.forward_agent or config.forward_agent,
        )
        timeout = settings.connect_timeout or config.timeouts.connect
        self.connect_timeout = None if "timeout" in self.connect_kwargs else timeout  # fab's -t has priority

    def resolve_connect_kwargs(self, connect_kwargs: object) -> dict[str, object]:  # noqa: ARG002 - Fabric's signature
        """paramiko's arguments for this connection: those of fab's flags, and the key files of ssh_config."""
        given = dict(self.config.connect_kwargs)
        files = given.get("key_filename") or []
        files = [files] if isinstance(files, str) else [*files]
        return given | {"key_filename": list(dict.fromkeys([*files, *self.settings.identity_files]))}

    def open_gateway(self) -> Any:
        """The socket of the gateway; the operator's shell runs a ProxyCommand, as with ssh."""
        if not isinstance(self.gateway, str):
            return super().open_gateway()
        from paramiko.proxy import ProxyCommand

        # paramiko splits the text into words and starts no shell.
        shell = os.environ.get("SHELL") or "/bin/sh"
        return ProxyCommand(shlex.join([shell, "-c", f"exec {self.gateway}"]))


def from_values(values: Values, name: str, user: str | None, port: int | None) -> Settings:
    """The settings from ssh_config's keywords and values. Raises BadInput for a value that cannot be read."""

    def first(key: str) -> str:
        found = (values.get(key) or [""])[0]
        return "" if found.lower() == "none" else found

    def is_yes(key: str) -> bool:
        return first(key).lower() in ("yes", "true")

    port = port or _number(first("port") or "22", "Port", name)
    host_name = first("hostname") or name
    user = user or first("user") or _local_user()
    alias = first("hostkeyalias")
    tokens = {
        "%": "%",
        "d": expand_home("~"),
        "h": host_name,
        "i": str(os.getuid()),
        "j": first("proxyjump"),
        "k": alias or name,
        "L": socket.gethostname().partition(".")[0],
        "l": socket.gethostname(),
        "n": name,
        "p": str(port),
        "r": user,
        "u": _local_user(),
    }
    expand = functools.partial(_expanded, tokens=tokens)
    files = [file for file in values.get("identityfile", []) if file]
    usual = not files or (len(files) > 2 and USUAL_FILES.issuperset(files))
    methods = first("preferredauthentications").lower().split(",")
    if methods == [""]:
        methods = ["publickey", "gssapi-with-mic"]
    return Settings(
        name=name,
        host_name=host_name,
        user=user,
        port=port,
        connect_timeout=_seconds(first("connecttimeout"), name),
        identity_files=() if usual else tuple(expand(file) for file in files if file.lower() != "none"),
        usual_identities=usual,
        certificate_files=tuple(expand(file) for file in values.get("certificatefile", []) if file.lower() != "none"),
        identities_only=is_yes("identitiesonly"),
        agent_socket=_agent_socket((values.get("identityagent") or [""])[0], tokens),
        offers_keys=first("pubkeyauthentication").lower() not in ("no", "false") and "publickey" in methods,
        kerberos=is_yes("gssapiauthentication") and "gssapi-with-mic" in methods,
        kerberos_host=first("gssapiserveridentity"),
        kerberos_principal=first("gssapiclientidentity"),
        kerberos_delegate=is_yes("gssapidelegatecredentials"),
        kerberos_ask_dns=is_yes("gssapitrustdns"),
        host_key_alias=alias,
        user_known_hosts=_paths(values.get("userknownhostsfile") or [USER_KNOWN_HOSTS], tokens),
        global_known_hosts=_paths(values.get("globalknownhostsfile") or [GLOBAL_KNOWN_HOSTS], tokens),
        revoked_host_keys=expand(first("revokedhostkeys")),
        # Jump hosts may have tokens too; "none" means no jump host.
        proxy_jump=_expanded(first("proxyjump"), tokens, home=False),
        proxy_command=_expanded(first("proxycommand"), tokens, home=False),
        forward_agent=is_yes("forwardagent"),
    )


def _expanded(text: str, tokens: Mapping[str, str], *, home: bool = True) -> str:
    """`text` with its tokens and, in a path, ~ and variables expanded; unknown ones stay."""

    def value(found: re.Match[str]) -> str:
        if found[1]:
            return tokens.get(found[1], found[0])
        return os.environ.get(found[2], found[0]) if home else found[0]

    text = expand_home(text) if home else text
    return re.sub(r"%(.)|\$\{(\w+)\}", value, text) if "%" in text or "$" in text else text


def _agent_socket(named: str, tokens: Mapping[str, str]) -> str:
    if named.lower() == "none":
        return ""
    named = _expanded(named or "SSH_AUTH_SOCK", tokens)
    if named == "SSH_AUTH_SOCK":
        named = "$SSH_AUTH_SOCK"
    return os.environ.get(named[1:], "") if named.startswith("$") else named


def _paths(values: list[str], tokens: Mapping[str, str]) -> tuple[Path, ...]:
    """The files of a list. ssh prints no quotes, so a name with spaces is recognized only if the file exists."""
    words = [word for value in values for word in value.split(" ")]
    paths: list[Path] = []
    while words:
        joined = [_expanded(" ".join(words[:end]), tokens) for end in range(1, len(words) + 1)]
        there = [number for number, path in enumerate(joined) if os.path.isfile(path)]  # noqa: PTH113 - Path's may raise
        begins = [number for number, word in enumerate(words) if word.startswith(("/", "~"))]
        last = there[-1] if there else next((number - 1 for number in begins if number), len(words) - 1)
        if joined[last].lower() not in ("none", ""):
            paths.append(Path(joined[last]))
        words = words[last + 1 :]
    return tuple(paths)


def _seconds(text: str, name: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"(\d+[smhdw]?)+", text, re.IGNORECASE):
        raise BadInput(
            f"{name}: ssh_config: ConnectTimeout {escape_control_chars(text)}: must be a time. {NOTHING_TOUCHED}"
        )
    return sum(int(count) * UNITS[unit] for count, unit in re.findall(r"(\d+)([smhdw]?)", text.lower())) or None


def _number(text: str, key: str, name: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise BadInput(f"{name}: ssh_config: {key} {escape_control_chars(text)}: must be a number. {NOTHING_TOUCHED}")
    return int(text)


def _local_user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name  # as ssh does; LOGNAME may say anything
    except KeyError:
        return getpass.getuser()
