"""Whether a host's web service serves, as the host reports it. Pure."""

import base64
from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """`problem`: why the app does not answer on its socket, empty if it does; `state`: of its program, if known.

    `unreached`: it answers there, but Apache does not reach it; `problem` says why.
    """

    problem: str = ""
    state: str = ""
    unreached: bool = False


def parse(text: str) -> Service:
    """Parse "answers", "unreached BASE64" or "fails STATE BASE64" ("-": no state). Raises ValueError."""
    if text == "answers":
        return Service()
    word, *states, encoded = text.split(" ")
    if (word, len(states)) not in (("fails", 1), ("unreached", 0)):
        raise ValueError("it does not say whether the app answers")
    problem = base64.b64decode(encoded, validate=True).decode(errors="replace").strip()
    if word == "unreached":
        return Service(problem or "Apache does not reach the app", unreached=True)
    return Service(problem or "the app does not answer", "" if states == ["-"] else states[0])
