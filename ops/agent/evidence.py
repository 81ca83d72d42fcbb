"""What an operator gets to read of what tools have printed."""

import os

MOST = 20_000  # characters: a line may be as long as a file


def tail(text: str, lines: int) -> str:
    """The last lines of a text."""
    return "\n".join(text.strip().splitlines()[-lines:])[-MOST:]


def end_of_file(path: str, lines: int) -> str:
    """The last lines of a file; "" if it cannot be read."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - MOST))
            return tail(file.read(MOST).decode("utf-8", "replace"), lines)
    except OSError:
        return ""
