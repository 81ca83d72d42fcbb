"""The terminal as rich has it. Loaded when something is drawn, and not before: it takes as long as a login."""

from typing import TextIO

from rich.console import Console


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to whoever started this (tasks/_sigpipe.py); rich would end the program with code 1."""
        raise


def console_on(stream: TextIO) -> Console:
    """A console that writes what it is given; piped output keeps its lines whole."""
    return _Console(file=stream, highlight=False, markup=False, emoji=False, width=None if stream.isatty() else 200)
