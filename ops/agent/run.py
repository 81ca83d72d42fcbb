"""The operator's command, as the account, with the products set up, until it ends or the operator is gone."""

from ops.agent.command_output import end_groups, output_of
from ops.agent.operator_watch import end_all, watch
from ops.agent.processes import started
from ops.agent.products import activated
from ops.agent.run_messages import RunEnded, RunOutput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.agent.messages import Message
    from ops.agent.run_messages import RunRequest

# The text comes on standard input, for the words of a process are for every account to read.
READ_AND_RUN = 'IFS= read -r -d "" text; exec </dev/null; eval "$text"'
NOT_SET_UP = b"the products are not set up: activate leaves no PATH\n"


def answer(request: "RunRequest") -> "Iterator[Message]":
    """Both outputs as they come, then the exit code. What the command left in the background goes on."""
    groups: list[int] = []
    watch(lambda: _end(groups))
    products = activated(request.activate)
    if not products.is_complete:
        yield RunOutput(content=NOT_SET_UP, is_error=True)
    running = started(["/bin/bash", "-c", READ_AND_RUN, "run"], request.text.encode(), products.environment)
    groups.append(running.pid)
    try:
        yield from output_of(running)
    except GeneratorExit:  # nobody reads the answer: the thread of `watch` would end with this one
        _end(groups)
        raise
    groups.clear()
    code = running.wait()
    yield RunEnded(code=code if code >= 0 else 128 - code)


def _end(groups: "list[int]") -> None:
    end_groups(groups)
    end_all()
