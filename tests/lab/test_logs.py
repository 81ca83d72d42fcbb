"""`tail-logs` on a real host."""

import os
import re
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab.site import PYTHON, Site, until

LOG = "/home/poms/private/logs/poms/poms_joblog_agent.log"


@contextmanager
def following(
    site: Site, *words: str, hosts: str = "pomsgpvm01", home: Path | None = None
) -> "Iterator[tuple[subprocess.Popen[str], list[str]]]":
    """A running `tail-logs --follow`, and the lines that it prints, as they come."""
    lines: list[str] = []
    with site.start("-H", hosts, "tail-logs", "--follow", *words, home=home) as running:

        def read() -> None:
            assert running.stdout
            lines.extend(line.rstrip("\n") for line in running.stdout)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            until(lambda: len(lines) >= 1, 20, "lines come")
            yield running, lines
        finally:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)
            reader.join()


def readers(site: Site, host: str = "pomsgpvm01") -> int:
    """How many processes of `tail-logs` the host has."""
    return int(site.root("pgrep -u poms -fc '^[^ ]*python[0-9.]* -I -S -c' || :", host))


def test_tail_logs_labels_last_lines_with_host_and_program(deployed: Site) -> None:
    said = deployed.fab("-H", "pomsgpvm01", "tail-logs", "--lines=2")
    assert said.code == 0, said.all
    for log in ("poms_webservice", "poms_joblog_agent", "poms_status_agent", "supervisord"):
        # The program may write one while its log is read.
        assert said.out.count(f"pomsgpvm01 {log} | ") in ((2, 3) if log.endswith("agent") else (2,))
    assert said.err.startswith("pomsgpvm01: skipped, permission denied for poms: apache error_log, apache ssl_")
    said = deployed.fab("-H", "pomsgpvm01", "tail-logs", "--lines=3", "--programs=poms_joblog_agent")
    assert len(said.out.splitlines()) in (3, 4), "the program may write one while its log is read"
    assert all("joblog: line" in line for line in said.out.splitlines())


def test_grep_pattern_is_never_run_by_shell(deployed: Site) -> None:
    deployed.poms(f'echo "$(date +%F\\ %T) a\'b \\$(touch /tmp/owned) xyz" >> {LOG}')
    said = deployed.fab("-H", "pomsgpvm01", "tail-logs", "--grep=a'b $(touch /tmp/owned)", "--lines=5")
    assert said.code == 0, said.all
    assert len([line for line in said.out.splitlines() if "xyz" in line]) == 1
    assert "line 1" not in said.out
    assert deployed.root("ls /tmp/owned 2>/dev/null || echo none").strip() == "none"


def test_control_characters_in_log_are_escaped(deployed: Site) -> None:
    deployed.poms(f"printf 'evil \\033[2J\\033]0;t\\007 line\\n' >> {LOG}")
    said = deployed.fab("-H", "pomsgpvm01", "tail-logs", "--grep=evil", "--programs=poms_joblog_agent")
    assert "\x1b" not in said.all
    assert "evil \\x1b[2J" in said.out


def test_following_survives_rotation_and_ctrl_c_leaves_no_reader(deployed: Site) -> None:
    assert readers(deployed) == 0
    with following(deployed, "--programs=poms_joblog_agent", "--lines=0") as (running, lines):
        deployed.poms(f"echo before-rotation >> {LOG}; mv {LOG} {LOG}.1; kill -USR2 $(cat $HOME/supervisord.pid)")
        deployed.poms(f"while [ ! -e {LOG} ]; do sleep 0.1; done; echo after-rotation >> {LOG}")
        until(lambda: any("after-rotation" in line for line in lines), 20, "the new file is followed")
        assert any("before-rotation" in line for line in lines)
        assert readers(deployed) > 0
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(timeout=10) == 130
        until(lambda: readers(deployed) == 0, 5, "no reader is left on the host")


def test_a_killed_fab_leaves_nothing_on_the_host(deployed: Site) -> None:
    with following(deployed) as (running, _):
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        until(lambda: readers(deployed) == 0, 10, "no reader is left on the host")


WRITER = f"""{PYTHON} - <<'END'
import os, time
log = "{LOG}"
file = open(log, "a", 1)
for number in range(NUMBER):
    file.write("%s numbered %d.\\n" % (time.strftime("%Y-%m-%d %H:%M:%S"), number))
    if number % AT_ONCE == 0:
        time.sleep(0.01)
    if number % 1500 == 1499:
        file.close()
        for older in (3, 2, 1):
            if os.path.exists("%s.%d" % (log, older)):
                os.rename("%s.%d" % (log, older), "%s.%d" % (log, older + 1))
        os.rename(log, log + ".1")
        file = open(log, "a", 1)
END"""


