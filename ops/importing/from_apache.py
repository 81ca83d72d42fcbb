"""Apache's two virtual hosts as values of the inventory."""

import posixpath
import re
from collections.abc import Callable

from ops.agent.apache_words import Directive
from ops.door_tables import CERTIFICATE as CERTIFICATE_DOOR
from ops.door_tables import LOGIN as LOGIN_DOOR
from ops.importing import apache_files, apache_names, apache_settings, from_locations
from ops.importing.apache_hosts import BACKEND, VirtualHost, address_of, is_login, leads_to, virtual_hosts
from ops.importing.imported import Imported
from ops.importing.reading import RELOADS, RESTARTS, HostReading
from ops.importing.settings import APACHE
from ops.schema import Apache

MEGABYTE = 1 << 20
LOGIN, CERTIFICATE = "httpd/conf.d/ssl.conf.j2", "httpd/conf.d/cert_ssl.conf.j2"
# Directives of a virtual host that poms-ops does not write: they go into a template as they are. None of them grants
# anything, or sets a variable: the app takes some for who asks.
KEPT = frozenset(
    [
        *("aliasmatch", "redirect", "redirectmatch", "redirectpermanent", "redirecttemp", "errordocument"),
        *("documentroot", "serveradmin", "directoryindex", "addtype", "addencoding", "expiresactive"),
        *("expiresbytype", "expiresdefault", "proxypreservehost", "addoutputfilterbytype"),
    ]
)
_ATTRIBUTE = re.compile(r"%\{([A-Za-z][\w-]*)\}e")
_EMAIL = re.compile(r"X_?-?SHIB_?-?EMAIL:%\d(@[A-Za-z0-9.-]+)", re.IGNORECASE)
DEFAULT_HEADERS = Apache().response_headers
_HEADERS = {
    "x-shib-email": "email_attribute",
    "x-shib-name-first": "first_name_attribute",
    "x-shib-name-last": "last_name_attribute",
}


def read(reading: HostReading, into: Imported) -> None:
    """Add what the virtual hosts have that lead to the app."""
    if reading.apache is None:
        into.leave_out(APACHE, "Apache", "it was not found: write [defaults.apache] by hand")
        return
    found = apache_settings.directives(reading.apache)
    hosts = [one for one in virtual_hosts(found) if one.backend]
    by_certificate = [one for one in hosts if one.all("sslverifyclient") and not is_login(one)]
    by_login = [one for one in hosts if one not in by_certificate]
    _read_commands(reading, into)
    for one in by_login[:1]:
        _read_host(one, "port", LOGIN, into)
    for one in by_certificate[:1]:
        _read_host(one, "cert_port", CERTIFICATE, into)
    _read_protocols(found, [*by_login[:1], *by_certificate[:1]], into)
    apache_files.empty_replaced(found, [*by_login[:1], *by_certificate[:1]], reading.host.apache.conf_d, into)
    for one in [*by_login[1:], *by_certificate[1:]]:
        into.leave_out(
            APACHE,
            f"the virtual host of port {one.port}",
            "write it as a file of your own: templates/httpd/conf.d/NAME.conf.j2",
        )
    if not by_login:
        into.leave_out(
            APACHE,
            "people's virtual host",
            "no virtual host without SSLVerifyClient leads to uWSGI: see [defaults.apache]",
        )
    if not by_certificate:
        into.leave_out(
            APACHE,
            "the certificates' virtual host",
            "none with SSLVerifyClient leads to uWSGI; poms-ops makes one: see [defaults.apache] cert_port",
        )
    for one in by_certificate[:1]:
        _read_certificates(one, reading.apache.authorities, into)
    for one in by_login[:1]:
        _read_attributes(one, into)
    doors = {LOGIN_DOOR: by_login[:1], CERTIFICATE_DOOR: by_certificate[:1]}
    around = any(
        one.name == "require" and one.path[:1] and one.path[0].startswith(("location", "proxy")) for one in found
    )
    from_locations.read({door: each[0] for door, each in doors.items() if each}, into, has_rules_around=around)
    apache_names.read(found, [*by_login[:1], *by_certificate[:1]], into)


def _read_host(one: VirtualHost, port: str, template: str, into: Imported) -> None:
    """One of the two: its values, and the lines that go into its template as they are."""
    into.put(one.port, "apache", port)
    _read_backend(one, into)
    _read_values(one, into)
    into.add_lines(template, "behind_app", _kept_lines(one))
    for words in one.own("aliasmatch"):
        advice = f"its path is denied, as all that is not granted: add its Location to templates/{template}"
        into.leave_out(APACHE, f"who may see {words[0]} on port {one.port}", advice)


def _read_commands(reading: HostReading, into: Imported) -> None:
    if restart := reading.granted(RESTARTS):
        into.put(restart, "apache", "restart")
    else:
        into.leave_out(
            APACHE, "its restart", "sudo grants none that is known: set apache.restart, and ask for a rule"
        )
    if reload := reading.granted(RELOADS):
        into.put(reload, "apache", "reload")
    else:
        into.notes.append(
            "sudo grants no known reload of Apache: a deploy restarts it, which loses requests (apache.reload)"
        )


