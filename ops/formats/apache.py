"""The written form of values in Apache's configuration files.

Source: Apache 2.4 manual, "Configuration Files" (quotes and `${}`) and "Expressions in Apache HTTP Server".
"""

import re
import warnings
from collections.abc import Iterator

from ops.formats import apps
from ops.schema import Host

OWN = "/poms-ops"  # the path on 443 for requests of the host itself
PAGES = "/poms-ops-maintenance"  # the path of the maintenance pages, which only Apache itself requests
SHIBBOLETH = "/Shibboleth.sso"  # mod_shib's own pages
SWITCH = "on"  # the file that switches maintenance on; its text is the answer's Retry-After


def quote(value: object) -> str:
    """`value` as one argument of a directive, in double quotes."""
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def regex_escape(value: str) -> str:
    """A regular expression that matches exactly `value`, for use between `m#` and `#`.

    The first `#` ends the expression even after a backslash, so `#` is written as its code. Apache's PCRE compares
    bytes, so characters that are not ASCII need no escape.
    """
    return re.sub(r"((?![A-Za-z0-9 ,=:@_])[\x00-\x7f])", r"\\\1", value).replace(r"\#", r"\x23")


def proxy_target(host: Host, path: str = "") -> str:
    """Where ProxyPass sends requests for `path` (the app's own): uwsgi protocol over loopback TCP or a socket."""
    path = path or host.app.path
    if host.app.listen.startswith("/"):
        return f"unix:{host.app.listen}|uwsgi://{host.account}{path}"
    return f"uwsgi://{host.app.listen}{path}"


def listens(host: Host, port: int | str) -> list[str]:
    """The values of Listen for a port: the port alone, or each address of the inventory and the host's own."""
    if not host.apache.addresses:
        return [str(port)]
    return [f"{address}:{port}" for address in ("127.0.0.1", *host.apache.addresses)]


def check_page(host: Host) -> str:
    """The path of the app's page for the check whether it answers."""
    return host.app.check_path or host.app.path


def own_page(host: Host) -> str:
    """The path at which the host asks Apache for that page; the app sees it as mounted at `OWN`."""
    return f"{OWN}{check_page(host)}"


def expr_quote(value: str) -> str:
    """`value` as a text in an expression of Apache's, in single quotes."""
    return "'" + re.sub(r"([\\'%$])", r"\\\1", value) + "'"


def maintenance_switch(host: Host) -> str:
    """The expression that is true for a visitor during maintenance, and has the Retry-After as $1."""
    file = _switch(host)
    passing = [f"!(%{{REMOTE_ADDR}} -ipmatch {expr_quote(network)})" for network in host.maintenance.allow]
    return " && ".join([f"-f {file}", f"file({file}) =~ m#^([A-Za-z0-9,: ]+)#", *passing])


def maintenance_mark(host: Host) -> str:
    """The part of the deployed expression by which a virtual host knows the page."""
    return quote(f"-f {_switch(host)}")[1:-1]


def _switch(host: Host) -> str:
    return expr_quote(f"{host.maintenance.folder}/{SWITCH}")


def maintenance_paths(host: Host) -> str:
    """The regular expression of the paths that maintenance closes: all of the apps', but for `maintenance.paths`.

    Locations with a backend of their own stay, and so do Apache's own pages, where the app is at "/". Apache before
    2.4.39 leaves repeated slashes in the path, and takes them for one.
    """
    others = [one.path for one in host.locations.values() if not one.app]
    own = [SHIBBOLETH, PAGES] if host.app.path == "/" else []
    left = "".join(f"(?!{regex_escape(path)}$)" for path in host.maintenance.paths)
    left += "".join(f"(?!{_below(path)})" for path in (*own, *others))
    of_apps = [host.app.path, *(one.path for one in apps.locations(host).values() if one.app)]
    closed = [path for path in dict.fromkeys(of_apps) if path == host.app.path or not is_within(path, host.app.path)]
    return f"^{left}{_below(closed[0])}" if len(closed) == 1 else f"^{left}(?:{'|'.join(map(_below, closed))})"


def _below(path: str) -> str:
    """The regular expression of a path and those below it."""
    return "".join(f"/+{regex_escape(part)}" for part in path.split("/")[1:] if part) + "(?:/|$)"


def is_within(path: str, folder: str) -> bool:
    """Whether a path is the folder, or below it; for paths of a URL and of a file."""
    return f"{path.rstrip('/')}/".startswith(f"{folder.rstrip('/')}/")


def response_headers(host: Host) -> dict[str, str]:
    """The headers of every answer to a visitor: the inventory's, and HSTS if it is on."""
    asked = {"Strict-Transport-Security": f"max-age={host.apache.hsts}"} if host.apache.hsts else {}
    return asked | host.apache.response_headers


def unwritable(host: Host) -> Iterator[tuple[tuple[str, ...], str]]:
    """(path of keys, rule) for every value that Apache's configuration does not support."""
    apache, identity = host.apache, host.identity
    texts: dict[tuple[str, ...], str] = {
        ("apache", key): getattr(apache, key)
        for key in ("server_root", "conf_d", "log_dir", "certificate", "key", "ca_dir", "revocation_dir")
    }
    texts["apache", "chain"] = apache.chain or ""
    texts["maintenance", "folder"] = host.maintenance.folder
    texts |= {apps.app_key(view, "listen"): view.app.listen for view in apps.views(host)}
    texts["identity", "user_id"] = identity.user_id
    for key in ("certificate_issuer", "certificate_subject_end"):
        texts["identity", key] = getattr(identity, key)
    for number, row in enumerate(identity.service_certificates):
        texts["identity", "service_certificates", str(number), "issuer"] = row.issuer
        texts["identity", "service_certificates", str(number), "subject"] = row.subject
    for name, value in apache.response_headers.items():
        texts["apache", "response_headers", name] = value
    for loc, text in texts.items():
        if "${" in text:
            yield loc, "must not contain '${', which Apache replaces by a variable"
    for view in apps.views(host):
        if view.app.listen.startswith("/") and not re.fullmatch(r"[\w./-]+", view.app.listen):
            rule = (
                "must have only letters, digits and ._-/ since other characters have a meaning in Apache's ProxyPass"
            )
            yield apps.app_key(view, "listen"), rule
    for rule in _user_id_rules(identity.user_id):
        yield ("identity", "user_id"), rule


def _user_id_rules(pattern: str) -> Iterator[str]:
    """The rules that the pattern breaks in Python's `re`, which is close enough to Apache's PCRE for these checks."""
    if re.search(r"[#\s]", pattern):
        yield "must not contain '#' or a blank"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        yield f"must be a regular expression: {error}"
        return
    except FutureWarning:
        yield "must not contain a class in a class, such as [[:alpha:]]; write [A-Za-z]"
        return
    if compiled.groups:
        yield "must not contain a group of its own; write (?:…)"
    if any(compiled.fullmatch(text) for text in _no_user_ids()):
        yield "must not match an empty text, a blank, a comma, '/', '=' or '\\' (they separate a certificate's names)"


def _no_user_ids() -> Iterator[str]:
    """Texts that are no user id, to test a pattern; short, since a pattern may be slow with long texts."""
    yield ""
    for char in " ,/=\\":
        for length in range(1, 11):
            yield char * length
            for other in "aA0":
                yield other * length + char
                yield other + char * length
                yield other + char + other * length
