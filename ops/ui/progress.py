"""A bar for what takes long. Loaded when there is something of that kind, as `ops/ui/terminal.py`."""

from typing import TextIO

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from ops.ui.terminal import console_on


def transfer_bar(stream: TextIO) -> Progress:
    """A bar for bytes that come, on a terminal; nothing elsewhere."""
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
