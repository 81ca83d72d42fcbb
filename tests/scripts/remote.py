"""Runs a remote script here, under a shell of choice, as a host would run it."""

import base64
import os
import subprocess
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from ops.scripts import running, script

OWN_PATH = next(line for line in script("transaction").splitlines() if line.startswith("PATH="))  # of every script
SHELLS = {"dash": ["dash"], "bash": ["bash"], "busybox": ["busybox", "sh"]}


@dataclass(frozen=True)
class Ran:
    """What a script answered: its facts on descriptor 1 and everything else on 2."""

    facts: list[str]
    noise: str
    code: int

    def evidence(self) -> str:
        """What the tools said, decoded."""
        lines = [line.removeprefix("evidence ") for line in self.facts if line.startswith("evidence ")]
        return "".join(base64.b64decode(line).decode() for line in lines)

    def values(self, kind: str) -> list[str]:
        """The rest of each line that begins with `kind`."""
        return [line.removeprefix(kind + " ") for line in self.facts if line.startswith(kind + " ")]


def sent(name: str, path: str = "") -> bytes:
    """Script `name` as a host gets it, with PATH as it is here, or `path`, in place of the script's own."""
    return as_here(script(name), path or os.environ["PATH"]).encode()


def as_here(text: str, path: str) -> str:
    """The text of a script with another PATH."""
    assert text.count(OWN_PATH) == 1
    return text.replace(OWN_PATH, f"PATH='{path}'")


def start(shell: str, name: str, request: list[str], path: str = "") -> "subprocess.Popen[bytes]":
    """Start script `name` under `shell`, sent as ops/ssh/session.py sends it, with `request` behind it.

    `path` is a folder whose commands come before the system's.
    """
    path = ":".join(filter(None, [path, os.environ["PATH"]]))
    text = sent(name, path)
    started = subprocess.Popen(
        [*SHELLS[shell], "-c", running(text.decode())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": path, "HOME": os.environ["HOME"]},
        start_new_session=True,
    )
    assert started.stdin
    started.stdin.write(text + "".join(f"{line}\n" for line in request).encode())
    started.stdin.flush()
    return started


def run(shell: str, name: str, request: list[str], path: str = "") -> Ran:
    """Run script `name` under `shell` with `request`, and the end of the input behind it; `path` as for `start`."""
    with start(shell, name, request, path) as running:
        out, err = running.communicate(timeout=60)
    return Ran(out.decode().splitlines(), err.decode(), running.returncode)


def answer(shell: str, name: str, request: list[str], question: str, words: list[str]) -> Ran:
    """Run script `name`, and send `words`, then the end of the input, once it has said the line `question`."""
    with start(shell, name, request) as running:
        assert running.stdin
        assert running.stdout
        said = []
        for line in running.stdout:
            said.append(line.decode().strip())
            if said[-1] == question:
                running.stdin.write("".join(f"{word}\n" for word in words).encode())
                running.stdin.close()
        noise = running.stderr.read() if running.stderr else b""
    assert question in said, said
    return Ran(said, noise.decode(), running.returncode)


def digest(content: bytes) -> str:
    """SHA-256 in hex."""
    return sha256(content).hexdigest()


def executable(path: Path, text: str) -> Path:
    """Write a command that stands in for one of the host's."""
    path.write_text(text)
    path.chmod(0o755)
    return path


@dataclass
class FakeHost:
    """Places for a transaction in a temporary folder; its configuration test fails on a file that holds BROKEN."""

    root: Path
    files: dict[Path, tuple[bytes, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in ("conf.d", "home", "state"):
            (self.root / folder).mkdir()
        executable(
            self.root / "configtest",
            f'#!/bin/sh\nif grep -l BROKEN "{self.root}"/conf.d/*.conf; then echo "Syntax error" >&2; exit 1; fi\n',
        )
        executable(self.root / "reload", f'#!/bin/sh\ncat "{self.root}"/conf.d/*.conf >>"{self.root}/reloaded"\n')

    @property
    def conf(self) -> Path:
        """The Apache file that the tests change."""
        return self.root / "conf.d" / "ssl.conf"

    def request(self, *files: tuple[Path, bytes, str], name: str = "r1", reload: str = "reload") -> list[str]:
        """A request that writes `files` (path, content, digest seen)."""
        lines = [f"state_dir {self.root}/state", "by tester, deploy r1"]
        lines += [f"supervisord_conf {self.root}/home/supervisord.conf"]
        lines += [
            f"supervisor_socket {self.root}/home/s.sock",
            "activate :",
            f"release {name}",
            f"meta release {name}",
        ]
        lines += [f"directory {self.root}/home/private/config"]
        for path, content, seen in files:
            lines += [
                f"file 0644 {seen} {digest(content)} {path}",
                f"content {base64.b64encode(content).decode()}".rstrip(),
            ]
            lines += [f"manifest {digest(content)} 0644 {path}"]
        lines += [f"configtest {self.root}/configtest", f"apache {self.root}/{reload}", "reload apache"]
        lines += [f"apache_root {self.root}/etc"]
        return [*lines, "end"]
