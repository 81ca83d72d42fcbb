"""Holds a deploy at a step, injects a fault, and checks whether the host recovers.

strace, in front of the host's Python, stops the agent at a step: it syncs its journal as each one begins. "swap-half"
means that one file is new and the others are old.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import lab
from tests.lab.site import Site, until

HOST = "pomsgpvm01"
STATE = "/home/poms/private/poms-ops"
SSL, CERT_SSL = "/etc/httpd/conf.d/ssl.conf", "/etc/httpd/conf.d/cert_ssl.conf"
FILES = (SSL, CERT_SSL, "/home/poms/private/config/poms/uwsgi-service.ini")
HELD = "/tmp/held"
LIMIT = 5  # seconds of silence
START_SECONDS = 15  # for the import of the app
WITHIN = LIMIT + 30  # seconds: the limit, and the time for a rollback on a busy machine

ALL = bool(os.environ.get("POMS_TEST_ALL"))
STEPS = [
    *("stage", "directories", "keep", "prove", "look", "swap", "swap-half", "configtest"),
    *("reload-apache", "reload-poms_webservice", "check", "verdict", "commit"),
]
AFTER_THE_SWAP = STEPS[STEPS.index("swap") : STEPS.index("commit")]
KINDS = {
    "folder": "chown root:poms /etc/httpd/conf.d; chmod 2775 /etc/httpd/conf.d",
    "files": "chown root:root /etc/httpd/conf.d; chmod 755 /etc/httpd/conf.d",
}
Row = Callable[..., None]  # records a row of the fault matrix

# Old and new differ in all three files, and in the answers of both services.
WITH_LIMITS = (
    "[defaults.identity]\n",
    f"[defaults.deploy]\nlimit = {LIMIT}\n\n[defaults.app]\nstart_seconds = {START_SECONDS}\n\n[defaults.identity]\n",
)
TLS = "[defaults.apache]\n", '[defaults.apache]\nprotocols = ["TLSv1.3"]\n'
HEADER = "need-app = true\n", 'need-app = true\nadd-header = "X-Lab: new"\n'

# The host's Python for the agent: where HELD says so, strace stops it at the N-th time that a file is synced.
STRACE = "/usr/local/bin/strace-of-tests"
PYTHON = f"""#!/bin/sh
case "$*" in *ops.agent.main*) ;; *) exec /usr/bin/python3 "$@" ;; esac
if read -r path count 2>/dev/null <{HELD}; then
    exec {STRACE} -D -f -qq -o /dev/null -P "$path" -e trace=fsync -e "inject=fsync:signal=SIGSTOP:when=$count" \\
        /usr/bin/python3 "$@"
fi
exec /usr/bin/python3 "$@"
"""
# A tracer with this capability leaves sudo its own rights: of linux/capability.h, CAP_SYS_PTRACE is number 19.
INSTALL = f"""
cp /usr/bin/strace {STRACE}
/usr/bin/python3 -c 'import os, struct
os.setxattr("{STRACE}", "security.capability", struct.pack("<5I", 0x02000001, 1 << 19, 0, 0, 0))'
cat >/usr/local/bin/python3 <<'END'
{PYTHON}END
chmod 755 /usr/local/bin/python3
"""
AGENT = "-u poms -f ops.agent.main"  # for pgrep and pkill
JOURNALED = [*(step for step in STEPS if step != "swap-half")]
WAY_BACK = "put-back"


def place_of(steps: tuple[str, ...]) -> str:
    """The file whose syncs are counted, and their numbers: of one step, or of "check" and the way back after it."""
    if steps == ("swap-half",):  # the second file's number is noted before it is replaced
        return f"{STATE}/pending/swapped 2"
    numbers = [JOURNALED.index(step) + 1 for step in steps if step != WAY_BACK]
    last = numbers[0] + 1 if WAY_BACK in steps else numbers[0]
    return f"{STATE}/pending/journal {numbers[0]}..{last}"


@dataclass(frozen=True)
class Look:
    """The state of the host's disk: the digests of the three files, and leftovers."""

    files: tuple[str, ...]
    left_over: str


