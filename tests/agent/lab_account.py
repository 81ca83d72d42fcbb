"""The account of a lab host in a folder of this machine, with its products and the versions it can install."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lab.place import HERE
from lab.versions import put_versions

SETUP = '. "$HOME/products/setup" >/dev/null; '


@dataclass(frozen=True)
class Account:
    """`root` has the files of a lab host's account, and of the servers that versions are installed from."""

    root: Path

    @property
    def home(self) -> Path:
        """The account's home."""
        return self.root / "home/poms"

    @property
    def products(self) -> Path:
        """The folder of UPS and its products."""
        return self.home / "products"

    def environment(self) -> dict[str, str]:
        """What a command of the account starts with."""
        servers = {"UPD_SERVER": str(self.root / "srv/upd"), "POMS_SERVER": str(self.root / "srv")}
        return {"PATH": "/usr/bin:/bin", "HOME": str(self.home), "USER": "poms", "LOGNAME": "poms", **servers}

    def start(self, *command: str | Path, **more: str) -> "subprocess.Popen[str]":
        """Start a command without waiting, in a session of its own; `more` is more environment."""
        return subprocess.Popen(
            command,
            env=self.environment() | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, script: str, shell: str = "bash", **more: str) -> tuple[int, str, str]:
        """Exit code and both outputs of shell text."""
        with self.start(shell, "-c", script, **more) as running:
            out, err = running.communicate(timeout=60)
        return running.returncode, out, err

    def ups(self, script: str) -> str:
        """What shell text with the products area prints to standard output; it must not fail."""
        code, out, err = self.run(SETUP + script)
        assert code == 0, out + err
        return out


def new_account(root: Path) -> Account:
    """As a new lab host has it, in the folder `root`."""
    account = Account(root)
    shutil.copytree(HERE / "rootfs/home/poms", account.home, ignore=shutil.ignore_patterns("__pycache__"))
    put_versions(account.root)
    python = account.products / "python/v3/bin/python3"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    code, out, err = account.run(str(HERE / "rootfs/usr/libexec/lab/install-versions"))
    assert code == 0, out + err
    return account


def copied_account(installed: Account, root: Path) -> Account:
    """A copy that a test may change; without releases, whose files name their place."""
    shutil.copytree(installed.root, root, symlinks=True)
    for path in (root / "home/poms/products").glob("*/*.version"):
        path.write_text(path.read_text().replace(str(installed.root), str(root)))
    shutil.rmtree(root / "home/poms/releases")
    return Account(root)
