"""Holds a deploy at a step, injects a fault, and checks whether the host recovers.

A `sync` of the lab, before the system's in PATH, holds the step: the transaction calls it after each entry of its
journal, and for each file that it installs. "swap-half" means that one of Apache's two files is new and the other
old: files that are renamed wait before the second one, files that are written in place wait after the first one.
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

HOLD = f"""#!/bin/sh
last() {{ sed -n '$s/.* //p' {STATE}/pending/journal; }}
holds() {{
    case $1 in
    "$(last)") case ${{2##*/}} in journal) ;; *) return 1 ;; esac ;;
    swap-half) [ "$(last)" = swap ] && case ${{2##*/}} in cert_ssl.conf | .ssl.conf.*) ;; *) return 1 ;; esac ;;
    *) return 1 ;;
    esac
}}
step=$(cat {HELD} 2>/dev/null)
if [ -n "$step" ] && holds "$step" "$1"; then
    touch {HELD}.reached
    while [ "$(cat {HELD} 2>/dev/null)" = "$step" ]; do sleep 0.1; done
fi
exec /usr/bin/sync "$@"
"""


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
        site.root(f"cat >/usr/local/bin/sync <<'END'\n{HOLD}END\nchmod 755 /usr/local/bin/sync")
        for name in ("new", "old"):
            bench.deploy(name)
            bench.files[name] = bench.look().files
            assert bench.serves() == name, bench.serves()
        return bench

    def end(self) -> None:
        """Remove the lab's `sync`."""
        self.site.root(f"rm -f /usr/local/bin/sync {HELD} {HELD}.reached")

    def deploy(self, which: str) -> None:
        """Deploy, and wait for the end."""
        self.site.fab("-H", HOST, "deploy", "--yes", "--force", inventory=self.inventories[which], check=True)

    def start(self, which: str, *words: str) -> "subprocess.Popen[str]":
        """Start a deploy without waiting."""
        return self.site.start("-H", HOST, "deploy", "--yes", *words, inventory=self.inventories[which])

    @contextmanager
    def held(self, step: str, which: str) -> Iterator["subprocess.Popen[str]"]:
        """A deploy that is held at the step; at the end of the context it continues, without a wait."""
        self.hold(step)
        running = self.start(which)
        try:
            self.wait_for(step, running)
            yield running
        finally:
            self.let_go()

    @contextmanager
    def held_at(self, step: str, which: str) -> Iterator["subprocess.Popen[str]"]:
        """As `held`, and with "put-back" a deploy that rolls back after a Ctrl-C at its check."""
        with self.held("check" if step == "put-back" else step, which) as running:
            if step == "put-back":
                self.ctrl_c(running)
                self.hold("put-back")
                self.wait_for("put-back", running)
            yield running

    def hold(self, step: str) -> None:
        """Hold the next deploy at the step; a deploy that is held at another step continues."""
        self.site.root(f"rm -f {HELD}.reached; echo {step} >{HELD}")

    def let_go(self) -> None:
        """Hold no deploy any more."""
        self.site.root(f"rm -f {HELD} {HELD}.reached")

    def wait_for(self, step: str, running: "subprocess.Popen[str]") -> None:
        """Wait until the deploy is held at the step."""
        until(lambda: self._reached() or running.poll() is not None, 60, f"the deploy comes to {step}")
        assert running.poll() is None, running.communicate()
        assert self.last_journal_entry() == step.removesuffix("-half")

    def _reached(self) -> bool:
        return self.site.root(f"ls {HELD}.reached 2>/dev/null || :") != ""

    def last_journal_entry(self) -> str:
        """The last step in the journal of the running deploy."""
        return self.site.root(f"sed -n '$s/.* //p' {STATE}/pending/journal").strip()

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

    def remote_shell_killed(self, _running: "subprocess.Popen[str]") -> None:
        """Every shell of the transaction is killed."""
        self.site.root("pkill -9 -u poms -f 'head -c .*eval'")

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
