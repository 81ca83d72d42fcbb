"""Whether a host's web service serves, as the host reports it. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """`problem`: why the app does not answer on its socket, empty if it does; `state`: of its program, if known.

    `unreached`: it answers there, but Apache does not reach it; `problem` says why.
    """

    problem: str = ""
    state: str = ""
    unreached: bool = False
