"""Which task of ours has stopped a program: notes in the state folder, older than the program's next start."""

import contextlib
import os

from ops.agent.release_folders import text_of

FOLDER = "stopped"
SUPERVISORD = "supervisord.stopped"  # the same for supervisord itself


def note_of(state_dir: str, name: str) -> str:
    """The path of a program's note."""
    return os.path.join(state_dir, FOLDER, name.replace("/", "_"))


def note(state_dir: str, names: "list[str]", who: str) -> None:
    """Note who stops these programs now. A full disk does not prevent the stop."""
    with contextlib.suppress(OSError):
        os.makedirs(os.path.join(state_dir, FOLDER), 0o700, exist_ok=True)
    for name in names:
        with contextlib.suppress(OSError), open(note_of(state_dir, name), "w", encoding="utf-8") as file:
            file.write(f"{who}\n")


def renew(state_dir: str, name: str) -> None:
    """Whoever had stopped the program has stopped it now, too; without a note, nobody has."""
    with contextlib.suppress(FileNotFoundError):
        os.utime(note_of(state_dir, name), None)


def note_supervisord(state_dir: str, text: str) -> None:
    """Note who has stopped supervisord, and when, if there is space."""
    with contextlib.suppress(OSError), open(os.path.join(state_dir, SUPERVISORD), "w", encoding="utf-8") as file:
        file.write(f"{text}\n")


def of_supervisord(state_dir: str) -> str:
    """Who has stopped supervisord, and when; "" if no task of ours did."""
    return text_of(os.path.join(state_dir, SUPERVISORD))[:200]


def forget_supervisord(state_dir: str) -> None:
    """It is started now."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(os.path.join(state_dir, SUPERVISORD))
