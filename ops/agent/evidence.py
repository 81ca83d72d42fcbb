"""What an operator gets to read of what tools have printed."""

MOST = 20_000  # characters: a line may be as long as a file


def tail(text: str, lines: int) -> str:
    """The last lines of a text."""
    return "\n".join(text.strip().splitlines()[-lines:])[-MOST:]
