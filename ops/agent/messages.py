"""The messages between the operator's side and the agent on a host: one definition, which both ends use.

Here are the base and what ends an answer; each request is with its answers in NAME_messages.py, beside the module
NAME.py that answers it; service_messages.py has what several share.

On the way a message is one line of JSON, {"type": "ReleaseList", ...}. The operator's side has msgspec, which checks
each field; the agent has only the standard library (plain_message.py). Annotations are texts: Python 3.6 cannot read
them. Bytes travel in base64; file modes are octal, "0644"; bytes that are not UTF-8 are replaced in texts.
"""

TYPE_CHECKING = False  # typing's constant; to import typing takes longer than to start Python

PROTOCOL = 1  # of the lines in both directions; the agent's greeting names it

try:
    import msgspec
except ImportError:
    msgspec = None  # type: ignore[assignment] # on a host, where mypy never is

if TYPE_CHECKING or msgspec:

    class Message(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag=True):
        """The base of all messages."""

else:
    from ops.agent.plain_message import Message


class Alive(Message):
    """A sign of life from time to time, while a step takes long."""


class ModuleWanted(Message):
    """The agent needs another of its modules, and waits for it (start.sh)."""

    name: str


class Failure(Message):
    """The agent cannot answer; `reason` is for the operator, `evidence` where it happened."""

    reason: str
    evidence: str = ""


class NoPython(Message):
    """There is no Python on the host that can run the agent; `tried`: the names and places that were looked for."""

    tried: str


class Done(Message):
    """The end of a complete answer; `python`: the interpreter's version and path."""

    python: str
