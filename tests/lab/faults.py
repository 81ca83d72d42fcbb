"""Holds a deploy at a step, makes something go wrong, and tells whether the host is whole again.

A step is held by a command of the LAB's: a `sync` before the system's own, for the transaction calls that once behind
each entry of its journal, and once for each file that it puts in place. Of Apache's two files "swap-half" has one new
and the other old: where they are renamed it waits before the second one's, where they are written in place behind the
first.
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
START_SECONDS = 15  # that the app may take to be imported
WITHIN = LIMIT + 30  # seconds: the limit, and what it takes to put back on a machine that is busy

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
Row = Callable[..., None]  # notes a row of the fault matrix

# All three files and both services tell the old from the new one, asked from outside.
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
    """What the host's disk says: the three files' digests, and what should not lie there."""

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
        """Deploy the new inventory, then the old one, and remember their files."""
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
        """Take the lab's command away."""
        self.site.root(f"rm -f /usr/local/bin/sync {HELD} {HELD}.reached")

    def deploy(self, which: str) -> None:
        """Deploy, to the end."""
        self.site.fab("-H", HOST, "deploy", "--yes", "--force", inventory=self.inventories[which], check=True)

    def start(self, which: str, *words: str) -> "subprocess.Popen[str]":
        """Start a deploy, and go on."""
        return self.site.start("-H", HOST, "deploy", "--yes", *words, inventory=self.inventories[which])

    @contextmanager
    def held(self, step: str, which: str) -> Iterator["subprocess.Popen[str]"]:
        """A deploy that waits at the step, which its journal names last; let go at the end, and not waited for."""
        self.hold(step)
        running = self.start(which)
        try:
            self.wait_for(step, running)
            yield running
        finally:
            self.let_go()

    @contextmanager
    def held_at(self, step: str, which: str) -> Iterator["subprocess.Popen[str]"]:
        """As `held`, with "put-back" for a deploy on its way back, after a Ctrl-C at its check."""
        with self.held("check" if step == "put-back" else step, which) as running:
            if step == "put-back":
                self.ctrl_c(running)
                self.hold("put-back")
                self.wait_for("put-back", running)
            yield running

    def hold(self, step: str) -> None:
        """Have the next deploy wait at the step; one that waits elsewhere goes on."""
        self.site.root(f"rm -f {HELD}.reached; echo {step} >{HELD}")

    def let_go(self) -> None:
        """Hold nothing any more."""
        self.site.root(f"rm -f {HELD} {HELD}.reached")

    def wait_for(self, step: str, running: "subprocess.Popen[str]") -> None:
        """Wait until the deploy is held at the step."""
        until(lambda: self._reached() or running.poll() is not None, 60, f"the deploy comes to {step}")
        assert running.poll() is None, running.communicate()
        assert self.last_journal_entry() == step.removesuffix("-half")

    def _reached(self) -> bool:
        return self.site.root(f"ls {HELD}.reached 2>/dev/null || :") != ""

    def last_journal_entry(self) -> str:
        """The step that the journal of the deploy under way names last."""
        return self.site.root(f"sed -n '$s/.* //p' {STATE}/pending/journal").strip()

    def look(self) -> Look:
        """What lies on the host's disk."""
        folders = f"/etc/httpd/conf.d {Path(FILES[2]).parent} /home/poms"
        said = self.site.root(
            f"sha256sum {' '.join(FILES)}; echo; find {folders} -maxdepth 1 -name '*poms-ops-*';"
            f"ls -d {STATE}/pending* {STATE}/incoming* {STATE}/current.new 2>/dev/null; cat {STATE}/lock"
        )
        digests, _, left_over = said.partition("\n\n")
        return Look(tuple(line.split()[0] for line in digests.splitlines()), left_over)

    def serves(self) -> str:
        """Which configuration both doors and the app show from outside: "old", "new" or what else."""
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
        """ "old" or "new" where all files are of that one and nothing else is left; else ""."""
        look = self.look()
        which = next((name for name, digests in self.files.items() if digests == look.files), "")
        return "" if look.left_over else which

    def settled(self) -> str:
        """What the host is now; one that an earlier test left half-done is mended first."""
        if not self.is_whole():
            self.site.fab("-H", HOST, "recover")
            self.deploy("old")
        return self.is_whole()

    def heals(self, seconds: float = WITHIN) -> bool:
        """Whether the host is whole within that time, without a word from anybody."""
        end = time.monotonic() + seconds
        while not self.is_whole():
            if time.monotonic() > end:
                return False
            time.sleep(0.2)
        return True

    def assert_well(self, expected: str) -> None:
        """It is whole, serves that configuration, and the next deploy succeeds and changes what is served."""
        assert self.is_whole() == expected, self.look()
        until(lambda: self.serves() == expected, 30, f"{expected} is served, not {self.serves()}")
        other = the_other(expected)
        self.deploy(other)
        assert self.is_whole() == other, self.look()
        until(lambda: self.serves() == other, 10, f"{other} is served, not {self.serves()}")

    # ---- what goes wrong -----------------------------------------------------------------------------------------

    def operator_killed(self, running: "subprocess.Popen[str]") -> None:
        """The operator's process ends without a word; the kernel closes its line."""
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()

    def line_cut(self, _running: "subprocess.Popen[str]") -> None:
        """Packets are dropped from now on, and no reset is sent."""
        self.site.root("ip link set eth0 down")

    def line_mended(self, running: "subprocess.Popen[str]") -> None:
        """The network is back; the operator has given up meanwhile."""
        if running.poll() is None:
            self.operator_killed(running)
        self.site.root("ip link set eth0 up")

    def remote_shell_killed(self, _running: "subprocess.Popen[str]") -> None:
        """Every shell of the transaction ends without a word."""
        self.site.root("pkill -9 -u poms -f 'head -c .*eval'")

    def power_cut(self, running: "subprocess.Popen[str]") -> None:
        """Every process of the host ends at once, and it boots again, with what the account's crontab starts then.

        What the kernel had not written yet stays: the disk is this machine's.
        """
        os.kill(self.site.record().pid, signal.SIGKILL)
        self.operator_killed(running)
        until(lambda: not self.site.record().running, 20, "the host is off")  # else it is taken for one that is up
        lab.up(lab=self.site.lab)
        self.let_go()
        self.site.poms("supervisord -c $HOME/supervisord.conf </dev/null >/dev/null 2>&1")

    def ctrl_c(self, running: "subprocess.Popen[str]") -> None:
        """What a terminal sends for Ctrl-C."""
        os.killpg(running.pid, signal.SIGINT)

    def last_end(self) -> str:
        """How the last deploy ended, as the host remembers it."""
        said = self.site.fab("-H", HOST, "releases", "--json", check=True)
        return str(json.loads(said.out)[HOST][-1]["facts"]["ended"])


def the_other(which: str) -> str:
    """The other one of "old" and "new"."""
    return "new" if which == "old" else "old"


def ended(running: "subprocess.Popen[str]") -> str:
    """What the deploy printed on both streams until its end."""
    out, err = running.communicate(timeout=90)
    assert "Traceback" not in out + err, out + err
    return out + err


Fault = Callable[[Bench, "subprocess.Popen[str]"], None]
