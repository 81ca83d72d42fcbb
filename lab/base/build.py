"""The root file systems of the lab's hosts: each is made once, and kept under a hash of its ingredients."""

import fcntl
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from lab.base.table import Base
from lab.command import attempt, run
from lab.place import LAYERS, Lab

HERE = Path(__file__).resolve().parent
INGREDIENTS = ("packages.txt", "products.txt", "build.sh")
FAILS = "Cannot make the lab's root file system"

# Options of the machine's apt that do not matter for fetching packages.
ABOUT_OTHER_THINGS = ("IndexTargets", "cdrom", "CompressionTypes", "Changelogs")


def base_exists(lab: Lab, base: Base) -> bool:
    """Whether the root file system of this checkout exists already."""
    return _root(lab, base).is_dir()


def ensure_bases(lab: Lab, bases: Iterable[Base], say: Callable[[str], None]) -> dict[str, Path]:
    """The root file system of each base, by its name; it is made if there is none yet.

    Raises OperatorError.
    """
    wanted = {base.name: base for base in bases}
    with ThreadPoolExecutor(2) as two:  # a build mostly waits for packages and for one process
        return dict(zip(wanted, two.map(lambda base: ensure_base(lab, base, say), wanted.values()), strict=True))


def ensure_base(lab: Lab, base: Base, say: Callable[[str], None]) -> Path:
    """As `ensure_bases`, for one base."""
    root = _root(lab, base)
    if root.is_dir():
        return root
    with _one_builder(lab.cache, base, say) as lock:
        if not root.is_dir():
            _build(lab.cache, base, lock, say)
    return root


def _root(lab: Lab, base: Base) -> Path:
    return lab.cache / _key(base) / "root"


def _key(base: Base) -> str:
    digest = hashlib.sha256(f"{base.release} {base.python} {base.layers}".encode())
    scripts = [LAYERS / layer / name for layer in base.layers for name in ("packages.txt", "build.sh")]
    for path in (*(HERE / name for name in INGREDIENTS), *scripts):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{base.name}-{digest.hexdigest()[:16]}"


def _build(cache: Path, base: Base, lock: int, say: Callable[[str], None]) -> None:
    """Build under another name and rename at the end, so a folder with the final name is always complete."""
    work = cache / f"{_key(base)}.partial"
    for left in cache.glob(f"{base.name}-*.partial"):
        shutil.rmtree(left)
    work.mkdir()
    begun = time.monotonic()
    say(f"Making the root file system {base.name}, as root: Debian packages, uWSGI. About 2 minutes, only once.")
    work.joinpath("sources.list").write_text(_debian_sources(base.release))
    work.joinpath("apt.conf").write_text(_fetch_options())
    work.joinpath("packages").write_text(",".join(_packages(base)))
    _download(work / "downloads")
    # If this process dies, the kernel ends the build and removes its mounts with its namespace; until then the
    # build's processes hold the lock.
    namespaces = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    scripts = [str(LAYERS / layer / "build.sh") for layer in base.layers]
    build = ("sh", str(HERE / "build.sh"), str(work), base.release, *scripts)
    run("setpriv", "--pdeathsig", "KILL", *namespaces, *build, fails=FAILS, keep=lock)
    shutil.rmtree(work / "downloads")
    work.rename(cache / _key(base))
    say(f"Root file system {base.name} made in {time.monotonic() - begun:.0f} s.")


def _packages(base: Base) -> list[str]:
    lists = [HERE / "packages.txt", *(LAYERS / layer / "packages.txt" for layer in base.layers)]
    lines = [line for path in lists for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return [*lines, f"libpython{base.python}"]


def _debian_sources(release: str) -> str:
    """The machine's Debian sources, as lines of sources.list for `release`; empty on another system.

    The machine's sources name its own release; the same servers have the other releases too.
    """
    rows = _debian_archives()
    if not rows:  # the machine's package lists were removed
        attempt(["apt-get", "-qq", "update"])
        rows = _debian_archives()
    lines = (f"deb {uri} {release}{kind} {component}\n" for uri, kind, component in rows)
    return "".join(dict.fromkeys(lines))


def _debian_archives() -> list[tuple[str, str, str]]:
    """(URI, "" or "-updates" or "-security", component) of each archive of a stable Debian that apt knows."""
    form = "$(ORIGIN)|$(CODENAME)|$(REPO_URI)|$(COMPONENT)"
    targets = attempt(["apt-get", "indextargets", "--format", form, "Created-By: Packages"]).stdout
    rows = [row.split("|") for row in sorted(set(targets.splitlines())) if row.startswith("Debian|")]
    found = [(uri, *codename.partition("-")[1:], component) for _, codename, uri, component in rows]
    return [
        (uri, dash + kind, component) for uri, dash, kind, component in found if kind in ("", "updates", "security")
    ]


def _fetch_options() -> str:
    dump = run("apt-config", "dump", fails=FAILS).splitlines()
    left_out = tuple(f"Acquire::{part}" for part in ABOUT_OTHER_THINGS)
    return "".join(f"{line}\n" for line in dump if line.startswith("Acquire::") and not line.startswith(left_out))


def _download(folder: Path) -> None:
    options = ("--quiet", "--no-deps", "--require-hashes", "--no-binary", "uwsgi", "--dest", str(folder))
    run(sys.executable, "-m", "pip", "download", *options, "-r", HERE / "products.txt", fails=FAILS)


@contextmanager
def _one_builder(cache: Path, base: Base, say: Callable[[str], None]) -> Iterator[int]:
    cache.mkdir(parents=True, exist_ok=True)
    lock = os.open(cache / f"{base.name}.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"Another lab is making the root file system {base.name}; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)
