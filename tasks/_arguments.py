"""The words after a task on the command line: hosts, programs, or the value of a flag.

invoke accepts only the words that a task requires, and takes any other for the next task. Here, a host of the
inventory counts as one of -H, a program as one of --programs; some tasks accept the value of one flag as a word.
Where the meaning is not certain, nothing is run and the right command is printed.
"""

import contextlib
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, NoReturn

import fabric.main
from invoke.exceptions import Exit, ParseError

from ops.errors import OperatorError
from ops.formats import process_names
from ops.formats.processes import all_names
from ops.inventory.loader import Inventory, read_inventory
from ops.inventory.location import inventory_path
from ops.logs.catalog import SERVICES
from ops.text import closest, escape_control_chars
from tasks._registry import MODULES

FLAG_OF_WORD: dict[str, str] = {}  # of a task: "fab releases ID" for "fab releases --release=ID"
WITHOUT_INVENTORY = ("init",)  # tasks
TASKS = list(chain(*MODULES.values()))
_RELEASE = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]+")


@dataclass
class _Called:
    """A task on the command line: its flags and required words in `kept`, its other words in `words`."""

    name: str
    context: Any
    kept: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    needed: list[str] = field(default_factory=list)  # the words of `kept` that the task requires
    hosts: list[str] = field(default_factory=list)  # the values of -H after the task

    def has(self, flag: str) -> bool:
        """Whether the task has that flag."""
        return f"--{flag}" in self.context.flags

    def gives(self, flag: str) -> bool:
        """Whether that flag is given after the task."""
        names = self.context.flags[f"--{flag}"].names if self.has(flag) else ()
        short = tuple(f"-{name}" for name in names if len(name) == 1)
        return any(word.partition("=")[0] == f"--{flag}" or word.startswith(short) for word in self.kept)

    @property
    def for_hosts(self) -> bool:
        """Whether the task works on hosts of the inventory."""
        return self.name != "hosts" and not self.name.startswith("lab.")


def put_flags_for_words(program: fabric.main.Fab) -> None:
    """Replace words of the command line that `program` does not understand by flags. Raises Exit."""
    lead, called = _split(program)
    if not called:
        return
    words = any(each.words for each in called)
    for each in called:
        _complete_host(program, each)
    if words:
        _place_programs(program, called)
    rest = [[each.name, *each.kept] for each in called]
    program.core.unparsed[:] = [*lead, *chain(*rest)]


def _split(program: fabric.main.Fab) -> tuple[list[str], list[_Called]]:
    """The words before the first task, and each task with the words after it, as invoke reads them."""
    contexts = program._make_parser().contexts
    core = program.initial_context.flags
    lead: list[str] = []
    called: list[_Called] = []
    value_of = ""
    for word in program.core.unparsed:
        here = called[-1] if called else None
        if value_of:
            if here and value_of == "-H":
                here.hosts.append(word)
            value_of = ""
        elif word.startswith("-") and len(word) > 1:
            name, _, value = word.partition("=")
            flags = here.context.flags if here and word in here.context.flags else core
            is_hosts = name in ("-H", "--hosts") and not (here and name in here.context.flags)
            if here and (is_hosts or (word.startswith("-H") and "-H" not in here.context.flags)):
                here.hosts += [value or word[2:]] if value or not is_hosts else []
            if word in flags and flags[word].takes_value and not flags[word].optional:
                value_of = "-H" if is_hosts else word
        elif here and len(here.needed) < len(here.context.positional_args):
            here.needed.append(word)
        elif word in contexts:
            called.append(_Called(word, contexts[word]))
            continue
        elif here:
            here.words.append(word)
            continue
        (here.kept if here else lead).append(word)
    return lead, called


def _complete_host(program: fabric.main.Fab, called: _Called) -> None:
    """Give a task that requires a host the one of -H; if both are given, they must be the same."""
    given = [*filter(None, [program.args.hosts.value]), *called.hosts]
    if [argument.name for argument in called.context.positional_args] != ["host"] or not given:
        return
    if not called.needed:
        called.needed.append(given[-1])
        called.kept.append(given[-1])
    elif called.needed != given[-1:]:
        _refuse(
            f"{called.name} {called.needed[0]} and -H {given[-1]} name different hosts.",
            f"fab {called.name} {shlex.quote(called.needed[0])}",
        )


