"""The host under test as its lab sees it, past fab and past SSH: its files, its processes, its power."""

import contextlib
import fcntl
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock

import lab
from tests.lab.site import Site, until
from tests.soak import disks
from tests.soak.versions import HOST

STATE = "/home/poms/private/poms-ops"
CONF_D, CONFIG, HOME = "/etc/httpd/conf.d", "/home/poms/private/config/poms", "/home/poms"
ACCOUNT = 1000  # the account's number on lab hosts
OURS = (
    "/supervisord ",
    "uwsgi --ini /home/poms/private/config/poms/uwsgi-service.ini",
    "poms_agent.py ",
    "sshd: ",
    "sshd-session: ",
    "systemd --user ",  # logind starts the account's service manager at a login, and ends it some time after the last
    "(sd-pam) ",
)


@dataclass(frozen=True)
class Process:
    """A process of the account: its number, its parent's and its session's on the host, its command line, its
    environment.
    """

    pid: int
    parent: int
    session: int
    command: str
    environment: dict[str, str]

    @property
    def is_service(self) -> bool:
        """Whether it is supervisord, what it runs, or a login's; all else is a task's, and has to end."""
        if "/standby." in self.command or "/trial." in self.command:
            return False
        return any(part in f"{self.command} " for part in OURS)


@dataclass
class SoakHost:
    """One lab host with disks of its own; `why_no_disks` says why it has none.

    `power` is held where the host must be on, and while its power is cut until it is up again.
    """

    site: Site
    why_no_disks: str
    power: "RLock" = field(default_factory=RLock)

    @classmethod
    def made(cls, state: Path) -> "SoakHost":
        """Bring up a lab of its own in `state`."""
        made = lab.Lab(state=state)
        folder = made.hosts / HOST
        folder.mkdir(parents=True)
        why_not = disks.make_disks(folder)
        lab.up([HOST], lab=made, say=_quiet)
        return cls(Site(made), why_not)

    def end(self) -> None:
        """Take the lab down."""
        lab.down(lab=self.site.lab, say=_quiet)

    @property
    def root(self) -> Path:
        """Where the host's files are seen from here."""
        return Path(f"/proc/{self.site.record(HOST).pid}/root")

    def at(self, path: str) -> Path:
        """A path of the host, as seen from here."""
        return self.root / path.lstrip("/")

    def content(self, path: str) -> bytes | None:
        """A file's content, None where there is none."""
        try:
            return self.at(path).read_bytes()
        except OSError:
            return None

    # ---- what is left --------------------------------------------------------------------------------------------

    def leftovers(self) -> list[str]:
        """What a task may only have while it runs: names in the state folder, names beside managed files."""
        found = [f"{STATE}/{path.name}" for path in self._in_state() if _is_temporary(path.name)]
        for folder in (CONF_D, CONFIG, HOME):
            found += [f"{folder}/{path.name}" for path in self.at(folder).glob(".*.poms-ops-*")]
        return sorted(found)

    def _in_state(self) -> list[Path]:
        with contextlib.suppress(OSError):
            return list(self.at(STATE).iterdir())
        return []

    @property
    def is_pending(self) -> bool:
        """Whether a deploy is under way, or died half-way."""
        return self.at(f"{STATE}/pending").exists()

    def is_locked(self) -> bool:
        """Whether a process holds the lock."""
        try:
            descriptor = os.open(self.at(f"{STATE}/lock"), os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def processes(self) -> list[Process]:
        """Those of the account."""
        return list(self._read_processes())

    def _read_processes(self) -> Iterator[Process]:
        for folder in self.at("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if folder.stat().st_uid != ACCOUNT:
                    continue
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                _, parent, _, session, *_ = (folder / "stat").read_text().rpartition(") ")[2].split()
                pairs = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
                environment = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
                if words:  # else it is dead, and not waited for yet
                    yield Process(int(folder.name), int(parent), int(session), words, environment)

    def files_below(self, folder: str) -> Iterator[Path]:
        """Every file below a folder; what goes away meanwhile is passed over."""
        for place, _, names in os.walk(self.at(folder)):
            yield from (Path(place, name) for name in names)

    # ---- what happens to it --------------------------------------------------------------------------------------

    def run(self, command: str) -> str:
        """Run shell text as root on the host, once it is on; what it printed."""
        with self.power:
            return self.site.root(command, HOST)

    def power_cut(self) -> bool:
        """End every process at once, and what was not synced with them; whether the disks lost anything.

        The host does not answer any more from before its disks end, so nobody hears of errors that no disk reports.
        """
        with self.power:
            return self._cut_and_boot()

    def _cut_and_boot(self) -> bool:
        record = self.site.record(HOST)
        cable = f"{self.site.lab.bridge}{int(record.address.rpartition('.')[2]):02x}"
        subprocess.run(["ip", "link", "set", cable, "down"], check=False, capture_output=True)
        before = self._on_disk()
        if not self.why_no_disks:
            disks.cut(self.root)
        os.kill(record.pid, signal.SIGKILL)
        until(lambda: not self.site.record(HOST).running, 30, "the host is off")
        lab.up([HOST], lab=self.site.lab, say=_quiet)
        return self._on_disk() != before

    def _on_disk(self) -> dict[str, tuple[int, int]]:
        """Size and time of what deploys write."""
        found: dict[str, tuple[int, int]] = {}
        for folder in (STATE, CONFIG, CONF_D):
            for path in self.files_below(folder):
                with contextlib.suppress(OSError):
                    facts = path.lstat()
                    found[str(path).partition("/root/")[2]] = (facts.st_size, facts.st_mtime_ns)
        return found

    def start_supervisord(self) -> None:
        """What the account's crontab does at boot."""
        with self.power:
            self.site.poms("supervisord -c $HOME/supervisord.conf </dev/null >/dev/null 2>&1 || :", HOST)

    @contextmanager
    def line_down(self) -> Iterator[None]:
        """Packets are dropped, and no reset is sent."""
        self.run("ip link set eth0 down")
        try:
            yield
        finally:
            self.run("ip link set eth0 up")


def _is_temporary(name: str) -> bool:
    return name.startswith(("pending", "incoming.", "standby.")) or name in ("current.new", "object.new")


def _quiet(_: str) -> None:
    """Say nothing."""
