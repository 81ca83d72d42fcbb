"""The lab as tests use it: fab as an operator runs it, and access to the hosts without fab."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import Lab, status
from lab.base.table import BASES
from lab.host import Record, read_records
from ops.project import PROJECT

PORTS = (80, 443, 8443, 9443)
FAB = PROJECT / ".venv/bin/fab"
PYTHON = "/home/poms/products/python/v3/bin/python3"  # on a host, since some have none in PATH


@dataclass(frozen=True)
class Said:
    """A command's output and exit code."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        """Both streams."""
        return self.out + self.err


@dataclass(frozen=True)
class Site:
    """One lab and its operator."""

    lab: Lab

    def environment(self, inventory: Path | None = None) -> dict[str, str]:
        """The environment of an operator's shell, without an agent; what tests/run sets so that fab is measured."""
        names = ("PATH", "HOME", "LANG", "COVERAGE_PROCESS_START", "COVERAGE_FILE")
        kept = {key: os.environ[key] for key in names if key in os.environ}
        return kept | {"POMS_INVENTORY": str(inventory or self.lab.inventory), "TERM": "dumb"}

    def start(
        self,
        *words: str,
        inventory: Path | None = None,
        home: Path | None = None,
        extra: dict[str, str] | None = None,
        project: Path = PROJECT,
    ) -> "subprocess.Popen[str]":
        """Start fab without waiting; `home` is the operator's, `extra` is more environment, `project` a checkout."""
        environment = self.environment(inventory) | ({"HOME": str(home)} if home else {}) | (extra or {})
        return subprocess.Popen(
            [FAB, *words],
            cwd=project,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # A shell that runs the tests in the background makes them, and their children, ignore Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def fab(self, *words: str, check: bool = False, **settings: Any) -> Said:
        """Run fab as an operator does, without a terminal; `settings` as for `start`."""
        with self.start(*words, **settings) as running:
            out, err = running.communicate(timeout=180)
        said = Said(running.returncode, out, err)
        # A traceback of fab itself: one in a host's log follows the names of host and program.
        assert not re.search("^Traceback", said.all, re.MULTILINE), said.all
        if check:
            assert said.code == 0, said.all
        return said

    def checkout(self, folder: Path, templates: dict[str, str]) -> Path:
        """A copy of the project in `folder`, with more templates (path in the tree: text)."""
        project = folder / "checkout"
        for name in ("ops", "tasks", "templates", "lab"):
            leave = shutil.ignore_patterns("__pycache__", "cache", "state", "rootfs")
            shutil.copytree(PROJECT / name, project / name, ignore=leave)
        shutil.copy(PROJECT / "fabfile.py", project)
        for name, text in templates.items():
            (project / "templates" / name).write_text(text)
        return project

    def changed(self, folder: Path, *changes: tuple[str, str]) -> Path:
        """A copy of the inventory with texts replaced; each text must be in it."""
        text = self.lab.inventory.read_text()
        for before, after in changes:
            assert before in text, before
            text = text.replace(before, after)
        text = text.replace('known_hosts = "', f'known_hosts = "{self.lab.state}/')
        text = text.replace('identity_file = "', f'identity_file = "{self.lab.state}/')
        path = folder / "hosts.toml"
        path.write_text(text)
        return path

    def reload_line(self, host: str = "pomsgpvm01") -> str:
        """The line of the lab's inventory that grants the host's reload of Apache."""
        words = '"systemctl", "reload", "httpd"' if self.systemd(host) else '"service", "httpd", "graceful"'
        return f'reload = ["sudo", {words}]\n'

    def systemd(self, host: str = "pomsgpvm01") -> bool:
        """Whether the host's first process is systemd, and systemctl controls Apache."""
        return BASES[self.record(host).base].systemd

    @contextmanager
    def broken_reload(self, says: str = "") -> Iterator[None]:
        """Make Apache's reload and restart fail with the text `says`; other actions still work."""
        tool = "/usr/bin/systemctl" if self.systemd() else "/usr/sbin/service"
        fails = f'case "$*" in *reload* | *restart* | *graceful*) echo "{says}"; exit 1 ;; esac'
        script = f'#!/bin/sh\n{fails}\nexec {tool}.real "$@"\n'
        self.root(f"mv {tool} {tool}.real; printf %s {shlex.quote(script)} >{tool}; chmod 755 {tool}")
        try:
            yield
        finally:
            self.root(f"mv {tool}.real {tool}")

    def address(self, host: str = "pomsgpvm01") -> str:
        """The host's address, from the inventory."""
        inventory = tomllib.loads(self.lab.inventory.read_text())
        return str(inventory["hosts"][host]["address"])

    def record(self, host: str = "pomsgpvm01") -> Record:
        """The lab's record of the host."""
        return next(record for record in read_records(self.lab) if record.name == host)

    def root(self, command: str, host: str = "pomsgpvm01") -> str:
        """Run shell text as root on the host, without SSH; its output."""
        entered = ["nsenter", "-t", str(self.record(host).pid), "-m", "-u", "-i", "-n", "-p", "-r", "-w"]
        path = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
        done = subprocess.run(
            [*entered, "/bin/sh", "-c", command], capture_output=True, text=True, env=path, check=False, timeout=60
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def poms(self, command: str, host: str = "pomsgpvm01") -> str:
        """Run shell text as the account, with the products set up, without SSH; its output."""
        inner = f'. "$HOME/products/setup" >/dev/null 2>&1; setup poms >/dev/null 2>&1\n{command}\n'
        return self.root(f"runuser -u poms -- env HOME=/home/poms bash <<'END_OF_TEXT'\n{inner}END_OF_TEXT", host)

    def read(self, path: str, host: str = "pomsgpvm01") -> str:
        """The content of a file on the host."""
        return self.root(f"cat '{path}'", host)

    def processes(self, name: str, host: str = "pomsgpvm01") -> int:
        """The number of processes of that name on the host."""
        found = next(entry for entry in status(lab=self.lab) if entry.name == host)
        return found.processes.get(name, 0)

    def ask(self, url: str, *options: str, host: str = "pomsgpvm01") -> tuple[int, str]:
        """Status and body (or Location) of a request from outside; status 0 if there was no answer."""
        name = self.record(host).server_name
        resolve = [word for port in PORTS for word in ("--resolve", f"{name}:{port}:{self.address(host)}")]
        done = subprocess.run(
            [
                *("curl", "-sS", "-m", "20", *resolve, "--cacert", str(self.lab.certificates / "ca.pem"), *options),
                *("-w", "\n%{http_code} %{redirect_url}", url.replace("HOST", name)),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        body, _, last = done.stdout.rpartition("\n")
        code, _, location = last.partition(" ")
        return int(code or 0), location or body or done.stderr

    def certificate(self, name: str) -> list[str]:
        """curl's options for one of the lab's client certificates."""
        folder = self.lab.certificates
        return ["--cert", str(folder / f"{name}.pem"), "--key", str(folder / f"{name}.key")]

    def workers(self, host: str = "pomsgpvm01") -> dict[str, Any]:
        """uWSGI's statistics, read without fab."""
        text = self.poms("uwsgi --connect-and-read /home/poms/private/uwsgi-stats.sock 2>&1", host)
        found: dict[str, Any] = json.loads(text[text.index("{") :])
        return found

    def last_spawn(self) -> int:
        """When the newest worker was started, seconds since the epoch."""
        return max(int(worker["last_spawn"]) for worker in self.workers()["workers"])

    def apache(self) -> tuple[int, int, int]:
        """Apache's pid, its generation (number of reloads) and its start, from its status page and the kernel."""
        pid = int(self.root("cat /run/httpd/httpd.pid"))
        page = self.root("curl -s http://127.0.0.1/server-status?auto")
        found = re.search(r"ParentServerConfigGeneration: (\d+)", page)
        assert found, page
        started = self.root(f"cut -d ' ' -f 22 /proc/{pid}/stat")
        return pid, int(found[1]), int(started)

    def program_states(self) -> dict[str, str]:
        """The state of each program, by supervisorctl."""
        text = self.poms("supervisorctl -s unix:///home/poms/supervisor.sock status || :")
        return {line.split()[0]: line.split()[1] for line in text.splitlines() if line.strip()}


def until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for the condition, or fail."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.2)
