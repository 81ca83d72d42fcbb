"""The written form of values in Apache's configuration files.

Source: Apache 2.4 manual, "Configuration Files" (quotes and `${}`) and "Expressions in Apache HTTP Server".
"""

import re
from collections.abc import Iterator

from ops.schema import Host


def quote(value: object) -> str:
    """`value` as one argument of a directive, in double quotes."""
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def literal(value: str) -> str:
    """A regular expression that matches exactly `value`, for use between `m#` and `#`.

    The first `#` ends it, whatever stands before it, so that one goes by its code. Apache's PCRE compares bytes: what
    is not ASCII stands for itself.
    """
    return re.sub(r"([^A-Za-z0-9 ,=:@_\u0080-\U0010ffff])", r"\\\1", value).replace(r"\#", r"\x23")


def proxy_target(host: Host) -> str:
    """Where ProxyPass sends the app's requests: uwsgi protocol over loopback TCP or a unix socket."""
    if host.app.listen.startswith("/"):
        return f"unix:{host.app.listen}|uwsgi://{host.account}{host.app.path}"
    return f"uwsgi://{host.app.listen}{host.app.path}"


def unwritable(host: Host) -> Iterator[tuple[tuple[str, ...], str]]:
    """(path of keys, rule) for every value that Apache's configuration cannot hold as it stands."""
    apache, identity = host.apache, host.identity
    texts: dict[tuple[str, ...], str] = {
        ("apache", key): getattr(apache, key)
        for key in ("server_root", "conf_d", "log_dir", "certificate", "key", "ca_dir")
    }
    texts |= {("app", "listen"): host.app.listen, ("identity", "user_id"): identity.user_id}
    for key in ("certificate_issuer", "certificate_subject_end"):
        texts["identity", key] = getattr(identity, key)
    for number, row in enumerate(identity.service_certificates):
        texts["identity", "service_certificates", str(number), "issuer"] = row.issuer
        texts["identity", "service_certificates", str(number), "subject"] = row.subject
    for loc, text in texts.items():
        if "${" in text:
            yield loc, "must not hold '${', which Apache replaces by a variable"
    if any(char in host.app.listen for char in "|? "):
        yield (
            ("app", "listen"),
            "must not hold a blank, '|' or '?': Apache's ProxyPass cannot name such a socket",
        )
    if re.search(r"[#\s]", identity.user_id):
        yield ("identity", "user_id"), "must not hold '#' or a blank"
    if _groups(identity.user_id):
        yield ("identity", "user_id"), "must not hold a group of its own; write (?:…)"


def _groups(pattern: str) -> int:
    try:
        return re.compile(pattern).groups
    except re.error:
        return 0
