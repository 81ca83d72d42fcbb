"""The inventory, `hosts.toml`: read it, check it as a whole, choose hosts from it."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from ops.errors import BadInput, Problem
from ops.inventory import capacity
from ops.inventory.constraints import constraint_violations, unwritable_values
from ops.inventory.defaults import completed, host_from
from ops.inventory.schema_errors import (
    SchemaError,
    has,
    schema_errors,
    unknown_key,
    unknown_name,
    value_at,
    without,
)
from ops.paths import expand_home
from ops.project import PROJECT
from ops.schema import Fleet, Host, Secret
from ops.text import closest, did_you_mean

NOT_GIVEN = {
    "name": "a host is named by its table, [hosts.NAME]",
    "spare_requests": "it follows from fleet.database_connections",
    "templates": "a site's own templates are in the folder templates beside its inventory",
    "app_name": "it follows from the table's name, apps.NAME",
}
LEVELS = 20  # of nested tables and lists; the inventory's keys need five
_LOGIN = re.compile(r"(?:ssh://)?(?:[^@/]*@)?(?:\[([^]]+)\]|([^:]*))(?::[0-9]*)?/?")  # ACCOUNT@HOST:PORT


@dataclass(frozen=True)
class Inventory:
    """All hosts, complete and checked, in the order of the file; `data` is the content of the file."""

    path: Path
    fleet: Fleet
    hosts: dict[str, Host]
    data: dict[str, Any] = field(default_factory=dict, repr=False)

    def choose(self, given: str | None, *, everywhere: bool) -> list[Host]:
        """The hosts that `-H` names; without it all of them (`everywhere`) or the default host.

        `given` has names of hosts and groups, separated by commas. Each host is there once, in the order given.
        Raises BadInput, with the nearest names, for a name that is not in the inventory.
        """
        if given is None:
            return list(self.hosts.values()) if everywhere else [self.hosts[self.fleet.default]]
        chosen: dict[str, Host] = {}
        unknown: dict[str, str] = {}  # to the nearest name, or ""
        for name in filter(None, (part.strip() for part in given.split(","))):
            if name in self.hosts:
                chosen[name] = self.hosts[name]
            elif name in self.fleet.groups:
                chosen |= {member: self.hosts[member] for member in self.fleet.groups[name]}
            else:
                unknown[name] = self.nearest(name)
        if unknown:
            raise UnknownHost(given, unknown, [*self.hosts, *self.fleet.groups])
        if not chosen:
            raise BadInput(f"-H names no host; {self.path.name} has {', '.join(self.hosts)}")
        return list(chosen.values())

    def at_version(self, host: Host, version: str) -> Host:
        """The host as if its software.version were `version`. Raises BadInput."""
        own = self.data.get("hosts", {}).get(host.name, {})
        merged = _merged_host(self.data.get("defaults", {}), own) | {"name": host.name}
        merged["software"] = merged.get("software", {}) | {"version": version}
        found, errors = validate(merged)
        if found is None or errors:
            rules = "\n".join(f"{'.'.join(loc)} {rule}" for loc, rule in errors)
            raise BadInput(f"{host.name} with version {version!r}: {rules}. Nothing was touched.")
        return replace(_with_paths_from(self.path.parent, found) or host, spare_requests=host.spare_requests)

    def nearest(self, given: str) -> str:
        """The name of the host or group that is nearest to `given`; empty if none is near.

        `given` may have an account before the name or a port after it, or be an address, or names with blanks.
        """
        names = [*self.hosts, *self.fleet.groups]
        if len(parts := given.split()) > 1 and all(part in names for part in parts):
            return ",".join(parts)
        known = {host.address.lower(): name for name, host in self.hosts.items()} | {n.lower(): n for n in names}
        bare = _LOGIN.fullmatch(given)
        word = (bare[1] or bare[2] if bare else given).lower()
        for candidate in (word, word.partition(".")[0]):
            if candidate in known:
                return known[candidate]
        near = closest(word, known)
        return known[near[0]] if near else ""


class UnknownHost(BadInput):
    """A name is neither a host nor a group. `right` is `given` with the nearest names instead.

    It is empty if one of the names has no near one.
    """

    def __init__(self, given: str, unknown: dict[str, str], names: list[str]) -> None:
        self.given = given
        parts = [part.strip() for part in given.split(",")]
        self.right = ",".join(unknown.get(part, part) for part in parts if part) if all(unknown.values()) else ""
        lines = []
        for name, near in unknown.items():
            said = f"{name!r} is neither a host nor a group of the inventory"
            said += f"; nearest: {near}" if near else did_you_mean(name, names)
            lines.append(said + ("; the inventory sets account and port" if near and re.search("[@:]", name) else ""))
        super().__init__("\n".join([*lines, "Nothing was connected to."]))


def read_inventory(path: Path) -> Inventory:
    """Read and check the whole file. Raises BadInput with every problem, one per line."""
    data = _parse(path)
    problems = list(unwritable_values(path.name, data))
    problems += _unknown_tables(path.name, data)
    if not problems:
        hosts, problems = _read_hosts(path.name, data)
        fleet, fleet_problems = _read_fleet(path.name, data, list(hosts)) if hosts else (None, [])
        problems += fleet_problems
        if not problems and fleet is not None:
            resolved = {name: _with_paths_from(path.parent, host) for name, host in hosts.items()}
            read = {name: host for name, host in resolved.items() if host is not None}
            if not capacity.is_over(read.values(), fleet):
                spare = capacity.spare(read.values(), fleet)
                hosts_of_fleet = {name: replace(host, spare_requests=spare) for name, host in read.items()}
                return Inventory(path, fleet, hosts_of_fleet, data)
            rule = f"is exceeded: workers times threads make {capacity.describe(read.values(), fleet)}"
            problems.append(Problem(path.name, "fleet.database_connections", fleet.database_connections, rule))
    lines = list(dict.fromkeys(str(problem) for problem in problems))
    count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
    raise BadInput("\n".join([*lines, f"{count} in {path}; nothing was touched."]))


def _parse(path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # editors on Windows write a byte order mark
    except OSError as error:
        raise BadInput(f"Cannot read the inventory {path}: {error.strerror}. Nothing was touched.") from None
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8. Nothing was touched."
        ) from None
    except ValueError as error:  # invalid TOML, or a number with thousands of digits
        raise BadInput(f"{path} is not TOML: {error}. Nothing was touched.") from None
    except RecursionError:
        data = None
    if data is None or _deeper_than(LEVELS, data):
        raise BadInput(f"{path}: tables or lists are nested more than {LEVELS} deep. Nothing was touched.")
    return data


def _deeper_than(levels: int, data: Any) -> bool:
    inner = data.values() if isinstance(data, dict) else data if isinstance(data, list) else []
    return levels < 0 or any(_deeper_than(levels - 1, value) for value in inner)


def _unknown_tables(file: str, data: dict[str, Any]) -> Iterator[Problem]:
    known = ["fleet", "defaults", "hosts"]
    for key in data:
        if key not in known:
            yield Problem(file, key, None, unknown_key(key, known))
    for key in known:
        if not isinstance(data.get(key, {}), dict):
            yield Problem(file, key, data[key], "must be a table")
    hosts = data.get("hosts", {})
    if isinstance(hosts, dict):
        for name, host in hosts.items():
            if not isinstance(host, dict):
                yield Problem(file, f"hosts.{name}", host, "must be a table")


def _read_hosts(file: str, data: dict[str, Any]) -> tuple[dict[str, Host | None], list[Problem]]:
    """Each host by name, checked by itself; None for a host with problems."""
    defaults, hosts, problems = data.get("defaults", {}), data.get("hosts", {}), []
    found: dict[str, Host | None] = {}
    for table, values in [("defaults", defaults), *((f"hosts.{name}", own) for name, own in hosts.items())]:
        for key, rule in NOT_GIVEN.items():
            if key in values:
                problems.append(Problem(file, f"{table}.{key}", values[key], f"must not be given: {rule}"))
    for name, own in hosts.items():
        merged = _merged_host(defaults, own) | {"name": name}
        host, errors = validate(merged)
        for loc, rule in errors:
            if loc == ("name",):
                problems.append(Problem(file, f"hosts.{name}", None, rule))
                continue
            said = loc[:-1] if rule == "is missing" else loc  # of a missing key, the table that it is missing from
            table = "defaults" if has(defaults, said) and not has(own, said) else f"hosts.{name}"
            # The value may be the secret itself, written by mistake instead of its source.
            value, rule = (None, _of_secret(rule)) if loc[0] == "secrets" else (value_at(merged, loc), rule)
            problems.append(Problem(file, ".".join([table, *loc]), value, rule))
        found[name] = None if errors else host
    if not hosts:
        problems.append(Problem(file, "hosts", None, "must name at least one host: [hosts.NAME]"))
    return found, problems


def validate(merged: dict[str, Any]) -> tuple[Host | None, list[SchemaError]]:
    """A host and its problems. Constraints are checked only for values that are valid themselves."""
    errors: list[SchemaError] = []
    try:
        host = host_from(merged)
    except msgspec.ValidationError:
        errors = list(schema_errors(completed(merged), Host))
        try:
            host = host_from(without(merged, [loc for loc, _ in errors]))
        except msgspec.ValidationError:
            return None, errors
    wrong = [loc for loc, _ in errors]
    errors += [(loc, rule) for loc, rule in constraint_violations(host, merged) if loc not in wrong]
    return host, errors


def _read_fleet(file: str, data: dict[str, Any], hosts: list[str]) -> tuple[Fleet | None, list[Problem]]:
    table = data.get("fleet", {})
    try:
        fleet = msgspec.convert(table, Fleet)
    except msgspec.ValidationError:
        return None, [
            Problem(file, ".".join(["fleet", *loc]), value_at(table, loc), rule)
            for loc, rule in schema_errors(table, Fleet)
        ]
    problems = []
    if fleet.default not in hosts:
        problems.append(Problem(file, "fleet.default", fleet.default, unknown_name(fleet.default, hosts)))
    for group, members in fleet.groups.items():
        if group in hosts:
            problems.append(Problem(file, f"fleet.groups.{group}", None, "is also the name of a host"))
        problems += [
            Problem(file, f"fleet.groups.{group}", member, unknown_name(member, hosts))
            for member in members
            if member not in hosts
        ]
    return fleet, problems


def _merged(defaults: Any, own: Any) -> Any:
    """`own` over `defaults`; tables are merged key by key, other values are replaced."""
    if not (isinstance(defaults, dict) and isinstance(own, dict)):
        return own
    return defaults | {key: _merged(defaults[key], value) if key in defaults else value for key, value in own.items()}


def _merged_host(defaults: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """A host over the defaults; a secret is replaced as a whole, since it has one source."""
    merged: dict[str, Any] = _merged(defaults, own)
    both = defaults.get("secrets"), own.get("secrets")
    if isinstance(both[0], dict) and isinstance(both[1], dict):
        merged["secrets"] = both[0] | both[1]
    return merged


def _of_secret(rule: str) -> str:
    if rule != "must be a table":
        return rule
    return 'must be a table that says where the value comes from, such as { command = ["pass", "show", "poms/db"] }'


def _with_paths_from(folder: Path, host: Host | None) -> Host | None:
    """The host with absolute paths on the operator's machine: they are relative to the inventory's folder."""
    if host is None:
        return None

    def named(value: str | None) -> str | None:
        return None if value is None else str(folder / expand_home(value))

    ssh = replace(host.ssh, known_hosts=named(host.ssh.known_hosts), identity_file=named(host.ssh.identity_file))
    checks = [replace(check, certificate=named(check.certificate), key=named(check.key)) for check in host.checks]
    secrets = {name: _secret_from(folder, secret) for name, secret in host.secrets.items()}
    return replace(host, ssh=ssh, checks=checks, secrets=secrets, templates=_own_templates(folder))


def _own_templates(folder: Path) -> str | None:
    """The folder of a site's templates, beside its inventory; None without one, and for the toolkit's own."""
    own = (folder / "templates").resolve()
    return str(own) if own.is_dir() and own != PROJECT / "templates" else None


def _secret_from(folder: Path, secret: Secret) -> Secret:
    """The secret with its file, or its command if that is a path, relative to the inventory's folder."""
    if secret.command and ("/" in secret.command[0]):
        command = [str(folder / expand_home(secret.command[0])), *secret.command[1:]]
        return replace(secret, command=command)
    return replace(secret, file=str(folder / expand_home(secret.file))) if secret.file else secret
