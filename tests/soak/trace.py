"""What was done, seen and found, with times."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock


@dataclass
class Trace:
    """Lines of one operation, each with the seconds since its begin; all of them go to the log as well."""

    log: Path
    name: str
    lines: list[str] = field(default_factory=list)
    _begun: float = field(default_factory=time.monotonic)
    _lock: Lock = field(default_factory=Lock)

    def __call__(self, text: str) -> None:
        """Note one line, or several."""
        at = time.monotonic() - self._begun
        noted = [f"{at:7.2f}  {line}" for line in text.splitlines()]
        with self._lock:
            self.lines += noted
            with self.log.open("a") as file:
                file.writelines(f"{self.name} {line}\n" for line in noted)


@dataclass(frozen=True)
class Violation:
    """Something that must hold and did not: which rule, and what was found."""

    rule: str
    found: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.found}"
