"""Whether a host's web service serves, as the host tells it to whoever changes it. Pure."""

import base64
from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """`problem`: why the app does not answer on its socket, empty where it does; `state`: its program's, if known.

    `unreached`: it answers there, and `problem` says why Apache does not reach it.
    """

    problem: str = ""
    state: str = ""
    unreached: bool = False


def parse(text: str) -> Service:
    """Read "answers", "unreached BASE64" or "fails STATE BASE64", without a state "-". Raises ValueError."""
    if text == "answers":
        return Service()
    word, *states, encoded = text.split(" ")
    if (word, len(states)) not in (("fails", 1), ("unreached", 0)):
        raise ValueError("it does not say whether the app answers")
    problem = base64.b64decode(encoded, validate=True).decode(errors="replace").strip()
    if word == "unreached":
        return Service(problem or "Apache does not reach the app", unreached=True)
    return Service(problem or "the app does not answer", "" if states == ["-"] else states[0])
