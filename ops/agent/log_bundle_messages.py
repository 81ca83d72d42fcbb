"""The request for whole logs, and its answers."""

from ops.agent.messages import Message


class LogBundleRequest(Message):
    """All files of the logs, or their lines `since`; `logs` and `since` as in LogsRequest."""

    logs: "list[tuple[str, str]]"
    since: "int | str | None" = None


class LogBundlePart(Message):
    """The next bytes of a tar.gz, or none; `done` bytes of `total` are packed, before compression."""

    content: bytes
    done: int
    total: int
