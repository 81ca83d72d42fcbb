"""Whether a host's web service serves, as the host tells it to whoever changes it. Pure."""

import base64
from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """`problem`: why the app does not answer on its socket, empty where it does; `state`: its program's, if known."""

    problem: str = ""
    state: str = ""


def parse(text: str) -> Service:
    """Read "answers" or "fails STATE BASE64", without a state "-". Raises ValueError."""
    if text == "answers":
        return Service()
    word, state, encoded = text.split(" ")
    if word != "fails":
        raise ValueError("it does not say whether the app answers")
    problem = base64.b64decode(encoded, validate=True).decode(errors="replace").strip()
    return Service(problem or "the app does not answer", "" if state == "-" else state)
