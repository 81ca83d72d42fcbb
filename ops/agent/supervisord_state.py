"""Whether our supervisord answers: the one on our socket."""

import time

from ops.agent.service_messages import SupervisordState
from ops.agent.supervisord_socket import ask_pid, authorization

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.service_messages import SupervisordPlace

SECONDS = 6.0  # for one that is only starting, restarting or shutting down


def state_of(place: "SupervisordPlace") -> SupervisordState:
    """Its state (SupervisordState). Waits a little for one that is starting or shutting down."""
    said, text = _asked(place)
    if said == "up":
        return SupervisordState(state="up", pid=int(text))
    if said in ("silent", "busy"):
        return SupervisordState(state="silent", pid=_holder(place))
    if said == "login":
        return _refuses(
            place, f"its socket wants a user name and password, and {place.conf} holds none that it takes"
        )
    if said == "barred":
        return _refuses(place, f"this account may not connect to its socket {place.socket}")
    if said == "odd":
        return _refuses(place, f"what answers on {place.socket} is no supervisord: {' '.join(text.split())}")
    return _without_socket(place)


def header_for(place: "SupervisordPlace") -> str:
    """The header with the user name and password that the socket takes; "" if it wants none, or takes none."""
    if ask_pid(place.socket)[0] == "login":
        from ops.agent.supervisord_login import logins

        for user, password in logins(place.conf, place.state_dir):
            header = authorization(user, password)
            if ask_pid(place.socket, header)[0] != "login":
                return header
    return ""


def _asked(place: "SupervisordPlace") -> "tuple[str, str]":
    """As ask_pid, with a user name and password if it wants them, and once it is not busy any more."""
    end = time.monotonic() + SECONDS
    while True:
        said = ask_pid(place.socket)
        if said[0] == "login":
            header = header_for(place)
            said = ask_pid(place.socket, header) if header else said
        if said[0] != "busy" or time.monotonic() > end:
            return said
        time.sleep(0.2)


def _refuses(place: "SupervisordPlace", why: str) -> SupervisordState:
    return SupervisordState(state="refuses", pid=_holder(place), detail=why)


def _without_socket(place: "SupervisordPlace") -> SupervisordState:
    from ops.agent.supervisord_process import state_without_socket

    return state_without_socket(place) or state_of(place)


def _holder(place: "SupervisordPlace") -> int:
    from ops.agent.supervisord_process import holder

    return holder(place)