def _place_programs(program: fabric.main.Fab, called: list[_Called]) -> None:
    """Turn each task's words into flags."""
    for each in called:
        if each.name in WITHOUT_INVENTORY:
            each.kept += [f"--{FLAG_OF_WORD[each.name]}={word}" for word in each.words]
    with_inventory = [each for each in called if each.name not in WITHOUT_INVENTORY]
    if not with_inventory:
        return
    known = read_inventory(inventory_path())
    for each in with_inventory:
        if each.words and each.name.startswith("lab.") and each.has("hosts") and not each.gives("hosts"):
            each.kept.append(f"--hosts={','.join(each.words)}")
            continue
        hosts: list[str] = []
        programs: list[str] = []
        for word in each.words:
            kind = _kind_of(word, each, known)
            if kind == "host":
                hosts.append(word)
            elif kind == "program":
                programs.append(word)
            elif flag := _flag_for(each):
                each.kept.append(f"--{flag}={word}")
            else:
                _refuse_unknown(program, each, word, known)
        if programs and each.gives("programs"):
            _refuse(f"{each.name} {programs[0]}: --programs also names programs: put all of them there.", "")
        each.kept += [f"--programs={','.join(programs)}"] if programs else []
        if hosts:
            _name_hosts(program, called, each, hosts)


def _kind_of(word: str, called: _Called, known: Inventory) -> str:
    """ "host", "program", or "" where it is neither. Raises Exit where it is both."""
    parts = word.split(",")
    is_host = called.for_hosts and all(part in known.hosts or part in known.fleet.groups for part in parts)
    names = _programs(called, known)
    is_program = all(part in names for part in parts)
    if is_host and is_program:
        _refuse(
            f"{word!r} is a host and a program.",
            f"fab -H {word} {called.name}, or fab {called.name} --programs={word}",
        )
    return "host" if is_host else "program" if is_program else ""


def _programs(called: _Called, known: Inventory) -> list[str]:
    """The names that --programs of that task accepts."""
    if not called.has("programs"):
        return []
    names = dict.fromkeys(
        name for host in known.hosts.values() for name in process_names.words(all_names(host).items())
    )
    return [*names, *(SERVICES if called.name.endswith("-logs") else ())]


def _flag_for(called: _Called) -> str:
    """The flag whose value a word of this task is; "" where there is none, or where it is given already."""
    flag = FLAG_OF_WORD.get(called.name, "")
    return "" if called.gives(flag) else flag


def _name_hosts(program: fabric.main.Fab, called: list[_Called], each: _Called, hosts: list[str]) -> None:
    """Add the hosts to -H, or to the required host word. Raises Exit where the meaning is not certain."""
    if [argument.name for argument in each.context.positional_args] == ["host"]:
        place = each.kept.index(each.needed[0])
        each.kept[place] = ",".join([each.needed[0], *hosts])
        return
    given = [*filter(None, [program.args.hosts.value]), *each.hosts]
    right = ",".join(dict.fromkeys([*given, *hosts]))
    if given:
        _refuse(f"{each.name} {' '.join(hosts)}: -H also names hosts.", f"fab -H {shlex.quote(right)} {each.name}")
    if len(called) > 1:
        names = " ".join(one.name for one in called)
        _refuse(f"{' '.join(hosts)} would be the host of every task.", f"fab -H {shlex.quote(right)} {names}")
    each.kept.append(f"--hosts={','.join(hosts)}")


def _refuse_unknown(program: fabric.main.Fab, called: _Called, word: str, known: Inventory) -> NoReturn:
    """Refuse an unknown word, with the nearest name and the command for it."""
    before = f"No idea what {word!r} is after {called.name}!"
    host = known.nearest(word) if called.for_hosts else ""
    program_near, task_near = closest(word, _programs(called, known)), closest(word, TASKS)
    if called.name == "run":
        command = " ".join([*called.needed, *called.words])
        _refuse(f"{before} A command is one word: quote it.", f"fab run {shlex.quote(command)}")
    if called.name == "diff" and _RELEASE.fullmatch(word):
        _refuse(f"{before} It looks like a release.", command_with(program, word, f"--to={word}"))
    if program_near and host:
        _refuse(f"{before} Nearest: host {host}, program {', '.join(program_near)}.", "")
    if program_near:
        _refuse_near(program, f"{before} Nearest program", word, program_near)
    if host:
        _refuse(f"{before} Nearest host: {host}.", command_with(program, word, host))
    if task_near:
        _refuse_near(program, f"{before} Nearest task", word, task_near)
    takes = "hosts" if called.for_hosts else "no words"
    takes += " and programs" if called.has("programs") else ""
    _refuse(f"{before} It takes {takes}; fab --help {called.name} explains its flags.", "")


