"""A uWSGI file as values of the inventory."""

import re

from ops.agent.host_reading_messages import UwsgiReading
from ops.importing.imported import Imported
from ops.importing.reading import HostReading
from ops.importing.settings import UWSGI, is_secret_variable
from ops.importing.uwsgi_settings import switch, written_out
from ops.value_types import UwsgiValue

Options = list[tuple[str, str]]
# The numbers of the inventory, and what uWSGI has where its file does not say.
NUMBERS = {"workers": "1", "threads": "1", "cheaper": "0"}
LIMITS = ("reload-on-as", "evil-reload-on-as")
SOCKET, CRON = "socket", "http-socket"
OF_THE_INVENTORY = ("cheaper-initial", *LIMITS, "strict", "zerg-server")
OF_THE_TEMPLATE = re.compile(r"write:.*/uwsgi\.serving yes")  # a hook, on a host that poms-ops has been on
ONLY_LOCAL = "whoever reaches uWSGI without Apache can impersonate anyone: it listens on this host alone"
LOGIC = re.compile(r"if-.*|for(-.*|each)?|end-?(if|for)?")
_ANY = re.compile(r"(?:0\.0\.0\.0|\*|\[::\])?:([0-9]+)")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")


def read(reading: HostReading, into: Imported) -> None:
    """Add what the file of the app's uWSGI has: the first program's that starts one."""
    if not reading.uwsgi:
        into.leave_out(
            UWSGI, "the app", "no program's command names a file of uWSGI's: write [defaults.uwsgi] by hand"
        )
        return
    app, *others = reading.uwsgi
    for one in others:
        into.leave_out(UWSGI, f"{one.path}, of program {one.program}", "it stays as it is: the inventory has one app")
    into.put(app.path, "uwsgi", "file")
    _read_options(app, into)


def _read_options(app: UwsgiReading, into: Imported) -> None:
    options = written_out(app.options)
    if any(LOGIC.fullmatch(key) for key, _ in options):
        advice = "the file decides while it is read: write its parts out, or keep it as a template of your own"
        into.leave_out(UWSGI, f"{app.path}: if and for", advice)
        options = [(key, value) for key, value in options if not LOGIC.fullmatch(key)]
    values = dict(options)
    for name, without in NUMBERS.items():
        into.put(_value(name, values.get(name, without)), "uwsgi", name)
    if "cheaper" in values:
        into.put(_value("cheaper", values.get("cheaper-initial", values["cheaper"])), "uwsgi", "cheaper-initial")
    for name in LIMITS:
        if name in values:
            into.put(_value(name, values[name]), "uwsgi", name)
    _read_sockets(app.path, [value for key, value in options if key == SOCKET], into)
    cron = [value for key, value in options if key == CRON]
    if cron:
        into.put(cron[0], "app", "cron_listen")
    known = (*NUMBERS, *OF_THE_INVENTORY, SOCKET)
    left = [(key, value) for key, value in options if key not in known and not OF_THE_TEMPLATE.fullmatch(value)]
    _read_further(app.path, [pair for pair in left if pair != (CRON, *cron[:1])], into)
    if "master" in values and app.program in into.data.get("programs", {}):
        into.put("HUP", "programs", app.program, "reload_signal")


def _read_sockets(path: str, sockets: list[str], into: Imported) -> None:
    """The address of the app: the first socket; from outside it must not be reached."""
    if not sockets:
        into.leave_out(
            UWSGI, f"{path}: no socket", "poms-ops gives it app.listen, where Apache has to send its requests"
        )
        return
    for further in sockets[1:]:
        into.leave_out(UWSGI, f"{path}: socket = {further}", "the inventory has one app.listen: Apache uses it alone")
    listen = sockets[0]
    if open_to_all := _ANY.fullmatch(listen):
        listen = f"127.0.0.1:{open_to_all[1]}"
        into.explained[UWSGI, path, SOCKET] = ONLY_LOCAL
    into.put(listen, "app", "listen")


def _read_further(path: str, options: Options, into: Imported) -> None:
    found: dict[str, list[bool | int | str]] = {}
    for key, text in options:
        variable = text.partition("=")[0]
        if key == "env" and is_secret_variable(variable):
            advice = "give it to the program that runs uWSGI, in environment_secrets"
            into.leave_out(UWSGI, f"{path}: the value of {variable}", advice)
        else:
            found.setdefault(key, []).append(_value(key, text))
    for key, values in found.items():
        option: UwsgiValue = values[0] if len(values) == 1 else values
        into.put(option, "uwsgi", "options", key)


def _value(key: str, text: str) -> bool | int | str:
    value = switch(key, text)
    if value in ("true", "false"):
        return value == "true"
    return int(value) if _NUMBER.fullmatch(value) and not key.startswith(("chmod", "umask")) else value
