"""What makes a function a verb: its hosts come from the inventory, its errors are for the operator."""

import functools
import gc
import json
import sys
import traceback
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import fabric
import fabric.main
from invoke.context import Context
from invoke.exceptions import Exit, ParseError
from invoke.tasks import Call, Task, task

from ops.errors import BadInput, OperatorError
from ops.inventory.loader import Inventory, UnknownHost, inventory_path, read_inventory
from ops.schema import Host
from ops.secrets.masking import masked, masked_document
from ops.ui import console
from tasks._words import FLAG_OF_WORD, command_with, put_flags_for_words, what_is_meant

NEEDS_ATTENTION = 2


class OncePerVerb(fabric.Executor):  # type: ignore[misc] # fabric is untyped
    """Runs a verb once, whatever `-H` names; the verb itself goes to its hosts.

    Fabric's own executor would call it for each host in turn, and on the operator's machine where there is none.
    """

    def expand_calls(self, calls: Sequence[Any], apply_hosts: bool = True) -> list[Any]:  # noqa: ARG002 - Fabric's
        """Leave the calls as they are, each with a context that runs nothing locally."""
        if self.config.run.dry:
            raise Exit("Nothing was run: --dry is not heeded by these verbs; `fab diff` is the dry run.", code=3)
        if self.core.remainder:
            raise Exit("Nothing was run: '-- COMMAND' belongs to no verb of poms-ops.", code=3)
        gc.freeze()  # what was loaded stays until the end, and need not be looked through
        gc.enable()
        plain = [Call(call) if isinstance(call, Task) else call for call in calls]
        return [call.clone(into=_Call) for call in plain]


def take_over(program: fabric.main.Fab) -> None:
    """Make `program`, fab, run verbs once each, and end with code 3 for a command line that it cannot read.

    To be called by the fabfile: fab has read its own flags by then, and the verbs and theirs not yet.
    """
    program.executor_class = OncePerVerb
    # Fabric reads no ssh_config: ssh does (ops/ssh/config_query.py), and only where something is connected to.
    if hasattr(program, "config"):  # not where the fabfile is only imported, for its list of tasks
        program.config._set(_given_explicit_object=True)
    program._make_parser = functools.cache(program._make_parser)  # a task gives the help of its flags away once
    sys.excepthook = _show_fault
    for step in ("parse_tasks", "parse_cleanup"):
        setattr(program, step, functools.partial(_parse, program, getattr(program, step)))


def _show_fault(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print a fault of the program's own as Python does, but without secrets."""
    sys.stderr.write(masked("".join(traceback.format_exception(kind, error, trace))))


def _parse(program: fabric.main.Fab, step: Callable[[], None]) -> None:
    try:
        for word in program.argv:
            word.encode()
        if step.__name__ == "parse_tasks":
            put_flags_for_words(program)
        try:
            step()
        finally:
            sys.stdout.flush()  # at its end Python would not say that it cannot be written
    except ParseError as error:
        raise Exit(
            f"{what_is_meant(program, error)}\nNothing was run; `fab --list` shows the tasks.", code=3
        ) from None
    except OperatorError as error:
        raise Exit(str(error), code=error.code) from None
    except UnicodeEncodeError:
        raise Exit(f"Nothing was run: {word!a} is not UTF-8.", code=3) from None
    except ValueError as error:  # invoke's conversion of a flag's value to a number
        value = str(error).rpartition(": ")[2]
        raise Exit(f"Nothing was run: {value} is not a whole number, and the flag takes one.", code=3) from None


class _Context(Context):
    """The context of a verb: settings, and no way to run anything on the operator's own machine by mistake."""

    def run(self, *_: Any, **__: Any) -> None:
        """Refuse."""
        raise OperatorError("c.run would run on this machine, not on a host; use ops.ssh.session.connect")

    sudo = run


class _Call(Call):
    def make_context(self, config: Any, core_parse_result: Any = None) -> _Context:  # noqa: ARG002 - invoke's signature
        return _Context(config=config)


def verb(**options: Any) -> Callable[[Callable[..., int | None]], Any]:
    """Make a function a verb of fab; `options` are invoke's for a task. The function may return an exit code.

    The option `word` is ours: the flag that may be given as a word, without its name.
    """
    word = options.pop("word", "")

    def decorate(function: Callable[..., int | None]) -> Any:
        if word:
            FLAG_OF_WORD[function.__name__.replace("_", "-")] = word

        @functools.wraps(function)
        def guarded(context: Any, *args: Any, **kwargs: Any) -> None:
            try:
                code = function(context, *args, **kwargs)
            except OperatorError as error:
                show_error(error)
                raise Exit(code=error.code) from None
            except KeyboardInterrupt:
                console.say("Interrupted.", err=True)
                raise Exit(code=130) from None
            finally:
                sys.stdout.flush()  # as above
            if code:
                raise Exit(code=code)

        return task(guarded, **options)

    return decorate


def show_error(error: OperatorError) -> None:
    """Print an error, and what was added to it on its way, on standard error."""
    console.say("\n".join([str(error), *getattr(error, "__notes__", [])]), "red", err=True)


def inventory() -> Inventory:
    """The inventory of this run, read and checked."""
    return read_inventory(inventory_path())


def chosen(*, everywhere: bool) -> list[Host]:
    """The hosts of this run: those of `-H`; without it all (`everywhere`, for verbs that look) or the default."""
    return named(fabric.main.program.core[0].args.hosts.value, everywhere=everywhere)


def named(given: str | None, *, everywhere: bool) -> list[Host]:
    """The hosts that `given` names, as -H does. Raises BadInput, with the right command where there is a nearest."""
    try:
        return inventory().choose(given, everywhere=everywhere)
    except UnknownHost as error:
        command = error.right and command_with(fabric.main.program, error.given, error.right)
        raise BadInput(f"{error}\n{command and f'Try: {command}'}".rstrip()) from None


def print_json(document: object) -> None:
    """One JSON document on standard output."""
    json.dump(masked_document(document), sys.stdout, indent=2, sort_keys=True)
    sys.stdout.write("\n")
