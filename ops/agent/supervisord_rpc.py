"""Calls of supervisord's own interface, XML-RPC, over its socket."""

from xmlrpc.client import Fault, dumps, loads

from ops.agent.supervisord_socket import UNAUTHORIZED, post
from ops.agent.supervisord_state import header_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ops.agent.service_messages import SupervisordPlace

SECONDS, LONG_SECONDS = 60.0, 1800.0  # for one call; for one that waits until programs have stopped


class Refused(Exception):
    """supervisord's answer was no answer to the call; the text says what it was."""


class Server:
    """The supervisord of a place, as an object whose methods are calls: server("getAllProcessInfo").

    They raise Fault for a call that supervisord rejects, OSError if it cannot be reached, and Refused.
    """

    def __init__(self, place: "SupervisordPlace") -> None:
        self._place = place
        self._header = ""

    def __call__(self, method: str, *values: "Any", seconds: float = SECONDS) -> "Any":
        """The result of `supervisor.METHOD`, which may take so many seconds."""
        body = dumps(values, f"supervisor.{method}").encode()
        status, data = post(self._place.socket, body, self._header, seconds)
        if status == UNAUTHORIZED and not self._header:
            self._header = header_for(self._place)
            status, data = post(self._place.socket, body, self._header, seconds)
        if status == UNAUTHORIZED:
            conf = self._place.conf
            raise Refused(f"supervisord's socket needs a user name and password, and {conf} has none that it accepts")
        if status != 200:
            said = data.decode("utf-8", "replace")[:80]
            raise Refused(f"supervisord answers on {self._place.socket} with {status} {said}")
        try:
            return loads(data)[0][0]
        except Fault:
            raise
        except Exception as error:  # noqa: BLE001 - of a parser that gets whatever has answered
            raise Refused(f"supervisord's answer on {self._place.socket} cannot be read: {error}") from None


def full_name(info: "dict[str, Any]") -> str:
    """A process's name, with its group's where that is another."""
    return str(info["name"] if info["group"] == info["name"] else f"{info['group']}:{info['name']}")


def processes(server: Server) -> "dict[str, dict[str, Any]]":
    """All processes by full name, as supervisord describes them."""
    return {full_name(info): info for info in server("getAllProcessInfo")}
