"""The further paths of the doors as locations of the inventory, or as the path of a further app."""

import re

from ops.door_tables import CERTIFICATE, LOGIN
from ops.importing import apache_settings
from ops.importing.apache_hosts import VirtualHost
from ops.importing.apache_locations import ANYONE, USER, Mount, mounts_of
from ops.importing.imported import Imported
from ops.importing.settings import APACHE

BOTH = [LOGIN, CERTIFICATE]


def read(doors: dict[str, VirtualHost], into: Imported, *, has_rules_around: bool) -> None:
    """Add the paths of these virtual hosts, by their doors, that are not the first app's own.

    `has_rules_around`: the server has rules of its own on who may enter, so nothing counts as open to anyone.
    """
    app = into.data.get("app", {})
    apps = {one["listen"]: name for name, one in into.data.get("apps", {}).items()}
    same: dict[Mount, list[Mount]] = {}
    for door, host in doors.items():
        for one in mounts_of(host, door):
            if (one.kind, one.target, one.path) == ("uwsgi", app.get("listen"), app.get("path")):
                continue
            if one.entry is None or (one.entry.allow == ANYONE and has_rules_around):
                advice = f"the inventory cannot say who may enter: write a location for it ({one.kind} {one.target})"
                into.leave_out(APACHE, f"{one.path} on port {host.port}", advice)
                continue
            key = next((each for each in same if _is_same(each, one)), one)
            same.setdefault(key, []).append(one)
    names: set[str] = set()
    for first, mounts in same.items():
        on = [one.door for one in mounts]
        name = apps.get(first.target, "") if first.kind == "uwsgi" else ""
        if (
            name
            and on == BOTH
            and first.entry
            and first.entry.allow == USER
            and "path" not in into.data["apps"][name]
        ):
            place: tuple[str, ...] = ("apps", name)
            into.put(first.path, *place, "path")
            into.data["apps"][name].pop("check_path", None)
        else:
            place = ("locations", _free_name(first.path, names))
            values = first.values() | ({"on": on} if on != BOTH else {}) | _backend(first, name, app.get("listen"))
            for key_name, value in values.items():
                into.put(value, *place, key_name)
        for one in mounts:
            for directive in one.used:
                here = apache_settings.on_any_address(directive)
                setting = (APACHE, apache_settings.place_of(here), here.name, apache_settings.value_of(here))
                into.said[setting] = place


def _is_same(one: Mount, two: Mount) -> bool:
    return (one.path, one.kind, one.target, one.entry) == (two.path, two.kind, two.target, two.entry)


def _backend(one: Mount, app: str, listen: str | None) -> dict[str, object]:
    if one.kind == "folder":
        return {"folder": one.target}
    if one.kind == "url":
        return {"url": one.target}
    if app or one.target == listen:
        return {"app": app or True}
    return {"url": f"unix:{one.target}|uwsgi://app" if one.target.startswith("/") else f"uwsgi://{one.target}"}


def _free_name(path: str, names: set[str]) -> str:
    """A name for a location, from its path."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", path).strip("_") or "root"
    found = next(each for each in (name, *(f"{name}_{number}" for number in range(2, 99))) if each not in names)
    names.add(found)
    return found
