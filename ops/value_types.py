"""The types of single values of the inventory: each with the rule that the operator reads if a value breaks it."""

from typing import Annotated, Literal

from msgspec import Meta


def matching(pattern: str, rule: str) -> Meta:
    """Text that must match `pattern` as a whole; `rule` is the message for the operator."""
    return Meta(pattern=rf"^(?:{pattern})\Z", description=rule)


_PATH = r"(?!.*/\.\.?(/|$))(/[^/]+)+"
_OF_PROGRAM = rf"%\((?:here|ENV_[A-Za-z_][A-Za-z0-9_]*)\)s(?:{_PATH})?|{_PATH}"  # a path that supervisord may expand
_LOOPBACK = r"(127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}|localhost):[0-9]{1,5}"

Text = Annotated[str, matching(r".+", "must not be empty")]
Name = Annotated[
    str, matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}", "must be a name of letters, digits, dots and dashes")
]
SecretName = Annotated[
    str,
    matching(r"[A-Za-z][A-Za-z0-9_]*", "must be a name of letters, digits and _, since templates say secrets.NAME"),
]
AppName = Annotated[
    str,
    matching(
        r"(?!service\Z)[a-z][a-z0-9_]{0,30}",
        "must be a name of small letters, digits and _, other than 'service', the name of [app]",
    ),
]
Account = Annotated[str, matching(r"[a-z_][a-z0-9_-]{0,31}", "must be the name of an account")]


