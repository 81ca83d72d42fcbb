"""What a failed task says is to be done, as a colleague who knows nothing else would do it."""

import re
from dataclasses import dataclass

from tests.soak.host import HOME


@dataclass(frozen=True)
class Step:
    """The next step: a task of fab by its name ("deploy" with `force`), shell text on the host, or to wait.

    `names_a_cause` is False for advice to repair what is named, where nothing is wrong with an undisturbed host.
    """

    task: str = ""
    force: bool = False
    shell: str = ""
    wait: bool = False
    names_a_cause: bool = True


def read_advice(text: str, *, force: bool) -> Step | None:
    """The step that the text of a failed deploy asks for; None where it asks for nothing that can be done."""
    advised = " ".join(re.findall(r"^ *what to do: (.*)$", text, re.MULTILINE))
    if "another deploy is running" in text:
        return Step(wait=True)
    if kill := re.search(r"'(kill [0-9 ]+)' on the host", advised):
        return Step(shell=kill[1], task="start-supervisord")
    if hang_up := re.search(r"kill -HUP [0-9]+", advised):
        return Step(shell=hang_up[0])
    if "--force" in advised and not force:
        return Step(task="deploy", force=True)
    for task in ("recover", "start-supervisord"):
        if re.search(rf"\b{task}\b", advised):
            return Step(task=task)
    if "make room" in advised or "fab diff" in advised or re.search(r"-H \S+ diff", advised):
        return Step(task="deploy", force=force)
    if "deploy again" in advised or "unknown; the next deploy" in text:
        return Step(task="deploy", force=force, names_a_cause=False)
    return None


def as_account(shell: str) -> str:
    """The shell text as the account runs it."""
    return f"cd {HOME}; {shell}"
