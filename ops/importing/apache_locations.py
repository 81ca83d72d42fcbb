"""The paths of an Apache's virtual hosts as locations of the inventory: where each leads, and who may enter."""

import posixpath
import re
from dataclasses import dataclass, field

from ops.agent.apache_words import Directive
from ops.door_tables import CERTIFICATE, LOGIN
from ops.importing.apache_hosts import BACKEND, VirtualHost, address_of

USER, ANYONE = "user", "anyone"
REASON = "imported: nobody was asked there before"
_SESSION = {"valid-user", "shib-session"}
_VERIFIED = re.compile(r"""%\{SSL_CLIENT_VERIFY\} (?:==|eq) ['"]SUCCESS['"]""")


@dataclass(frozen=True)
class Entry:
    """Who may enter a path, as a location has it."""

    allow: str
    addresses: tuple[str, ...] = ()
    attributes: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True)
class Mount:
    """A path of a door with its backend, the address or path of that, and who may enter (None: not sayable).

    `used`: the directives that say all this.
    """

    door: str
    path: str
    kind: str  # of the backend: "uwsgi", "url", "folder"
    target: str
    entry: Entry | None
    used: list[Directive] = field(default_factory=list, compare=False)

    def values(self) -> dict[str, object]:
        """The keys of a location, without its backend and its doors."""
        found: dict[str, object] = {"path": self.path}
        if self.entry and self.entry.allow != USER:
            found["allow"] = self.entry.allow
        if self.entry and self.entry.allow == ANYONE and not self.entry.addresses:
            found["reason"] = REASON
        if self.entry and self.entry.addresses:
            found["addresses"] = list(self.entry.addresses)
        if self.entry and self.entry.attributes:
            found["require_attributes"] = {name: list(values) for name, values in self.entry.attributes}
        return found


def mounts_of(one: VirtualHost, door: str) -> list[Mount]:
    """The paths of a virtual host that lead somewhere, in their order."""
    found = []
    for each in one.found:
        section = _location(each)
        if each.name == "proxypass" and "!" not in each.words:
            path, words = (section, each.words) if section else (each.words[0], each.words[1:])
            target = next((word for word in words if "://" in word), "")
            if path and target:
                found.append(_mount(one, door, _tidy(path), each, target))
        elif each.name == "alias" and len(each.path) == 1 and len(each.words) == 2 and "." not in _end(each.words[1]):
            entry, used = _entry_of(one, door, _tidy(each.words[0]), each.words[1].rstrip("/"))
            place = each.words[1].rstrip("/")
            found.append(Mount(door, _tidy(each.words[0]), "folder", place, entry, [each, *used]))
    return found


def _mount(one: VirtualHost, door: str, path: str, proxy: Directive, target: str) -> Mount:
    entry, used = _entry_of(one, door, path, "")
    back = [each for each in one.all("proxypassreverse") if _location(each) == path or each.words[:1] == [path]]
    uwsgi = BACKEND.fullmatch(target)
    if uwsgi:
        return Mount(door, path, "uwsgi", address_of(uwsgi), entry, [proxy, *back, *used])
    return Mount(door, path, "url", target, entry, [proxy, *back, *used])


def _entry_of(one: VirtualHost, door: str, path: str, folder: str) -> tuple[Entry | None, list[Directive]]:
    """Who may enter a path: as the last section around it says that says anything; and its directives."""
    rules = [
        each
        for each in one.found
        if len(each.path) > 1 and each.name in ("require", "satisfy", "allow", "deny", "order", "authtype")
    ]
    around = [each for each in rules if _is_around(each, path, folder)]
    asked = [each for each in around if each.name == "require"]
    if any(each.name in ("satisfy", "allow", "deny", "order") for each in around):
        return None, around
    if not all(each.path[1].startswith(("location /", "directory /")) for each in rules):
        return None, around  # a pattern, whose rules may hold here or not
    if not asked and folder:
        return None, around  # as the server has it for its folders
    if not asked:
        return Entry(USER if door != LOGIN else ANYONE), around
    last = asked[-1].path[1]
    return _read([each for each in asked if each.path[1] == last], door), around


def _read(asked: list[Directive], door: str) -> Entry | None:
    """The rules of one section: alternatives, unless they are in <RequireAll>."""
    kinds: dict[str, list[list[str]]] = {}
    for each in asked:
        if any(part.startswith(("requireany", "requirenone", "limit", "if")) for part in each.path[2:]):
            return None
        kinds.setdefault(_kind(each, door), []).append(each.words[1:])
    is_all = all("requireall" in each.path[2:] for each in asked)
    if "" in kinds or (len(kinds) > 1 and not is_all):
        return None
    who = [kind for kind in (ANYONE, USER, CERTIFICATE) if kind in kinds]
    by_address = tuple(word for words in kinds.get("ip", []) for word in words)
    attributes = [(words[0], tuple(words[1:])) for words in kinds.get("attribute", [])]
    several = len({name for name, _ in attributes}) > 1 and not is_all
    if len(who) > 1 or several or (is_all and len(kinds.get("ip", [])) > 1):
        return None
    merged: dict[str, tuple[str, ...]] = {}
    for name, values in attributes:
        merged[name] = merged.get(name, ()) + values
    allow = who[0] if who else USER if merged or (by_address and door == CERTIFICATE) else ANYONE
    return Entry(allow, by_address, tuple(merged.items()))


def _kind(one: Directive, door: str) -> str:
    """What a Require asks for; "" for what the inventory has no key for."""
    word, text = one.words[0].lower(), " ".join(one.words[1:])
    if one.words == ["all", "granted"]:
        return ANYONE if door == LOGIN else USER
    if word == "ip":
        return "ip"
    if word in _SESSION:
        return USER
    if word == "shib-attr" and len(one.words) > 2 and "~" not in one.words:
        return "attribute"
    if word == "ssl-verify-client" or (word == "expr" and _VERIFIED.fullmatch(text)):
        return CERTIFICATE if door == LOGIN else USER
    return ""


def _location(one: Directive) -> str:
    """The path of the <Location> that a directive is in; "" if it is in none."""
    kind, _, path = one.path[1].partition(" ") if len(one.path) > 1 else ("", "", "")
    return _tidy(path) if kind == "location" and path.startswith("/") else ""


def _is_around(one: Directive, path: str, folder: str) -> bool:
    kind, _, own = one.path[1].partition(" ")
    inside = folder if kind == "directory" else path if kind == "location" else ""
    own = _tidy(own)
    return bool(inside) and (own == "/" or inside == own or inside.startswith(f"{own}/"))


def _tidy(path: str) -> str:
    return path.rstrip("/") or "/"


def _end(path: str) -> str:
    return posixpath.basename(path.rstrip("/"))
