"""Which lines of a log are wanted: those that match a pattern, and none after a time."""

from ops.agent.processes import filtered

TYPE_CHECKING = False
if TYPE_CHECKING:
    pass


class PatternRefused(Exception):
    """The pattern is no basic regular expression; the text is grep's message."""


class Wanted:
    """Lines that match `pattern` ("": all do), and none later than `until` (None: no limit).

    Raises PatternRefused.
    """

    def __init__(self, pattern: str = "", ignore_case: bool = False, until: "float | None" = None) -> None:
        self.until = until
        self._grep = ["grep", "-a", "-n", *(["-i"] if ignore_case else []), "-e", pattern] if pattern else []
        self.matching(b"")

    def is_later(self, own: "float | None") -> bool:
        """Whether a line of that time is too late."""
        return self.until is not None and own is not None and own > self.until

    def is_all(self) -> bool:
        """Whether every line is wanted."""
        return not self._grep and self.until is None

    def matching(self, data: bytes) -> "set[int] | None":
        """The numbers, from 1, of the lines in a text that match; None: all do."""
        if not self._grep:
            return None
        code, found, message = filtered(self._grep, data)
        if code > 1:
            raise PatternRefused(message.decode("utf-8", "replace").replace("\n", " "))
        return {int(line.partition(b":")[0]) for line in found.split(b"\n")[:-1]}
