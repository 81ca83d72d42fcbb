"""The scripts of `ops/remote/`, each assembled into the one text that is sent to a host."""

from functools import cache
from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).parent / "remote"
SUPERVISORD = ("python.sh", "supervisord_ask.py", "supervisord_facts.py", "survival.sh", "supervisord.sh")
STANDBY = ("standby_requests.py", "standby.sh")
PARTS = {  # in addition to common.sh; the top of each script describes its request and its answer
    "boot": (*SUPERVISORD, "lock.sh"),
}
RUN_BY = {  # the command that runs it; for all others, the products' Python
    "supervise.py": "supervise_python",
    "standby_requests.py": "any_python",
    "ask_app.py": "any_python",
    "supervisord_ask.py": "any_python",
    "supervisord_facts.py": "any_python",
}
JOINED = {  # files that are put before it, as one program
    "supervise.py": ("supervisor_library.py", "supervisord_login.py", "log_zones.py", "supervise_checks.py"),
    "supervisord_facts.py": ("supervisord_ask.py", "supervisord_login.py"),
}


@cache
def script(*names: str) -> str:
    """`common.sh`, then each script with the parts that it needs, in POSIX sh.

    Several scripts run one after the other, each in its own subshell; one that fails does not stop the others.
    """
    shared = _read("common.sh")
    if len(names) == 1:
        return shared + _with_parts(names[0])
    return shared + "set +e\n" + "".join(f"(\nset -e\n{_with_parts(name)})\n" for name in names)


def running(text: str) -> str:
    """The command that reads `text` from its standard input, and runs it only if it arrived complete.

    A start file of the account may consume part of it (`read x` in ~/.bashrc): then the rest is not run. The host's
    own head and sha256sum are used, not the account's functions or aliases.
    """
    digest = sha256(text.rstrip("\n").encode()).hexdigest()
    return (
        f"PATH=/usr/bin:/bin:$PATH; text=$(command head -c {len(text.encode())});"
        f' case $(command printf %s "$text" | command sha256sum) in {digest}*) eval "$text" ;;'
        ' *) echo "The script did not arrive complete, and was not run.'
        ' Something that the account runs at login (.bashrc, .profile, .cshrc) reads standard input." >&2 ;; esac'
    )


def names() -> list[str]:
    """The scripts that can be sent."""
    parts = {"common.sh", *(part for needed in PARTS.values() for part in needed)}
    return sorted({path.stem for path in FOLDER.glob("*.sh") if path.name not in parts})


def _with_parts(name: str) -> str:
    parts = (*PARTS.get(name, ()), f"{name}.sh")
    return "".join(_as_function(part) if part.endswith(".py") else _read(part) for part in parts)


def _as_function(name: str) -> str:
    """NAME.py as the shell function `NAME`, which runs it with its Python."""
    function, command = name.removesuffix(".py"), f'{RUN_BY.get(name, "supervisor_python")} "$@"'
    program = "".join(map(_read, [*JOINED.get(name, ()), name]))
    return f"{function}() {{\n{command} <<'END_OF_PYTHON'\n{program}END_OF_PYTHON\n}}\n"


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
