"""The changes to Fabric and Invoke; `_interpreter.py` has those to Python itself.

| change | why | measured |
|---|---|---|
| a task runs once, whatever `-H` names | Fabric would run it for each host in turn, or on this machine | |
| Fabric reads no ssh_config | ssh itself is asked (ops/ssh/ssh_config_query.py), only for a connection | |
| the parser of the tasks is cached | Invoke creates it twice, but a task returns the help of its flags only once | |
| a command line that cannot be parsed ends with code 3 | Invoke has 1, or a traceback for a number | |
"""

import functools
import sys
import traceback
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import fabric
import fabric.main
from invoke.context import Context
from invoke.exceptions import Exit, ParseError
from invoke.tasks import Call, Task

from ops.errors import OperatorError
from ops.secrets.masking import masked
from tasks._arguments import put_flags_for_words, what_is_meant
from tasks._interpreter import run_collector_again


class OncePerTask(fabric.Executor):  # type: ignore[misc] # fabric is untyped
    """Runs a task once, whatever `-H` names; the task itself connects to its hosts.

    Fabric's own executor would call it for each host in turn, or on the operator's machine if there is no host.
    """

    def expand_calls(self, calls: Sequence[Any], apply_hosts: bool = True) -> list[Any]:  # noqa: ARG002 - Fabric's
        """Return the calls unchanged, each with a context that runs nothing locally."""
        if self.config.run.dry:
            raise Exit("Nothing was run: these tasks do not support --dry; `fab diff` is the dry run.", code=3)
        if self.core.remainder:
            raise Exit("Nothing was run: no task of poms-ops takes '-- COMMAND'.", code=3)
        run_collector_again()
        plain = [Call(call) if isinstance(call, Task) else call for call in calls]
        return [call.clone(into=_Call) for call in plain]


def install(program: fabric.main.Fab) -> None:
    """Make `program`, fab, run each task once, and end with code 3 for a command line that it cannot parse.

    The fabfile calls this: by then, fab has read its own flags, but not the tasks and their flags.
    """
    program.executor_class = OncePerTask
    # Fabric reads no ssh_config: ssh does (ops/ssh/ssh_config_query.py), and only for a connection.
    if hasattr(program, "config"):  # missing where the fabfile is only imported, for its list of tasks
        program.config._set(_given_explicit_object=True)
    program._make_parser = functools.cache(program._make_parser)  # a task returns the help of its flags only once
    sys.excepthook = _show_fault
    for step in ("parse_tasks", "parse_cleanup"):
        setattr(program, step, functools.partial(_parse, program, getattr(program, step)))


def _show_fault(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an unexpected exception as Python does, but with secrets masked."""
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
            sys.stdout.flush()  # at exit, Python would hide a write error
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
        raise Exit(f"Nothing was run: {value} is not a whole number, but the flag needs one.", code=3) from None


class _Context(Context):
    """The context of a task: its settings; it refuses to run commands on the operator's own machine."""

    def run(self, *_: Any, **__: Any) -> None:
        """Refuse."""
        raise OperatorError("c.run would run on this machine, not on a host; use ops.ssh.session.connect")

    sudo = run


class _Call(Call):
    def make_context(self, config: Any, core_parse_result: Any = None) -> _Context:  # noqa: ARG002 - invoke's signature
        return _Context(config=config)