def _read_backend(one: VirtualHost, into: Imported) -> None:
    """The path of the app, from its Location or its ProxyPass."""
    listen = into.data.get("app", {}).get("listen")
    directive = next((each for each in one.all("proxypass") if listen and leads_to(each, listen)), one.backend)
    if directive is None:
        return
    location = directive.path[-1].partition(" ")[2] if len(directive.path) > 1 else directive.words[0]
    into.put(location.rstrip("/") or "/", "app", "path")
    for word in directive.words:
        name, _, value = word.partition("=")
        if name == "timeout" and value.isdigit():
            into.put(int(value), "app", "timeout")
        backend = BACKEND.fullmatch(word)
        listen = backend and address_of(backend)
        used = into.data.get("app", {}).get("listen")
        if listen and not used:
            into.put(listen, "app", "listen")
        elif listen and listen != used:
            into.leave_out(
                APACHE, f"port {one.port}: ProxyPass to {listen}", f"uWSGI listens on {used}, which poms-ops uses"
            )


def _name(words: list[str]) -> str:
    return re.sub(r"^[a-z]+://|:[0-9]+$", "", words[0])


def _folder(words: list[str]) -> str | None:
    return posixpath.dirname(words[0]) if words[0].startswith("/") else None


def _megabytes(words: list[str]) -> int | None:
    size = int(words[0]) if words[0].isdigit() else 0
    return -(-size // MEGABYTE) or None


def _number(words: list[str]) -> int | None:
    return int(words[0]) if words[0].isdigit() else None


# A directive directly in a virtual host: the key, and how to read it.
VALUES: dict[str, tuple[str, Callable[[list[str]], object]]] = {
    "servername": ("server_name", _name),
    "sslcertificatefile": ("certificate", lambda words: words[0]),
    "sslcertificatekeyfile": ("key", lambda words: words[0]),
    "sslcertificatechainfile": ("chain", lambda words: words[0]),
    "sslcacertificatepath": ("ca_dir", lambda words: words[0].rstrip("/")),
    "errorlog": ("log_dir", _folder),
    "limitrequestbody": ("upload_limit", _megabytes),
    "timeout": ("client_timeout", _number),
}


def _read_values(one: VirtualHost, into: Imported) -> None:
    for name, (key, value_of) in VALUES.items():
        for words in one.own(name)[-1:]:
            value = value_of(words)
            before = into.data["apache"].get(key, value)
            if value is not None and before == value:
                into.put(value, "apache", key)
            elif value is not None:
                advice = f"the inventory has one apache.{key} for both virtual hosts, now {before}"
                into.leave_out(APACHE, f"port {one.port}: {words[0]}", advice)
    for condition, action, *rest in (words for words in one.own("header") if len(words) >= 3):
        if condition == "always" and action == "set" and rest[1:]:
            _read_header(rest[0], rest[1], into)


def _read_protocols(found: list[Directive], hosts: list[VirtualHost], into: Imported) -> None:
    """HTTP/2, if both have it: of the virtual host, or of the server."""
    of_server = [one.words for one in found if one.name == "protocols" and not one.path]
    spoken = [one.own("protocols") or of_server for one in hosts]
    into.put(all(any("h2" in words for words in each) for each in spoken), "apache", "http2")


def _read_header(name: str, value: str, into: Imported) -> None:
    seconds = re.match(r"max-age=([0-9]+)\s*\Z", value)
    if name.lower() == "strict-transport-security" and seconds:
        into.put(int(seconds[1]), "apache", "hsts")
    else:
        own = into.data["apache"].setdefault("response_headers", dict(DEFAULT_HEADERS))
        own[name] = value.replace("%%", "%")


def _read_certificates(one: VirtualHost, authorities: list[str], into: Imported) -> None:
    """Who certificates stand for: rules of one's own cannot be read back, so what is known of them is said."""
    if len(authorities) == 1:
        into.put(authorities[0], "identity", "certificate_issuer")
    else:
        listed = "; ".join(authorities) or "none that can be read"
        into.leave_out(
            APACHE, "the CA of people's certificates", f"set identity.certificate_issuer; trusted are: {listed}"
        )
    into.leave_out(
        APACHE,
        "how certificates name a user",
        "poms-ops matches a whole subject: set identity.certificate_subject_end, what follows "
        "CN=UID:NAME,CN=FIRST LAST in yours, and identity.service_certificates (docs/inventory.md)",
    )
    for each in one.all("rewriterule"):
        email = _EMAIL.search(" ".join(each.words))
        if email:
            into.put("{user}" + email[1], "identity", "certificate_email")


def _read_attributes(one: VirtualHost, into: Imported) -> None:
    """Headers of a login: the inventory's own, and further ones."""
    for directive in one.all("requestheader"):
        if len(directive.words) < 3 or directive.words[0].lower() != "set":
            continue
        name = directive.words[1].replace("_", "-")
        attribute = _ATTRIBUTE.fullmatch(directive.words[2])
        if not attribute or attribute[1].startswith("HTTP_") or name.lower() == "x-shib-userid":
            continue
        if key := _HEADERS.get(name.lower()):
            into.put(attribute[1], "identity", key)
        elif attribute[1] != "REMOTE_USER":  # which is the user's id, and no attribute
            into.put(attribute[1], "identity", "attributes", name)
            value = apache_settings.value_of(directive)
            place = apache_settings.place_of(apache_settings.on_any_address(directive))
            into.said[APACHE, place, directive.name, value] = ("identity", "attributes", name)


def _kept_lines(one: VirtualHost) -> list[str]:
    kept = [each for each in one.found if each.name in KEPT and len(each.path) == 1]
    return [f"    {each.written} {apache_settings.value_of(each)}" for each in kept]
