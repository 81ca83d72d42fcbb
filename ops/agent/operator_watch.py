"""Watches whether the operator's side is still there: it sends an empty line every few seconds."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SILENCE = 10.0  # seconds


def watch(gone: "Callable[[], None]", descriptor: int = 0, silence: float = SILENCE) -> None:
    """Call `gone` in a thread of its own once the operator's side has closed, or is silent for so many seconds."""
    import threading

    def read() -> None:
        import select

        while select.select([descriptor], [], [], silence)[0]:
            try:
                if not os.read(descriptor, 4096):
                    break
            except OSError:
                break
        gone()

    threading.Thread(target=read, daemon=True).start()


def end_all() -> None:
    """End the agent and what it has started: this process's group, which sshd made for it."""
    import signal

    os.killpg(0, signal.SIGKILL)
