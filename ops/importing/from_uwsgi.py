"""uWSGI's files as values of the inventory: the app behind the login is the first, each other is one of `apps`."""

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ops.importing.apache_hosts import addresses_behind_login
from ops.importing.imported import Imported
from ops.importing.reading import HostReading
from ops.importing.settings import UWSGI, is_secret_variable
from ops.importing.supervisor_sections import sections_of
from ops.importing.uwsgi_settings import switch
from ops.importing.uwsgi_texts import Option, options_for_inventory
from ops.value_types import UwsgiValue

# The numbers of the inventory, and what uWSGI has where its file does not say.
NUMBERS = {"workers": "1", "threads": "1", "cheaper": "0"}
LIMITS = ("reload-on-as", "evil-reload-on-as")
SOCKET, CRON = "socket", "http-socket"
OF_THE_INVENTORY = ("cheaper-initial", *LIMITS, "strict", "zerg-server")
OF_THE_TEMPLATE = re.compile(r"write:.*/uwsgi\.serving.* yes")  # a hook, on a host that poms-ops has been on
ONLY_LOCAL = "whoever reaches uWSGI without Apache can impersonate anyone: it listens on this host alone"
LOGIC = re.compile(r"if-.*|for(-.*|each)?|end-?(if|for)?")
CHECK = "/health"  # most apps answer 404 if they have no such page, which is an answer
_ANY = re.compile(r"(0\.0\.0\.0|\*|\[::\])?:([0-9]+)")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")
_APP = re.compile(r"(?!service\Z)[a-z][a-z0-9_]{0,30}")


@dataclass(frozen=True)
class App:
    """A file of uWSGI's as an app of the inventory; `name`: its name there, "" for the first one."""

    name: str
    program: str
    path: str
    options: list[Option]

    def key(self, *keys: str) -> tuple[str, ...]:
        """Where the inventory has a value of the app."""
        return ("apps", self.name, *keys) if self.name else ("app", *keys)

    def uwsgi_key(self, *keys: str) -> tuple[str, ...]:
        """Where it has one of its uWSGI."""
        return ("apps", self.name, "uwsgi", *keys) if self.name else ("uwsgi", *keys)


def read(reading: HostReading, into: Imported) -> None:
    """Add what the files of uWSGI have that programs name, each file once."""
    files = list({one.path: one for one in reversed(reading.uwsgi)}.values())[::-1]
    for one in [one for one in files if one.problem and not one.options]:
        into.leave_out(UWSGI, one.path, f"it cannot be read: {one.problem}")
        files.remove(one)
    if not files:
        into.leave_out(
            UWSGI, "the app", "no program's command names a file of uWSGI's: write [defaults.uwsgi] by hand"
        )
        return
    options = {one.path: options_for_inventory(one.path, one.options, into) for one in files}
    wanted = addresses_behind_login(reading.apache)
    by_rank = sorted(files, key=lambda one: not wanted & {*map(_local, _sockets(options[one.path]))})
    sections = sections_of(reading.parsed) if reading.parsed else []
    programs = {each["name"]: one.name for one in sections for each in one.processes}
    names = {"service"}
    for one in by_rank:
        is_first = one is by_rank[0]
        program = programs.get(one.program, one.program)
        name = "" if is_first else _free_name(one.path, program, names)
        app = App(name, program, one.path, options[one.path])
        listen = _read_sockets(app, wanted, into)
        if listen or is_first:
            into.put(one.path, *app.uwsgi_key("file"))
            _read_options(app, into)
        else:
            advice = "it stays as it is: without a socket, Apache cannot reach it, and it is no app of the inventory"
            into.leave_out(UWSGI, f"{one.path}, of program {program}", advice)


def _free_name(path: str, program: str, names: set[str]) -> str:
    """A name for an app: its file's, else its program's; with a number where that is taken."""
    file = posixpath.basename(path).partition(".")[0].removeprefix("uwsgi-")
    words = [re.sub(r"\W", "_", word.lower(), flags=re.ASCII) for word in (file, program)]
    words += [f"app_{number}" for number in range(2, len(names) + 3)]
    name = next(word for word in words if _APP.fullmatch(word) and word not in names)
    names.add(name)
    return name


