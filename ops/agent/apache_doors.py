"""Where Apache's files hand requests to a backend: the doors that nobody declared are found by this.

It reads text, as Apache 2.4's "Configuration Files" and "Configuration Sections" have it: sections, arguments in
quotes, lines that go on behind a backslash.
"""

import re

from ops.agent.apache_directives import values_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

SECTION = re.compile(r"<(/?)(\w+)\s*([^>]*)>")
WORD = re.compile(r'"((?:[^"\\]|\\.)*)"' r"|'((?:[^'\\]|\\.)*)'" r"|(\S+)")
PROXY = ("proxypass", "proxypassmatch")
BACKEND = re.compile(r"(?:unix:([^|\"\s]+)\|)?\b(?:uwsgi|https?|h2c?|fcgi|scgi|ajp|wss?)://([\w.-]+)?(?::(\d+))?")
PLAIN = re.compile(r"\\(\W)|\[(\W)\]|([^.*+?()\[\]{}|$\\])")  # of a regular expression, one character


class Door:
    """A `path` of the virtual host with these `ports` (none: of the server itself), and the `target` behind it.

    `target` is "" where a location lies in another one's path.
    """

    def __init__(self, ports: "list[int]", path: str, target: str) -> None:
        self.ports = ports
        self.path = path
        self.target = target


def doors_in(text: str) -> "list[Door]":
    """The paths of a file's text that reach a backend, and the locations below them."""
    found: list[Door] = []
    for ports, lines in _hosts(text):
        places = _places(lines)
        proxied = [path for path, target in places if target]
        found += [
            Door(ports, path, target)
            for path, target in places
            if target or any(_is_within(path, other) for other in proxied)
        ]
    return found


def ports_in(text: str) -> "list[int | None]":
    """The ports of Listen and of each virtual host; None for one that cannot be read, as a variable."""
    names = [*values_of("Listen", _joined(text)), *_addresses(text)]
    ends = [name.rpartition(":")[2] for name in names]
    return [int(end) if end.isdigit() else None for end in ends]


def backends_in(text: str) -> "list[str]":
    """The loopback addresses and sockets that requests are handed to: "127.0.0.1:8888", or a path."""
    found = []
    for line in _joined(text).splitlines():
        if re.match(r"\s*(ProxyPass|ProxyPassMatch|BalancerMember|SetHandler|RewriteRule)\b", line, re.IGNORECASE):
            for path, name, port in BACKEND.findall(line):
                is_local = name == "localhost" or name.startswith("127.")
                found += [path] if path else [f"{name}:{port or 80}"] if is_local else []
    return list(dict.fromkeys(found))


def is_same(one: str, other: str) -> bool:
    """Whether two addresses are of one socket, by the port, or by the path of a socket."""
    return one.rpartition(":")[2] == other.rpartition(":")[2]


def _joined(text: str) -> str:
    return re.sub(r"\\\r?\n", "", text)


def _addresses(text: str) -> "list[str]":
    sections = [SECTION.match(line.strip()) for line in _joined(text).splitlines()]
    hosts = [one.group(3) for one in sections if one and not one.group(1) and _is_host(one.group(2))]
    return [word.strip("\"'") for addresses in hosts for word in addresses.split()]


def _is_host(name: str) -> bool:
    return name.lower() == "virtualhost"


def _hosts(text: str) -> "Iterable[tuple[list[int], list[str]]]":
    """The lines of the server itself, and those of each virtual host with its ports."""
    server: list[str] = []
    hosts: list[tuple[list[int], list[str]]] = [([], server)]
    lines = server
    for line in _joined(text).splitlines():
        line = line.strip()
        section = SECTION.match(line)
        if section and _is_host(section.group(2)):
            lines = server
            if not section.group(1):
                ports = [port for port in ports_in(line) if port]
                lines = []
                hosts.append((ports, lines))
        elif not line.startswith("#"):
            lines.append(line)
    return hosts


def _places(lines: "list[str]") -> "list[tuple[str, str]]":
    """(path, target) of each location and each path that is handed on; "" for a location without a target."""
    places: dict[str, str] = {}
    inside = ""
    for line in lines:
        section = SECTION.match(line)
        words = [double or single or bare for double, single, bare in WORD.findall(line)]
        if section and section.group(2).lower() in ("location", "locationmatch"):
            inside = "" if section.group(1) else _path_of(section)
            if inside:
                places.setdefault(inside, "")
        elif len(words) > 1 and words[0].lower() in PROXY:
            path, target = (inside, words[1]) if inside else (_literal(words[1]), words[2] if len(words) > 2 else "")
            if target not in ("", "!"):
                places[path] = target
        elif len(words) > 1 and words[0].lower() == "sethandler" and words[1].startswith("proxy:"):
            places[inside or "/"] = words[1]
        elif len(words) > 3 and words[0].lower() == "rewriterule" and re.search(r"[\[,]P[,\]]", words[-1]):
            places[inside or _literal(words[1])] = words[2]
    return list(places.items())


def _path_of(section: "re.Match[str]") -> str:
    words = [double or single or bare for double, single, bare in WORD.findall(section.group(3))]
    return _literal(words[-1]) if words else "/"


def _literal(pattern: str) -> str:
    """The path of a location; of a regular expression, what it begins with, as far as that is plain text."""
    if not pattern.startswith("^"):
        return pattern if pattern.startswith("/") else "/"
    text, found = "", PLAIN.match(pattern, 1)
    while found:
        text += found.group(1) or found.group(2) or found.group(3)
        found = PLAIN.match(pattern, found.end())
    return text if text.startswith("/") else "/"


def _is_within(path: str, folder: str) -> bool:
    return f"{path.rstrip('/')}/".startswith(f"{folder.rstrip('/')}/")