@dataclass
class Bench:
    """One lab host, and an old and a new inventory for it."""

    site: Site
    inventories: dict[str, Path]
    files: dict[str, tuple[str, ...]]

    @classmethod
    def made(cls, site: Site, folder: Path) -> "Bench":
        """Deploy the new inventory, then the old one, and record their files."""
        inventories = {}
        for name, changes in (("new", (WITH_LIMITS, TLS, HEADER)), ("old", (WITH_LIMITS,))):
            (folder / name).mkdir()
            inventories[name] = site.changed(folder / name, *changes)
        bench = cls(site, inventories, {})
        site.root(INSTALL)
        for name in ("new", "old"):
            bench.deploy(name)
            bench.files[name] = bench.look().files
            assert bench.serves() == name, bench.serves()
        return bench

    def end(self) -> None:
        """Remove what holds deploys."""
        self.site.root(f"rm -f /usr/local/bin/python3 {STRACE} {HELD}")

    def deploy(self, which: str) -> None:
        """Deploy, and wait for the end."""
        self.site.fab("-H", HOST, "deploy", "--yes", "--force", inventory=self.inventories[which], check=True)

    def start(self, which: str | Path, *words: str) -> "subprocess.Popen[str]":
        """Start a deploy, of "old", "new" or another inventory, without waiting."""
        inventory = which if isinstance(which, Path) else self.inventories[which]
        return self.site.start("-H", HOST, "deploy", "--yes", *words, inventory=inventory)

    @contextmanager
    def held(self, step: str, which: str | Path, *words: str) -> Iterator["subprocess.Popen[str]"]:
        """A deploy that is held at the step; at the end of the context it continues, without a wait."""
        with self._held((step,), which, *words) as running:
            yield running

    @contextmanager
    def held_at(self, step: str, which: str) -> Iterator["subprocess.Popen[str]"]:
        """As `held`, and with "put-back" a deploy that rolls back after a Ctrl-C at its check."""
        with self._held(("check", step) if step == WAY_BACK else (step,), which) as running:
            if step == WAY_BACK:
                self.ctrl_c(running)
                self._go_on()
                self.wait_for(WAY_BACK, running)
            yield running

    @contextmanager
    def _held(self, steps: tuple[str, ...], which: str | Path, *words: str) -> Iterator["subprocess.Popen[str]"]:
        self.site.root(f"echo {place_of(steps)} >{HELD}")
        running = self.start(which, *words)
        try:
            self.wait_for(steps[0], running)
            yield running
        except BaseException:  # or a later test would find it on the host
            running.kill()
            self.site.root(f"rm -f {HELD}")
            until(lambda: not self._goes_on(), 60, "the deploy ends")
            raise
        finally:
            self.let_go()

    def let_go(self) -> None:
        """Hold no deploy any more."""
        self.site.root(f"rm -f {HELD}")
        self._go_on()

    def _go_on(self) -> None:
        self.site.root(f"pkill -CONT {AGENT} || :")

    def _goes_on(self) -> bool:
        """Whether there is still an agent, which may go on."""
        return self.site.root(f"pkill -CONT {AGENT} && echo yes || :") != ""

    def wait_for(self, step: str, running: "subprocess.Popen[str]") -> None:
        """Wait until the deploy is held at the step."""
        step = step.removesuffix("-half")
        until(lambda: self._is_held(step) or running.poll() is not None, 180, f"the deploy comes to {step}")
        assert running.poll() is None, running.communicate()

    def _is_held(self, step: str) -> bool:
        stopped = f"for one in $(pgrep {AGENT}); do grep -s '^State:.*stop' /proc/$one/status; done; :"
        return self.last_journal_entry() == step and self.site.root(stopped) != ""

    def last_journal_entry(self) -> str:
        """The last step in the journal of the running deploy."""
        return self.site.root(f"sed -n '$s/.* //p' {STATE}/pending/journal 2>/dev/null || :").strip()

    def look(self) -> Look:
        """Read the state of the host's disk."""
        folders = f"/etc/httpd/conf.d {Path(FILES[2]).parent} /home/poms"
        said = self.site.root(
            f"sha256sum {' '.join(FILES)}; echo; find {folders} -maxdepth 1 -name '*poms-ops-*';"
            f"ls -d {STATE}/pending* {STATE}/incoming* {STATE}/current.new 2>/dev/null; cat {STATE}/lock"
        )
        digests, _, left_over = said.partition("\n\n")
        return Look(tuple(line.split()[0] for line in digests.splitlines()), left_over)

    def serves(self) -> str:
        """Which configuration both ports and the app show from outside: "old", "new" or a description."""
        tls12 = "--tls-max", "1.2", "-o", "/dev/null"
        code, page = self.site.ask("https://HOST:8443/poms", *self.site.certificate("jdoe"), "-i")
        if code != 200 or "X-Shib-Userid: jdoe" not in page:
            return f"8443: {code} {page}"
        old_443 = self.site.ask("https://HOST/poms", *tls12)[0] == 302
        old_8443 = self.site.ask("https://HOST:8443/poms", *tls12, *self.site.certificate("jdoe"))[0] == 200
        answers = ["old" if old_443 else "new", "old" if old_8443 else "new"]
        answers.append("new" if "x-lab: new" in page.lower() else "old")
        return answers[0] if len(set(answers)) == 1 else " ".join(answers)

    def is_whole(self) -> str:
        """ "old" or "new" if all files are of that configuration and there are no leftovers; else ""."""
        look = self.look()
        which = next((name for name, digests in self.files.items() if digests == look.files), "")
        return "" if look.left_over else which

    def settled(self) -> str:
        """Which configuration the host has; first it is repaired if an earlier test left it incomplete."""
        if not self.is_whole():
            self.site.fab("-H", HOST, "recover")
            self.deploy("old")
        return self.is_whole()

    def heals(self, seconds: float = WITHIN) -> bool:
        """Whether the host recovers by itself within that time."""
        end = time.monotonic() + seconds
        while not self.is_whole():
            if time.monotonic() > end:
                return False
            time.sleep(0.2)
        return True

    def assert_well(self, expected: str) -> None:
        """Assert that the host is whole and serves `expected`, and that the next deploy succeeds and is served."""
        assert self.is_whole() == expected, self.look()
        until(lambda: self.serves() == expected, 30, f"{expected} is served, not {self.serves()}")
        other = the_other(expected)
        self.deploy(other)
        assert self.is_whole() == other, self.look()
        until(lambda: self.serves() == other, 10, f"{other} is served, not {self.serves()}")

    # ---- faults --------------------------------------------------------------------------------------------------

    def operator_killed(self, running: "subprocess.Popen[str]") -> None:
        """The operator's process is killed; the kernel closes its connection."""
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()

    def line_cut(self, _running: "subprocess.Popen[str]") -> None:
        """From now on packets are dropped, without a reset."""
        self.site.root("ip link set eth0 down")

    def line_mended(self, running: "subprocess.Popen[str]") -> None:
        """The network works again, and the operator is gone."""
        if running.poll() is None:
            self.operator_killed(running)
        self.site.root("ip link set eth0 up")

    def agent_killed(self, _running: "subprocess.Popen[str]") -> None:
        """The agent and the shell that started it are killed."""
        self.site.root(f"pkill -9 {AGENT}; pkill -9 -u poms -f 'head -c .*eval'; :")

    def power_cut(self, running: "subprocess.Popen[str]") -> None:
        """Every process of the host is killed at once; the host boots again, and supervisord is started.

        Data that the kernel had not written yet is not lost: the disk is this machine's.
        """
        os.kill(self.site.record().pid, signal.SIGKILL)
        self.operator_killed(running)
        until(lambda: not self.site.record().running, 20, "the host is off")  # otherwise lab.up sees it as running
        lab.up(lab=self.site.lab)
        self.let_go()
        self.site.poms("supervisord -c $HOME/supervisord.conf </dev/null >/dev/null 2>&1")

    def ctrl_c(self, running: "subprocess.Popen[str]") -> None:
        """Send the signal of Ctrl-C."""
        os.killpg(running.pid, signal.SIGINT)

    def last_end(self) -> str:
        """How the last deploy ended, by its record on the host."""
        said = self.site.fab("-H", HOST, "releases", "--json", check=True)
        return str(json.loads(said.out)[HOST][-1]["facts"]["ended"])


def the_other(which: str) -> str:
    """The other one of "old" and "new"."""
    return "new" if which == "old" else "old"


def ended(running: "subprocess.Popen[str]") -> str:
    """Wait for the end of the deploy; its output on both streams."""
    out, err = running.communicate(timeout=90)
    assert "Traceback" not in out + err, out + err
    return out + err


Fault = Callable[[Bench, "subprocess.Popen[str]"], None]
