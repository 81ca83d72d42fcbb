"""The scripts of `ops/remote/`, each as the one text that is sent to a host."""

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "remote"
NEED_SUPERVISOR = ("transaction", "programs")


@cache
def script(name: str) -> str:
    """`common.sh`, supervise.py as a function where it is needed, and the script itself: POSIX sh."""
    parts = [_read("common.sh")]
    if name in NEED_SUPERVISOR:
        parts.append("supervise() {\nsupervisor_python \"$@\" <<'END_OF_SUPERVISE'\n")
        parts.append(_read("supervise.py"))
        parts.append("END_OF_SUPERVISE\n}\n")
    parts.append(_read(f"{name}.sh"))
    return "".join(parts)


def names() -> list[str]:
    """The scripts that can be sent."""
    return sorted(path.stem for path in FOLDER.glob("*.sh") if path.stem != "common")


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
