"""The host values of a release: recorded with it, so that a rollback uses them.

They say where the files are and how to check the service. Access and permissions (ssh, sudo commands, activate, how
software is installed, state_dir, deploy) always come from the inventory, and so do possible secrets: headers of a
check, environments, client certificates of checks.
"""

import json
from typing import Any

import msgspec
from msgspec.structs import replace

from ops.door_tables import Location, Token
from ops.program_tables import Program, ProgramGroup, Supervisor
from ops.schema import Apache, App, Check, FurtherApp, Host

TODAY = {  # per table, the keys that are never recorded
    "apache": ("restart", "reload", "configtest"),
    "app": ("check_headers",),
    "supervisor": ("environment",),
}
TABLES: dict[str, Any] = {"apache": Apache, "app": App, "supervisor": Supervisor}
PATHS = ("home", "config_dir", "log_dir")
OF_PROGRAM = (
    *("command", "directory", "reload_signal", "redirect_stderr", "stdout_logfile", "stderr_logfile"),
    *("kind", "socket", "expand", "numprocs", "numprocs_start", "process_name"),
)
OF_CHECK = ("name", "port", "path", "status", "text", "seconds")
OF_UWSGI = ("file", "workers")


def recorded_host(host: Host) -> str:
    """One line of JSON: the ports, paths, sockets, programs and checks of `host`, and no secret."""
    found: dict[str, Any] = {key: getattr(host, key) for key in PATHS}
    for key in TABLES:
        table = msgspec.to_builtins(getattr(host, key))
        found[key] = {name: value for name, value in table.items() if name not in TODAY[key]}
    found["locations"] = msgspec.to_builtins(host.locations)
    found["token"] = msgspec.to_builtins(host.token)
    if host.software:
        found["software"] = {"version": host.software.version}
    found["uwsgi"] = _some(host.uwsgi, OF_UWSGI)
    found["apps"] = {name: _recorded_app(app) for name, app in host.apps.items()}
    found["programs"] = {name: _some(program, OF_PROGRAM) for name, program in host.programs.items()}
    found["groups"] = msgspec.to_builtins(host.groups)
    found["checks"] = [_some(one, OF_CHECK) | {"certificate": one.certificate is not None} for one in host.checks]
    return json.dumps(found)


def host_at_release(today: Host, recorded: str) -> Host | None:
    """`today` with the values of a release; None if the record cannot be read.

    A key that only one of the two versions of poms-ops knows keeps today's value.
    """
    try:
        record = json.loads(recorded)
        values = {key: record[key] for key in PATHS if key in record}
        for key, kind in TABLES.items():
            values[key] = _over(getattr(today, key), kind, record.get(key, {}), TODAY[key])
        # A release from before there were more doors, or further apps, has none of them.
        values["locations"] = {
            name: msgspec.convert(_known(Location, table), Location)
            for name, table in record.get("locations", {}).items()
        }
        token = record.get("token")
        values["token"] = msgspec.convert(_known(Token, token), Token) if token else None
        if "token" not in record:
            values["apache"] = replace(values["apache"], redirect_from=None)
        uwsgi = {key: value for key, value in record.get("uwsgi", {}).items() if key in OF_UWSGI}
        values["uwsgi"] = msgspec.structs.replace(today.uwsgi, **uwsgi)
        values["apps"] = {name: _app(today.apps.get(name), table) for name, table in record.get("apps", {}).items()}
        # A release from before the version was managed runs with today's products.
        version = record.get("software", {}).get("version")
        values["activate"] = today.activate if version else today.activation
        values["software"] = replace(today.software, version=version) if version and today.software else None
        if "programs" in record:
            programs = {name: _known(Program, table) for name, table in record["programs"].items()}
            values["programs"] = msgspec.convert(programs, dict[str, Program])
            groups = {name: _known(ProgramGroup, table) for name, table in record.get("groups", {}).items()}
            values["groups"] = msgspec.convert(groups, dict[str, ProgramGroup])
        if "checks" in record:
            values["checks"] = list(_checks(today, record["checks"]))
        made = msgspec.structs.replace(today, **values)
        return msgspec.convert(msgspec.to_builtins(made), Host)  # validated by the inventory's schema
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def _recorded_app(app: FurtherApp) -> dict[str, Any]:
    table = msgspec.to_builtins(app)
    return {key: value for key, value in table.items() if key not in TODAY["app"]} | {
        "uwsgi": _some(app.uwsgi, OF_UWSGI)
    }


def _app(today: FurtherApp | None, recorded: dict[str, Any]) -> FurtherApp:
    """A further app; one that is no more in today's inventory has nothing of today's."""
    base = msgspec.to_builtins(today) if today else {}
    uwsgi = base.get("uwsgi", {}) | recorded.get("uwsgi", {})
    return msgspec.convert(base | _known(FurtherApp, recorded, TODAY["app"]) | {"uwsgi": uwsgi}, FurtherApp)


def _checks(today: Host, recorded: list[dict[str, Any]]) -> list[Check]:
    """The checks; a client certificate comes from today's check of the same name, or the check is dropped."""
    own = {check.name: check for check in today.checks}
    found = []
    for table in recorded:
        like = own.get(table["name"])
        if not table.get("certificate"):
            found.append(msgspec.convert(_known(Check, table, but=("certificate", "key")), Check))
        elif like and like.certificate:
            pair = {"certificate": like.certificate, "key": like.key}
            found.append(msgspec.convert(_known(Check, table) | pair, Check))
    return found


def _over(table: Any, kind: Any, recorded: dict[str, Any], but: tuple[str, ...]) -> Any:
    return msgspec.convert(msgspec.to_builtins(table) | _known(kind, recorded, but), kind)


def _known(kind: Any, table: dict[str, Any], but: tuple[str, ...] = ()) -> dict[str, Any]:
    names = [field.encode_name for field in msgspec.structs.fields(kind)]
    return {key: value for key, value in table.items() if key in names and key not in but}


def _some(table: Any, keys: tuple[str, ...]) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(table)
    return {key: plain[key] for key in keys}
