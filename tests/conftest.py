"""What holds for all tests."""

import signal


def pytest_configure() -> None:
    """Take Ctrl-C, as a terminal's shell has it: started in the background by another shell, it would be ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