def writer(number: int, at_once: int) -> str:
    """A command that writes numbered lines, some at once every hundredth of a second, and rotates as supervisord."""
    return WRITER.replace("NUMBER", str(number)).replace("AT_ONCE", str(at_once))


def numbers(lines: list[str]) -> list[int]:
    return [int(line.split()[-1].rstrip(".")) for line in list(lines) if "numbered " in line]


def reopen(site: Site) -> None:
    site.poms(f"rm -f {LOG}.[0-9]; kill -USR2 $(cat $HOME/supervisord.pid)")


def test_every_line_is_shown_once_while_the_log_is_rotated(deployed: Site) -> None:
    with following(deployed, "--programs=poms_joblog_agent", "--lines=1") as (_, lines):
        deployed.poms(writer(8000, at_once=20))
        until(lambda: any("numbered 7999." in line for line in list(lines)[-50:]), 20, "the last line comes")
    reopen(deployed)
    assert numbers(lines) == list(range(8000))


def test_lost_connections_and_rotation_lose_no_line(deployed: Site) -> None:
    errors: list[str] = []

    def told(text: str) -> bool:
        return any(text in line for line in list(errors))

    with following(deployed, "--programs=poms_joblog_agent", "--lines=1") as (running, lines):
        assert running.stderr
        listener = threading.Thread(target=lambda: errors.extend(running.stderr or []))
        listener.start()
        deployed.poms(f"setsid sh -c {shlex.quote(writer(6000, at_once=2))} >/dev/null 2>&1 &")
        until(lambda: len(numbers(lines)) > 50, 20, "the writer is followed")
        deployed.root("pkill -9 sshd")
        until(lambda: told("Retrying in 2 s."), 20, "the dead host is told, and the second try")
        assert told("pomsgpvm01: the stream of log lines ended") or told("pomsgpvm01: the connection was lost")
        deployed.root("/usr/sbin/sshd -E /var/log/secure")
        until(lambda: told("pomsgpvm01: connected again; the lines written since follow."), 20, "it goes on")
        errors.clear()
        before = len(numbers(lines))
        until(lambda: len(numbers(lines)) > before, 20, "lines come again")
        with Cut(deployed):
            until(lambda: readers(deployed) == 0, 40, "the host notices by itself")
            until(
                lambda: told("pomsgpvm01: it printed nothing for 15 seconds"), 40, "and so does the operator's side"
            )
            assert told("Retrying in 1 s.")
        until(lambda: told("connected again"), 40, "it goes on")
        until(lambda: any("numbered 5999." in line for line in list(lines)[-50:]), 60, "the last line comes")
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(timeout=10) == 130
        until(lambda: readers(deployed) == 0, 5, "no reader is left on the host")
        listener.join()
    reopen(deployed)
    found = numbers(lines)
    assert found[found.index(0) :] == list(range(6000))  # the line before may be numbered too, by another test


BOTH = ("pomsgpvm01", "fermicloud045")


@pytest.fixture
def both(deployed: Site) -> Site:
    """Both hosts of the inventory deployed."""
    deployed.fab("-H", BOTH[1], "deploy", "--yes", "--force", check=True)
    deployed.fab("-H", BOTH[1], "start-programs", check=True)
    return deployed


def heard(lines: list[str], host: str) -> int:
    return sum(line.startswith(f"{host} ") for line in list(lines))


def test_several_hosts_and_logs_come_in_the_order_of_time(both: Site) -> None:
    said = both.fab("tail-logs", "--since=30s", "--grep=^2", check=True)
    lines = [line.split(" | ") for line in said.out.splitlines()]
    assert {label.split(" ")[0] for label, _ in lines} == set(BOTH)
    assert {label.split(" ")[1] for label, _ in lines} >= {"poms_joblog_agent", "poms_status_agent"}
    times = [text[:19] for _, text in lines]
    assert times == sorted(times)
    assert len(times) > 20
    said = both.fab("tail-logs", f"--since={times[-1]}", "--programs=poms_joblog_agent", check=True)
    assert min(line.split(" | ")[1][:19] for line in said.out.splitlines()) == times[-1]
    # Of a log that nobody writes to at that moment: a line that comes meanwhile is shown.
    assert both.fab("tail-logs", "--since=2035-01-01", "--programs=supervisord", check=True).out == ""


def test_tail_logs_shows_readable_apache_and_shibd_logs(deployed: Site) -> None:
    deployed.root("chmod 755 /var/log/httpd /var/log/shibboleth; chmod a+r /var/log/httpd/* /var/log/shibboleth/*")
    try:
        assert deployed.ask("https://HOST/poms")[0] == 302
        said = deployed.fab("-H", "pomsgpvm01", "tail-logs", "--programs=apache,shibd", "--lines=1", check=True)
        assert "pomsgpvm01 apache ssl_access_log | " in said.out
        assert '"GET /poms HTTP/' in said.out
        assert "pomsgpvm01 shibd | 20" in said.out
    finally:
        deployed.root("chmod 700 /var/log/httpd")


