"""rich's console. Loaded only when something is drawn: loading it takes as long as a login."""

from typing import TextIO

from rich.console import Console


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to tasks/_sigpipe.py; rich would end the program with code 1."""
        raise


def console_on(stream: TextIO) -> Console:
    """A console that writes text unchanged; in piped output, lines do not wrap before 200 columns."""
    return _Console(file=stream, highlight=False, markup=False, emoji=False, width=None if stream.isatty() else 200)
