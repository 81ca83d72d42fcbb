"""How a host tells whether Apache reaches the app, and why it does not; stand-ins answer for Apache and systemd."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.scripts import FOLDER
from tests.scripts.remote import SHELLS, executable

LINE = "443 /poms-ops/poms poms.example nobody"
TLS = "-----BEGIN CERTIFICATE-----\n"
REACHED = f"{TLS}HTTP/1.1 404 Not Found\nX-Poms-Ops: asked\nX-Poms-Ops-App: answered"
BARRED = f"{TLS}HTTP/1.1 503 Service Unavailable\nX-Poms-Ops: asked"
PARTS = ("apache_read.sh", "apache_facts.sh", "through_apache.sh")


def say(shell: str, folder: Path, commands: str) -> str:
    """What the commands print behind the host's functions; stand-ins are in `folder`/bin."""
    text = "".join((FOLDER / part).read_text() for part in PARTS)
    path = f"{folder}/bin:{os.environ['PATH']}"
    done = subprocess.run(
        [*SHELLS[shell], "-c", f"set -eu\n{text}\n{commands}\n"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": path},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def ask(shell: str, folder: Path, answer: str, listen: str = "127.0.0.1:8888") -> tuple[str, str]:
    (folder / "bin").mkdir(exist_ok=True)
    # STAND-IN for openssl: what Apache answers.
    executable(folder / "bin/openssl", f"#!/bin/sh\nprintf '%s\\r\\n' '{answer}'\n")
    said = say(shell, folder, f"ask_through_apache '{LINE} {listen}'; echo \"$through|$through_found\"")
    state, _, found = said.partition("|")
    return state, found


@pytest.mark.parametrize("shell", SHELLS)
def test_only_response_of_app_counts_as_reached(shell: str, tmp_path: Path) -> None:
    assert ask(shell, tmp_path, REACHED)[0] == "ok"
    assert ask(shell, tmp_path, REACHED.replace("404", "500"))[0] == "ok", "the app's own: it was reached"
    state, found = ask(shell, tmp_path, BARRED)
    assert state == "failed"
    for word in ("127.0.0.1:8888", "503"):
        assert word in found
    assert ask(shell, tmp_path, f"{TLS}HTTP/1.1 403 Forbidden")[0] == "unknown", "files of an earlier version"
    assert ask(shell, tmp_path, TLS)[0] == "failed", "it takes too long"
    assert ask(shell, tmp_path, "connect:errno=111")[0] == "unknown", "Apache itself is down, which is told elsewhere"


@pytest.fixture
def socket_of_nobody() -> Iterator[Path]:
    """A file in the place of a socket, in folders that every account may enter (pytest's own folders are closed)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "run").mkdir()
        for open_one in (folder, folder / "run"):
            open_one.chmod(0o755)
        path = folder / "run/app.sock"
        path.touch()
        path.chmod(0o666)
        yield path


@pytest.mark.parametrize("shell", SHELLS)
def test_directory_or_socket_that_blocks_apache_is_named(shell: str, tmp_path: Path, socket_of_nobody: Path) -> None:
    def why() -> str:
        return say(shell, tmp_path, f"why_unreached nobody {socket_of_nobody}")

    folder = socket_of_nobody.parent
    assert why() == "see Apache's error log"
    socket_of_nobody.chmod(0o600)
    assert why() == "nobody cannot write to it"
    folder.chmod(0o700)
    assert why() == f"nobody cannot enter {folder}"
    folder.chmod(0o755)
    (tmp_path / "bin").mkdir()
    for mask, bars in (("rw-", False), ("r--", True)):
        entries = f"user::rw-\\nuser:nobody:rw-\\t#effective:{mask}\\ngroup::---\\nmask::{mask}\\nother::---\\n"
        # STAND-IN for getfacl: an access list of the socket, and none of the folders.
        listed = f"case $3 in *.sock) printf '{entries}' ;; *) exit 1 ;; esac"
        executable(tmp_path / "bin/getfacl", f"#!/bin/sh\n{listed}\n")
        assert why() == ("nobody cannot write to it" if bars else "see Apache's error log")
    assert "no account" in say(shell, tmp_path, f"why_unreached no-such-account {socket_of_nobody}")
    assert "socket does not exist" in say(shell, tmp_path, f"why_unreached nobody {folder}/other")


@pytest.mark.parametrize("shell", SHELLS)
def test_private_tmp_of_apache_is_named(shell: str, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    executable(tmp_path / "bin/pgrep", "#!/bin/sh\nexit 1\n")
    for private in ("yes", "no"):
        executable(tmp_path / "bin/systemctl", f"#!/bin/sh\necho PrivateTmp={private}\n")
        for listen in ("/tmp/poms/app.sock", "/var/tmp/poms/app.sock"):
            why = say(shell, tmp_path, f"why_unreached nobody {listen}")
            assert ("PrivateTmp" in why) == (private == "yes"), why
