"""The decorator that makes a function a task, and what tasks share: hosts, errors, JSON output."""

import functools
import json
import sys
from collections.abc import Callable
from typing import Any

import fabric.main
import invoke.tasks
from invoke.exceptions import Exit

from ops.errors import BadInput, OperatorError
from ops.inventory.loader import Inventory, UnknownHost, read_inventory
from ops.inventory.location import inventory_path
from ops.schema import Host
from ops.secrets.masking import masked_document
from ops.ui import colours, console
from tasks._arguments import FLAG_OF_WORD, command_with

NEEDS_ATTENTION = 2


def task(**options: Any) -> Callable[[Callable[..., int | None]], Any]:
    """Make a function a task of fab; `options` are invoke's for a task. The function may return an exit code.

    The option `word` is ours: the flag whose value may be given as a word, without the flag's name.
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
                sys.stdout.flush()  # at exit, Python would hide a write error
            if code:
                raise Exit(code=code)

        return invoke.tasks.task(guarded, **options)

    return decorate


def show_error(error: OperatorError) -> None:
    """Print an error with its notes on standard error."""
    console.say("\n".join([str(error), *getattr(error, "__notes__", [])]), colours.ERROR, err=True)


def inventory() -> Inventory:
    """The inventory of this run, read and checked."""
    return read_inventory(inventory_path())


def chosen(*, everywhere: bool) -> list[Host]:
    """The hosts of this run: those of `-H`; without it, all (`everywhere`, for read-only tasks) or the default."""
    return named(fabric.main.program.core[0].args.hosts.value, everywhere=everywhere)


def named(given: str | None, *, everywhere: bool) -> list[Host]:
    """The hosts that `given` names, as -H does. Raises BadInput, with the corrected command if a name is near."""
    try:
        return inventory().choose(given, everywhere=everywhere)
    except UnknownHost as error:
        command = error.right and command_with(fabric.main.program, error.given, error.right)
        raise BadInput(f"{error}\n{command and f'Try: {command}'}".rstrip()) from None


def print_json(document: object) -> None:
    """One JSON document on standard output."""
    json.dump(masked_document(document), sys.stdout, indent=2, sort_keys=True)
    sys.stdout.write("\n")
