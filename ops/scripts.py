"""The scripts of `ops/remote/`, each as the one text that is sent to a host."""

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "remote"
PARTS = {  # besides common.sh; each script says at its top what it is asked and what it answers
    "transaction": (
        *("supervise.py", "ask_app.py", "door.py"),
        *("lock.sh", "files.sh", "uwsgi.sh", "prove.sh", "door.sh", "services.sh"),
    ),
    "programs": ("supervise.py", "ask_app.py", "uwsgi.sh"),
}
ON_TRIAL = ("door.py",)  # run where the script's functions are not to be had: given out as text


@cache
def script(name: str) -> str:
    """`common.sh`, the parts that it needs, and the script itself: POSIX sh."""
    parts = ("common.sh", *PARTS.get(name, ()), f"{name}.sh")
    return "".join(_as_function(part) if part.endswith(".py") else _read(part) for part in parts)


def names() -> list[str]:
    """The scripts that can be sent."""
    parts = {"common.sh", *(part for needed in PARTS.values() for part in needed)}
    return sorted(path.stem for path in FOLDER.glob("*.sh") if path.name not in parts)


def _as_function(name: str) -> str:
    """NAME.py as the shell function `NAME`, which gives it to the right Python, or `NAME_text`, which prints it."""
    function, command = name.removesuffix(".py"), 'supervisor_python "$@"'
    if name in ON_TRIAL:
        function, command = f"{function}_text", "cat"
    return f"{function}() {{\n{command} <<'END_OF_PYTHON'\n{_read(name)}END_OF_PYTHON\n}}\n"


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
