"""Defaults of a host that follow from its other values."""

from typing import Any, TypeVar

import msgspec

from ops.formats.process_names import DEFAULT_OF_SEVERAL
from ops.inventory.schema_errors import has
from ops.schema import Apache, Host
from ops.value_types import VERSION, AbsolutePath, Account, Address, Count, Name, PositiveCount, Version

Kind = TypeVar("Kind")
Data = dict[str, Any]
Location = tuple[str, ...]

# The value from which the default of each key follows; the logs of a program follow from its name.
FOLLOWS_FROM: dict[Location, Location] = {
    ("home",): ("account",),
    ("config_dir",): ("home",),
    ("log_dir",): ("home",),
    ("state_dir",): ("home",),
    ("maintenance", "folder"): ("home",),
    ("supervisor", "file"): ("home",),
    ("supervisor", "socket"): ("home",),
    ("supervisor", "pidfile"): ("home",),
    ("supervisor", "logfile"): ("log_dir",),
    ("uwsgi", "file"): ("config_dir",),
    ("apache", "revocation_dir"): ("apache", "ca_dir"),
}


def follows_from(loc: Location, data: Data) -> Location:
    """The key of `data` from which the value at `loc` follows: `loc` itself if `data` has it, or if there is none."""
    source: Location | None = loc
    while source and not has(data, source):
        source = source[:2] if source[0] == "programs" and len(source) > 2 else FOLLOWS_FROM.get(source)
    return source or loc


def host_from(data: Data) -> Host:
    """The host with the table `data`, which includes its name. Raises msgspec.ValidationError."""
    return msgspec.convert(completed(data), Host)


def completed(data: Data) -> Data:
    """A copy with the defaults: paths from the home, names from the host's name, numbers from each other.

    Defaults follow from valid values only, so that an error names the key in the file and no other.
    """
    data = _with_version(data)
    name = _if_valid(Name, data.get("name"), "unknown")
    account = _if_valid(Account, data.get("account"), "poms")
    home = _if_valid(AbsolutePath, data.get("home"), f"/home/{account}")
    log_dir = _if_valid(AbsolutePath, data.get("log_dir"), f"{home}/private/logs/poms")
    config_dir = _if_valid(AbsolutePath, data.get("config_dir"), f"{home}/private/config/poms")
    address = data.get("address", name)
    follows = {
        "address": name,
        "home": home,
        "config_dir": config_dir,
        "log_dir": log_dir,
        "state_dir": f"{home}/private/poms-ops",
        "apache": {},
        "maintenance": {},
        "supervisor": {},
        "uwsgi": {},
    }
    of_supervisor = {
        "file": f"{home}/supervisord.conf",
        "socket": f"{home}/supervisor.sock",
        "pidfile": f"{home}/supervisord.pid",
        "logfile": f"{log_dir}/supervisord.log",
    }
    whole = follows | data
    for key, table in list(whole.items()):
        if not isinstance(table, dict):
            continue
        if key == "apache":
            whole[key] = _server_name(address) | _completed_apache(table)
        elif key == "maintenance":
            whole[key] = {"folder": f"{home}/private/maintenance"} | table
        elif key == "supervisor":
            whole[key] = of_supervisor | table
        elif key == "uwsgi":
            whole[key] = {"file": f"{config_dir}/uwsgi-service.ini"} | _completed_uwsgi(table)
        elif key == "apps":
            whole[key] = {app: _completed_app(app, values, config_dir) for app, values in table.items()}
        elif key == "programs":
            whole[key] = {program: _completed_program(values) for program, values in table.items()}
    return whole


def _with_version(data: Data) -> Data:
    """The data with the wanted version in every text; but `activate` stays, since a release has its own version."""
    software = data.get("software")
    if not isinstance(software, dict):
        return data
    data = data | {"software": _none_for_false(software, "chain")}
    version = _if_valid(Version, software.get("version"), "")
    kept = {key: data[key] for key in ("activate", "software") if key in data}
    return {key: _replaced(value, version) for key, value in data.items()} | kept if version else data


def _replaced(value: Any, version: str) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(item, version) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, version) for item in value]
    return value.replace(VERSION, version) if isinstance(value, str) else value


def _server_name(address: Any) -> Data:
    """Apache's name from the address; none for an IPv6 address, so the constraints ask for a name."""
    name = _if_valid(Name, address, "" if _if_valid(Address, address, "") else "unknown")
    return {"server_name": name} if name else {}


def _completed_apache(data: Data) -> Data:
    """Revocation lists are in the folder of the CA certificates."""
    default = next(field.default for field in msgspec.structs.fields(Apache) if field.name == "ca_dir")
    lists = _if_valid(AbsolutePath, data.get("ca_dir"), default)
    return _none_for_false({"revocation_dir": lists} | data, "reload")


def _completed_uwsgi(data: Data) -> Data:
    """The missing numbers, such that they fit a small `workers` or a large `cheaper`."""
    workers = _if_valid(PositiveCount, data.get("workers"), 6)
    cheaper = _if_valid(Count, data.get("cheaper"), min(2, workers - 1))
    whole = {"cheaper": cheaper, "cheaper-initial": min(max(4, cheaper), workers)} | data
    return _none_for_false(_none_for_false(whole, "reload-on-as"), "evil-reload-on-as")


def _completed_app(name: str, data: Any, config_dir: str) -> Any:
    """The file and the numbers of its uWSGI."""
    uwsgi = data.get("uwsgi", {}) if isinstance(data, dict) else None
    file = {"file": f"{config_dir}/uwsgi-{name}.ini"}
    return data | {"uwsgi": file | _completed_uwsgi(uwsgi)} if isinstance(uwsgi, dict) else data


def _completed_program(data: Any) -> Any:
    """`killasgroup` follows `stopasgroup`, and an event listener starts before all else, as in supervisord itself."""
    if not isinstance(data, dict):
        return data
    follows: Data = {"killasgroup": data.get("stopasgroup") is True}
    if data.get("kind") == "eventlistener":  # its standard output speaks a protocol
        follows |= {"redirect_stderr": False, "priority": -1}
    if data.get("numprocs", 1) != 1:
        follows["process_name"] = DEFAULT_OF_SEVERAL
    return _none_for_false(follows | data, "reload_signal")


def _none_for_false(data: Data, key: str) -> Data:
    """TOML has no null, so the inventory writes false."""
    return data | {key: None} if data.get(key) is False else data


def _if_valid(kind: Any, value: Any, otherwise: Kind) -> Kind:
    """`value` if it is a valid `kind`, else `otherwise`."""
    try:
        valid: Kind = msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return otherwise
    return valid