Address = Annotated[  # of IPv6 also with a zone; ops/inventory/constraints.py checks those again
    str, matching(r"[A-Za-z0-9][A-Za-z0-9._-]*|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%.+)?", "must be a name or IP address")
]
Attribute = Annotated[
    str,
    matching(r"(?!HTTP_)[A-Za-z][A-Za-z0-9_-]*", "must be the name of an attribute, and must not begin with HTTP_"),
]
HostKey = Annotated[
    str,
    matching(
        r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]{60,}={0,2}( .*)?",
        "must be a host's public key, as ssh-keyscan prints it after the name: 'ssh-ed25519 AAAA…'",
    ),
]
HeaderName = Annotated[
    str, matching(r"[A-Za-z][A-Za-z0-9-]{0,63}", "must be the name of a header: letters, digits, dashes")
]
HeaderValue = Annotated[
    str,
    matching(
        r"(?!expr=)[!-~]([ -~]*[!-~])?",
        "must be printable ASCII, and must not begin with expr= (an Apache expression)",
    ),
]
EmailRule = Annotated[
    str,
    matching(
        r"|extension|[A-Za-z0-9._+-]*\{user\}[A-Za-z0-9._+-]*@[A-Za-z0-9.-]+",
        "must be 'extension' or an address with {user} in it, such as {user}@example.org",
    ),
]
Port = Annotated[int, Meta(ge=1, le=65535)]
AbsolutePath = Annotated[str, matching(_PATH, "must be an absolute path without '..' or a trailing slash")]
UrlPath = Annotated[
    str,
    matching(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+", "must be a path such as /poms, with no trailing slash"),
]
IPv4 = Annotated[
    str, matching(r"(?!127\.)[0-9]{1,3}(\.[0-9]{1,3}){3}", "must be an IPv4 address of the host, not 127.…")
]
RootOrPath = Annotated[
    str,
    matching(r"/|(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+", "must be / or a path such as /poms, with no trailing slash"),
]
_URL_END = r"(/[A-Za-z0-9._~-]+)*/?"
_UNIX = r"unix:(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+\|"
BackendUrl = Annotated[
    str,
    matching(
        rf"((http|uwsgi)://{_LOOPBACK}|{_UNIX}(http|uwsgi)://[A-Za-z0-9][A-Za-z0-9.-]*){_URL_END}",
        "must be a service of this host: http:// or uwsgi:// with a loopback address and port, such as "
        "http://127.0.0.1:3000/, or a unix socket, such as unix:/run/x.sock|http://x/",
    ),
]
AttributeValue = Annotated[
    str,
    matching(
        r"(?!~)[!-~]([ -~]*[!-~])?",
        "must be printable ASCII, and must not begin with '~' (mod_shib takes all that follow for patterns)",
    ),
]
Listen = Annotated[
    str,
    matching(
        rf"{_LOOPBACK}|{_PATH}",
        "must be a loopback address and port (127.0.0.1:8888) or the absolute path of a unix socket",
    ),
]
Network = Annotated[
    str, matching(r"[0-9A-Fa-f:.]+(/[0-9]{1,3})?", "must be an address or a network, such as 131.225.0.0/16")
]
Command = Annotated[list[Text], Meta(min_length=1)]
Count = Annotated[int, Meta(ge=0, le=1000)]
PositiveCount = Annotated[int, Meta(ge=1, le=1000)]
Megabytes = Annotated[int, Meta(ge=1, le=1_048_576)]
MemoryLimit = Annotated[
    Megabytes | None, Meta(description="must be a whole number of MB from 1 to 1048576, or false")
]
Seconds = Annotated[int, Meta(ge=0, le=86_400)]
Size = Annotated[str, matching(r"[0-9]{1,9}(KB|MB|GB)?", "must be a size such as 50MB (0: no limit)")]
Duration = Annotated[str, matching(r"[1-9][0-9]{0,4}[smh]", "must be a time such as 90s, 5m or 1h")]
Status = Annotated[int, Meta(ge=0, le=599)]
HttpStatus = Annotated[int, Meta(ge=100, le=599)]
VERSION = "{version}"  # in texts of the inventory
Version = Annotated[
    str,
    matching(
        r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}", "must be a version: letters, digits, dots, dashes, underscores or plus"
    ),
]
ProcessName = Annotated[  # a format of supervisord's, which ops/formats/process_names.py expands
    str,
    matching(
        r"(?:[^%\s:/]|%%|%\((?:program|group)_name\)s|%\(process_num\)(?:0?[1-9])?[sd])+",
        "must be a name without blanks, : and /; %(program_name)s, %(group_name)s and %(process_num)02d stand for "
        "what supervisord knows, %% for a percent sign",
    ),
]
Mask = Annotated[str, matching(r"0?[0-7]{3}", "must be an octal mask such as 022")]
ProgramPath = Annotated[str, matching(_OF_PROGRAM, "must be an absolute path without '..'")]
LogPlace = Annotated[
    str,
    matching(rf"AUTO|NONE|syslog|{_OF_PROGRAM}", "must be an absolute path without '..', or AUTO, NONE or syslog"),
]
FcgiSocket = Annotated[
    str,
    matching(
        rf"tcp://{_LOOPBACK}|unix://(?:{_OF_PROGRAM})",
        "must be tcp:// with a loopback address and port (tcp://127.0.0.1:9000), or unix:// with an absolute path",
    ),
]
LoopbackPort = Annotated[str, matching(_LOOPBACK, "must be a loopback address and port, such as 127.0.0.1:9001")]
Pattern = Annotated[str, matching(r"\S+", "must be a path, with * and ? in it, without blanks")]
EventName = Annotated[str, matching(r"[A-Z0-9_]+", "must be the name of an event, such as PROCESS_STATE_EXITED")]
Signal = Literal["TERM", "HUP", "INT", "QUIT", "KILL", "USR1", "USR2"]
UwsgiSocket = Annotated[
    str,
    matching(
        rf"{_LOOPBACK}|\[::1\]:[0-9]{{1,5}}|{_PATH}",
        "must be a loopback address and port (127.0.0.1:8888, [::1]:8888) or the absolute path of a unix socket",
    ),
]
UwsgiOption = Annotated[str, matching(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*", "must be the name of a uWSGI option")]
UwsgiValue = bool | int | str | list[bool | int | str]