def test_one_ctrl_c_stops_following_several_hosts(both: Site) -> None:
    with following(both, hosts=",".join(BOTH)) as (running, lines):
        until(lambda: all(heard(lines, host) for host in BOTH), 20, "both are followed")
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(timeout=5) == 130
        assert running.stderr
        assert running.stderr.read().splitlines()[-1] == "Interrupted."
        until(lambda: not any(readers(both, host) for host in BOTH), 5, "no reader is left on the hosts")


def test_a_lost_host_is_reported_and_the_others_continue(both: Site) -> None:
    with following(both, "--programs=poms_joblog_agent", hosts=",".join(BOTH)) as (running, lines):
        until(lambda: all(heard(lines, host) for host in BOTH), 20, "both are followed")
        assert running.stderr
        both.root("pkill -9 -u poms -f '^[^ ]*python[0-9.]* -I -S -c'", BOTH[1])
        said = running.stderr.readline()
        assert said.startswith(f"{BOTH[1]}: the stream of log lines ended")
        while "Retrying in 1 s." not in said:  # the host's shell says how it ended
            said = running.stderr.readline()
        before = heard(lines, BOTH[0])
        both.poms(f"echo still-here >> {LOG}")
        until(lambda: heard(lines, BOTH[0]) > before and "still-here" in "".join(lines), 10, "the other goes on")
        assert "connected again" in running.stderr.readline()


def test_following_resumes_after_lost_jump_host(both: Site, tmp_path: Path) -> None:
    jump = both.address(BOTH[1])
    (tmp_path / ".ssh").mkdir()
    config = f"Host {both.address()}\n  ProxyJump poms@{jump}\nHost {jump}\n  IdentityFile {both.lab.identity_file}\n"
    (tmp_path / ".ssh/config").write_text(config)
    with following(both, "--programs=poms_joblog_agent", home=tmp_path) as (running, lines):
        until(lambda: heard(lines, BOTH[0]) > 0, 20, "it is followed")
        both.root("pkill -9 -u poms sshd", BOTH[1])
        assert running.stderr
        assert "Retrying in 1 s." in running.stderr.readline()
        assert "connected again" in running.stderr.readline()
        before = heard(lines, BOTH[0])
        until(lambda: heard(lines, BOTH[0]) > before, 10, "lines come again")


@pytest.mark.parametrize("follow", [(), ("--follow",)])
def test_invalid_grep_pattern_is_bad_input(both: Site, follow: tuple[str, ...]) -> None:
    said = both.fab("tail-logs", "--grep=[", *follow)
    assert (said.code, said.out) == (3, ""), said.all
    assert said.err.count("grep: ") == 1


def test_missing_and_unreadable_logs_are_reported(deployed: Site) -> None:
    deployed.poms(f"rm {LOG}")
    deployed.poms("chmod 0 /home/poms/private/logs/poms/poms_status_agent.log")
    try:
        with following(deployed, "--lines=0") as (_, lines):
            until(lambda: "cannot be read" in "".join(lines), 10, "the unreadable log is told")
            assert sum("no log yet" in line for line in list(lines)) == 1
            deployed.poms(f"echo made-later >> {LOG}")
            until(lambda: any("made-later" in line for line in list(lines)), 20, "the new log is shown")
            assert sum("no log yet" in line for line in list(lines)) == 1
    finally:  # in this order: supervisord dies of a log that it cannot open again
        deployed.poms("chmod 644 /home/poms/private/logs/poms/poms_status_agent.log")
        deployed.poms("kill -USR2 $(cat $HOME/supervisord.pid)")


def test_long_and_binary_lines_are_shown_cut_and_escaped(deployed: Site) -> None:
    deployed.poms(f"printf 'bin \\377\\0\\033 end\\n' >> {LOG}; head -c 1000000 /dev/zero | tr '\\0' z >> {LOG}")
    said = deployed.fab("-H", "pomsgpvm01", "tail-logs", "--grep=bin\\|zzz", "--programs=poms_joblog_agent")
    deployed.poms(f"echo >> {LOG}")
    assert said.code == 0, said.all
    assert "bin \ufffd\\x00\\x1b end" in said.out
    assert re.search(r"z{4096}… \(line of 1,000,\d\d\d characters\)\n", said.out)  # the agent may write behind it


class Cut:
    """The host's network is down; packets vanish without a reset."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def __enter__(self) -> None:
        self.site.root("ip link set eth0 down")

    def __exit__(self, *_: object) -> None:
        self.site.root("ip link set eth0 up")
