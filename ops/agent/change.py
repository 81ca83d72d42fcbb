"""The change that is under way: its folder, which has all that a rollback needs, whoever does it.

Before the first file changes, state_dir/pending has: request (what a rollback needs of it, a field a line, as JSON);
new.N (wanted), and old.N or absent.N (before the change) for the N-th file; meta, manifest and host, the record of
the release; owed.before. Its state: swapping (files may be new), swapped (the numbers of those that were replaced),
reloading (a service may have read them), well (what worked before), running (the programs that ran), started (a
supervisord of ours).
"""

import contextlib
import os
import time

from ops.agent import durable
from ops.agent.evidence import tail
from ops.agent.lines import to_line
from ops.agent.release_folders import lines_of
from ops.agent.service_messages import Note
from ops.agent.transaction_messages import StepBegun

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ops.agent.messages import Message
    from ops.agent.transaction_messages import ChangedFile, TransactionRequest

EVIDENCE_LINES = 60
# No password, no key.
STORED = ("files", "reloads", "applied", "logs", "commands", "apache", "apps", "software")
LITTLE = 64 * 1024  # bytes: with less, a disk is full
RESERVE = 64 * 1024  # bytes: space for a rollback's records on a full disk


class Change:
    """A change, by its `request`, in its `folder`; `tell` sends a message to the operator's side.

    `is_way_back`: it is being rolled back, and a record that cannot be written does not stop it. `is_unwanted` says
    why the operator does not want it any more, or "".
    """

    def __init__(
        self,
        folder: str,
        request: "TransactionRequest",
        tell: "Callable[[Message], None]",
        is_unwanted: "Callable[[], str]" = lambda: "",
    ) -> None:
        self.folder = folder
        self.request = request
        self.state_dir = request.supervisord.state_dir
        self.tell = tell
        self._is_unwanted = is_unwanted
        self.is_way_back = False
        self.step = ""
        self._said: list[str] = []

    def is_unwanted(self) -> str:
        """Why the operator does not want it any more; "" if he does, or if it is being rolled back already."""
        return "" if self.is_way_back else self._is_unwanted()

    def path(self, name: str) -> str:
        """The path of one of its files."""
        return os.path.join(self.folder, name)

    def has(self, name: str) -> bool:
        """Whether it has a file, or a sign, of that name."""
        return os.path.exists(self.path(name))

    def mark(self, name: str) -> None:
        """Set a sign. Raises OSError."""
        durable.mark(self.path(name))

    def lines(self, name: str) -> "list[str]":
        """The lines of one of its files; none if it cannot be read."""
        return lines_of(self.path(name)) or []

    def write_lines(self, name: str, lines: "list[str]") -> None:
        """Write one of its files. Raises OSError."""
        durable.write(self.path(name), _text(lines))

    def begin(self, step: str) -> None:
        """Note in the journal, then tell, that a step begins. Raises OSError, but not on the way back."""
        self.step = step
        try:
            durable.append(self.path("journal"), f"{int(time.time())} {step}\n")
        except OSError:
            if not self.is_way_back:
                raise
        finally:
            self.tell(StepBegun(step=step))

    def record(self, *lines: str) -> None:
        """Add facts to the record of the release, if there is space for them."""
        with contextlib.suppress(OSError):
            durable.append(self.path("meta"), _text(list(lines)).decode("utf-8", "surrogateescape"))

    def note(self, text: str) -> None:
        """Tell the operator something, in one sentence."""
        self.tell(Note(text=text))

    def say(self, text: str) -> None:
        """Keep what a tool has said as evidence, and in the log of the release."""
        if text.strip():
            self._said.append(text.strip())
            with contextlib.suppress(OSError), open(self.path("log"), "a", encoding="utf-8", errors="replace") as log:
                log.write(text.strip() + "\n")

    @property
    def evidence(self) -> str:
        """The last of what the tools have said."""
        return tail("\n".join(self._said), EVIDENCE_LINES)

    def release(self) -> str:
        """The name of its release."""
        names = [line.split(" ", 1)[1] for line in self.lines("meta") if line.startswith("release ")]
        return names[0] if names else "unknown"

    def files(self) -> "list[tuple[int, ChangedFile]]":
        """Each file with its number."""
        return list(enumerate(self.request.files, 1))


def make_folder(folder: str, request: "TransactionRequest") -> None:
    """Make the folder of a change, with all that was received; the contents leave the request. Raises OSError."""
    os.mkdir(folder)
    for number, file in enumerate(request.files, 1):
        if file.wanted != durable.ABSENT:
            durable.write(os.path.join(folder, f"new.{number}"), file.content.encode("latin-1"))
        file.content = ""
    for name, lines in (
        ("meta", request.record.meta),
        ("manifest", request.record.manifest),
        ("host", [request.record.host]),
    ):
        durable.write(os.path.join(folder, name), _text(list(lines)))
    stored = [f"{name} {to_line(getattr(request, name))}" for name in STORED]
    durable.write(os.path.join(folder, "request"), _text(stored))


def tell_full_disk(state_dir: str, tell: "Callable[[Message], None]") -> None:
    """Say if the disk is full: then nothing else could be recorded."""
    try:
        space = os.statvfs(state_dir)
    except OSError:
        return
    if space.f_bavail * space.f_frsize < LITTLE:
        tell(Note(text=f"no space is left on the disk of {state_dir}"))


def _text(lines: "list[str]") -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