def _refuse_near(program: fabric.main.Fab, before: str, word: str, near: list[str]) -> NoReturn:
    """Refuse with the near names, and with the command where there is only one."""
    _refuse(f"{before}: {', '.join(near)}.", command_with(program, word, near[0]) if len(near) == 1 else "")


def what_is_meant(program: fabric.main.Fab, error: ParseError) -> str:
    """invoke's message with the nearest names, and with the intended command where it is certain."""
    text = str(error)
    if found := re.fullmatch(r"No idea what (['\"])(.*)\1 is!", text):
        return escape_control_chars(
            "\n".join([text, *_unknown(program, found[2], getattr(error.context, "name", None))])
        )
    if found := re.fullmatch(r"'(\S+)' did not receive required positional arguments: '(\S+)'.*", text):
        return f"{found[1]} needs a {found[2]}: fab {found[1]} {found[2].upper()}"
    if found := re.fullmatch(r"Flag <Argument: (\S+)(?: .*)?> needed value and was not given one!", text):
        return f"--{found[1]} needs a value: --{found[1]}=…"
    return text


def _unknown(program: fabric.main.Fab, word: str, task: str | None) -> Iterator[str]:
    """What is similar to a word or flag that invoke does not know."""
    contexts = program._make_parser().contexts
    if word.startswith("-"):
        known = [*([contexts[task]] if task in contexts else []), program.initial_context]
        names = [name for context in known for argument in context.args.values() for name in argument.names]
        flags = [f"--{name}" for name in dict.fromkeys(names) if len(name) > 1]
        later = [name for name in program.core.unparsed if name in contexts and word in contexts[name].flags]
        if later and not task:
            yield f"{word} is a flag of {later[0]}: put it after the task."
        elif near := closest(word, flags):
            yield f"Nearest: {', '.join(near)}"
            yield from _try(command_with(program, word, near[0])) if len(near) == 1 else ()
        elif task:
            yield f"fab --help {task} explains its flags."
        return
    hosts: list[str] = []
    with contextlib.suppress(OperatorError):  # a task that needs the inventory reports it
        inventory = read_inventory(inventory_path())
        hosts = [*inventory.hosts, *inventory.fleet.groups]
    if word in hosts:
        given = [*filter(None, [program.args.hosts.value]), word]
        yield "It is a host: put hosts after -H or the task, several with commas between them."
        rest = [other for other in program.core.unparsed if other not in (word, "-H", "--hosts")]
        yield from _try(shlex.join(["fab", "-H", ",".join(given), *rest])) if rest else ()
    elif near := closest(word, TASKS):
        yield f"Nearest: {', '.join(near)}"
        yield from _try(command_with(program, word, near[0])) if len(near) == 1 else ()


def _try(command: str) -> Iterator[str]:
    if command:
        yield f"Try: {command}"


def command_with(program: fabric.main.Fab, old: str, new: str) -> str:
    """The command line of this run with the first `old` replaced by `new`; "" where it has no `old`."""
    words = list(program.argv[1:])
    for number, word in enumerate(words):
        name, equals, value = word.partition("=")
        managed_directories = {old: new, f"-H{old}": f"-H{new}", f"{name}={old}": f"{name}={new}"}
        if old.startswith("-") and name == old:
            managed_directories[word] = f"{new}{equals}{value}"
        if word in managed_directories:
            words[number] = managed_directories[word]
            return shlex.join(["fab", *words])
    return ""


def _refuse(message: str, command: str) -> NoReturn:
    raise Exit(escape_control_chars("\n".join([f"{message}\nNothing was run.", *_try(command)])), code=3)
