"""The root file system under every lab host: made once, kept under a key of what is in it."""

import fcntl
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.command import attempt, run
from lab.place import Lab

HERE = Path(__file__).resolve().parent
INGREDIENTS = ("packages.txt", "products.txt", "build.sh")
FAILS = "Cannot make the lab's root file system"

# Options of the machine's apt that say how packages are fetched; the rest is about the machine itself.
ABOUT_OTHER_THINGS = ("IndexTargets", "cdrom", "CompressionTypes", "Changelogs")


def base_exists(lab: Lab) -> bool:
    """Whether the root file system is made already, as this checkout wants it."""
    return (lab.cache / _key() / "root").is_dir()


def ensure_base(lab: Lab, say: Callable[[str], None]) -> Path:
    """The root file system, made now if this checkout has none like it yet. Raises OperatorError."""
    root = lab.cache / _key() / "root"
    if root.is_dir():
        return root
    with _one_builder(lab.cache, say) as lock:
        if not root.is_dir():
            _build(lab.cache, lock, say)
    return root


def _key() -> str:
    digest = hashlib.sha256()
    for name in INGREDIENTS:
        digest.update(name.encode() + b"\0" + (HERE / name).read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _build(cache: Path, lock: int, say: Callable[[str], None]) -> None:
    """Build under another name and rename at the end: what bears the key is always complete."""
    for left in cache.glob("*.partial"):
        shutil.rmtree(left)
    work = cache / f"{_key()}.partial"
    work.mkdir()
    begun = time.monotonic()
    say("Making the hosts' root file system, as root; once, about 2 minutes: Debian packages, uWSGI from source.")
    work.joinpath("sources.list").write_text(_debian_sources())
    work.joinpath("apt.conf").write_text(_fetch_options())
    _download(work / "downloads")
    # Should this process die, the kernel ends the build, and with its namespace all that it mounted; what runs of
    # it until then has the lock.
    namespaces = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    run("setpriv", "--pdeathsig", "KILL", *namespaces, "sh", HERE / "build.sh", work, fails=FAILS, keep=lock)
    shutil.rmtree(work / "downloads")
    work.rename(cache / _key())
    say(f"Root file system made in {time.monotonic() - begun:.0f} s.")


def _debian_sources() -> str:
    """The machine's own sources of Debian 12, as lines of sources.list; none on a machine of another system."""
    rows = _debian_archives()
    if not rows:  # a machine whose package lists were cleaned away
        attempt(["apt-get", "-qq", "update"])
        rows = _debian_archives()
    return "".join(f"deb {uri} {release} {component}\n" for uri, release, component in rows)


def _debian_archives() -> list[list[str]]:
    """(URI, release, component) of each archive that apt knows to be Debian's, of the hosts' release."""
    form = "$(ORIGIN)|$(CODENAME)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
    targets = attempt(["apt-get", "indextargets", "--format", form, "Created-By: Packages"]).stdout
    rows = [row.split("|") for row in sorted(set(targets.splitlines())) if row.startswith("Debian|")]
    wanted = ("bookworm", "bookworm-updates", "bookworm-security")
    return [rest for _, codename, *rest in rows if codename in wanted]


def _fetch_options() -> str:
    dump = run("apt-config", "dump", fails=FAILS).splitlines()
    left_out = tuple(f"Acquire::{part}" for part in ABOUT_OTHER_THINGS)
    return "".join(f"{line}\n" for line in dump if line.startswith("Acquire::") and not line.startswith(left_out))


def _download(folder: Path) -> None:
    options = ("--quiet", "--no-deps", "--require-hashes", "--no-binary", "uwsgi", "--dest", str(folder))
    run(sys.executable, "-m", "pip", "download", *options, "-r", HERE / "products.txt", fails=FAILS)


@contextmanager
def _one_builder(cache: Path, say: Callable[[str], None]) -> Iterator[int]:
    cache.mkdir(parents=True, exist_ok=True)
    lock = os.open(cache / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another lab is making the root file system; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)
