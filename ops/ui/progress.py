"""A progress bar for a transfer. Loaded only when needed, like `ops/ui/terminal.py`."""

from typing import TextIO

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from ops.ui.terminal import console_on


def transfer_bar(stream: TextIO) -> Progress:
    """A bar for received bytes; disabled where `stream` is not a terminal."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console_on(stream),
        transient=True,
        disable=not stream.isatty(),
    )
