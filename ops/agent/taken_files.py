"""When each program last read its files, as far as we know: the times of empty files in the state folder."""

import os

FOLDER = "taken"


class TakenFiles:
    """Those times; a program's name may contain a colon, and a slash, which a file's name has as an underscore."""

    def __init__(self, state_dir: str) -> None:
        self._folder = os.path.join(state_dir, FOLDER)

    def took(self, name: str) -> None:
        """Record that a program has just read its files. Raises OSError."""
        os.makedirs(self._folder, 0o700, exist_ok=True)
        with open(self._path(name), "w"):
            pass

    def is_due(self, name: str, path: str) -> bool:
        """Whether the file exists, and has changed since the program last read it."""
        try:
            changed = os.path.getmtime(path)
        except OSError:
            return False
        try:
            return changed > os.path.getmtime(self._path(name))
        except OSError:
            return True

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name.replace("/", "_"))
