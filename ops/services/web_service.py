"""Whether an app of a host serves, as the host reports it. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """Of the app of that name. `problem`: why it does not answer on its socket, empty if it does.

    `state`: of its program, if known. `unreached`: it answers there, but Apache does not reach it: `problem` says
    why.
    """

    app: str
    problem: str = ""
    state: str = ""
    unreached: bool = False