def _sockets(options: Sequence[Option]) -> list[str]:
    return [one.text for one in options if one.name == SOCKET]


def _local(address: str) -> str:
    """An address as this host reaches it."""
    found = _ANY.fullmatch(address)
    if found:
        return f"[::1]:{found[2]}" if found[1] == "[::]" else f"127.0.0.1:{found[2]}"
    return address.replace("localhost", "127.0.0.1")


def _read_sockets(app: App, wanted: set[str], into: Imported) -> str:
    """Where the app listens: where Apache sends its requests is first. From outside it must not be reached."""
    given = _sockets(app.options)
    held = str(into.data.get("programs", {}).get(app.program, {}).get("socket", ""))
    if held:  # of an fcgi-program: supervisord opens it
        given = [re.sub(r"^(unix|tcp)://", "", held), *given]
    if any(_ANY.fullmatch(one) for one in given):
        into.explained[UWSGI, app.path, SOCKET] = ONLY_LOCAL
    sockets = [*dict.fromkeys(map(_local, given))]
    sockets.sort(key=lambda one: (one not in wanted, one.startswith("[")))
    if not sockets:
        if not app.name:
            advice = "poms-ops gives it app.listen, where Apache has to send its requests"
            into.leave_out(UWSGI, f"{app.path}: no socket", advice)
        return ""
    into.put(sockets[0], *app.key("listen"))
    if sockets[1:]:
        into.put(sockets[1:], *app.uwsgi_key("sockets"))
    return sockets[0]


def _read_options(app: App, into: Imported) -> None:
    options = app.options
    if any(LOGIC.fullmatch(one.name) for one in options):
        advice = "the file decides while it is read: write its parts out, or keep it as a template of your own"
        into.leave_out(UWSGI, f"{app.path}: if and for", advice)
        options = [one for one in options if not LOGIC.fullmatch(one.name)]
    values = {one.name: one.text for one in options}
    for name, without in NUMBERS.items():
        into.put(_value(name, values.get(name, without)), *app.uwsgi_key(name))
    if "cheaper" in values:
        first = values.get("cheaper-initial", values["cheaper"])
        into.put(_value("cheaper", first), *app.uwsgi_key("cheaper-initial"))
    for name in LIMITS:
        into.put(_value(name, values[name]) if name in values else False, *app.uwsgi_key(name))
    cron = next((one for one in options if one.name == CRON), None)
    if cron:
        into.put(cron.text, *app.key("cron_listen"))
    if app.name:
        into.put(CHECK, *app.key("check_path"))
        into.notes.append(
            f"apps.{app.name}: check_path is {CHECK}, until you set the page that shows that it answers"
        )
    known = (*NUMBERS, *OF_THE_INVENTORY, SOCKET)
    left = [one for one in options if one.name not in known and not OF_THE_TEMPLATE.fullmatch(one.text)]
    _read_further(app, [one for one in left if one is not cron], into)
    if "master" in values and app.program in into.data.get("programs", {}):
        into.put("HUP", "programs", app.program, "reload_signal")


def _read_further(app: App, options: list[Option], into: Imported) -> None:
    found: dict[str, list[bool | int | str]] = {}
    for key, text in options:
        variable = text.partition("=")[0]
        if key == "env" and is_secret_variable(variable, text.partition("=")[2]):
            advice = "give it to the program that runs uWSGI, in environment_secrets"
            into.leave_out(UWSGI, f"{app.path}: the value of {variable}", advice)
        else:
            found.setdefault(key, []).append(_value(key, text))
    for key, values in found.items():
        option: UwsgiValue = values[0] if len(values) == 1 else values
        into.put(option, *app.uwsgi_key("options", key))


def _value(key: str, text: str) -> bool | int | str:
    value = switch(key, text)
    if value in ("true", "false"):
        return value == "true"
    return int(value) if _NUMBER.fullmatch(value) and not key.startswith(("chmod", "umask")) else value
