"""A line to a host that is this machine: the project's own side of it, and its scripts under a shell of choice."""

import os
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ops.schema import Host
from ops.ssh.agent_start import running
from ops.ssh.fake_channel import FakeChannel
from ops.ssh.session import Remote
from tests.agent.local_agent import with_path
from tests.agent.shells import SHELLS, executable

# Each notes its words in a file, a NUL behind each, and stands in for one of the host's commands.
NOTES = r"""#!/bin/sh
{ printf '%s\0' "${0##*/}" "$@"; printf '\0'; } >>'@FILE@'
"""
SUPERVISORD = Path(__file__).with_name("stand_in_supervisord.py")
STAND_INS = {
    "sudo": "",
    "httpd": "",
    "uwsgi": "",
    "supervisord": f'[ "$1" = --version ] || exec "{sys.executable}" "{SUPERVISORD}" "$@"\n',
    "python-of-the-host": "cat >/dev/null\n",
    "unshare": "exit 1\n",  # no trial start: that one is the lab's
    # An Apache with a process that has just begun, and that answers every visitor.
    "pgrep": "sleep 9 >/dev/null 2>&1 </dev/null 3>&- 4>&- 5>&- 9>&- &\necho $!\n",
    "openssl": """[ "$1" != s_client ] || { cat >/dev/null; echo "BEGIN CERTIFICATE HTTP/1.1"; exit; }
PATH=/usr/bin:/bin exec openssl "$@"
""",
}


class LocalChannel(FakeChannel):
    """Its host is a process of this machine; standard error goes to a file."""

    def __init__(self, line: "Line") -> None:
        super().__init__()
        self._line = line
        self._command = ""
        # One for each direction, as SSH has it: what the script has not read when it ends must not reset its answer.
        self._ours, theirs_out = socket.socketpair()
        self._input, theirs_in = socket.socketpair()
        self._theirs = theirs_in, theirs_out

    def start(self, command: str) -> None:
        """Note the command: it is run as sshd does, but for the shell, once its script has come."""
        self._command = command

    def _run(self, text: str) -> None:
        with self._line.root.joinpath("stderr").open("ab") as noise:
            self._running = subprocess.Popen(
                [*SHELLS[self._line.shell], "-c", running(text)],
                stdin=self._theirs[0].fileno(),
                stdout=self._theirs[1].fileno(),
                stderr=noise,
                cwd=self._line.place("cwd"),
                env=self._line.environment(),
                start_new_session=True,
            )
        for end in self._theirs:
            end.close()

    def sendall(self, data: bytes) -> None:
        """Send all of it; the script comes first, and finds the stand-ins."""
        if self._command:
            assert self._command == f"exec /bin/sh -c '{running(data.decode())}'"
            self._command = ""
            path = self._line.environment()["PATH"]
            text = with_path(data.decode(), path)
            self._run(text)
            data = text.encode()
        self._input.sendall(data)

    def recv(self, size: int) -> bytes:
        """What has come."""
        return self._ours.recv(size)

    def settimeout(self, _: float) -> None:
        """At the most a minute, in a test."""
        self._ours.settimeout(60)

    def shutdown_write(self) -> None:
        """The end of the script's input."""
        self._input.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Wait for the script's end."""
        self._ours.close()
        self._input.close()
        self._running.wait(60)


@dataclass
class Line:
    """Where a script runs under `shell`: all below the folder `root`."""

    root: Path
    shell: str
    channels: list[LocalChannel] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("cwd", "home", "tmp", "bin"):
            self.place(name).mkdir(parents=True)
        for name, text in STAND_INS.items():
            executable(self.place("bin") / name, NOTES.replace("@FILE@", str(self.place("notes"))) + text)
        interpreter = self.place("bin") / "python-of-the-host"
        executable(self.place("bin") / "supervisorctl", f"#!{interpreter}\n")

    def place(self, name: str) -> Path:
        """One of its own folders; what the inventory names lies in `there`."""
        return self.root / "own" / name

    def environment(self) -> dict[str, str]:
        """What the script's environment is."""
        path = f"{self.place('bin')}:{os.environ['PATH']}"
        return {"PATH": path, "HOME": str(self.place("home")), "TMPDIR": str(self.place("tmp")), "LANG": "C.UTF-8"}

    def open_session(self, **_: Any) -> LocalChannel:
        """As paramiko's transport does."""
        self.channels.append(LocalChannel(self))
        return self.channels[-1]

    def start_command(self, channel: LocalChannel, command: str) -> None:
        """As ops/ssh/transport.py's does."""
        channel.start(command)

    def remote(self, host: Host, password: str | None = None) -> Remote:
        """The project's own side."""
        return Remote(host, SimpleNamespace(transport=self), password, "key SHA256:x tester")

    def commands(self) -> list[list[str]]:
        """The stand-ins that ran, each with its words."""
        notes = self.place("notes")
        text = notes.read_text() if notes.exists() else ""
        return [command.split("\0") for command in text.split("\0\0") if command]

    def end(self) -> None:
        """Wait for what runs."""
        for channel in self.channels:
            channel.close()
