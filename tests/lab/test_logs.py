"""`tail-logs` on a real host."""

import itertools
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab.site import Site, until

LOG = "/home/poms/private/logs/poms/poms_joblog_agent.log"


@contextmanager
def following(
    site: Site, *words: str, hosts: str = "pomsgpvm01"
) -> "Iterator[tuple[subprocess.Popen[str], list[str]]]":
    """A running `tail-logs --follow`, and the lines that it prints, as they come."""
    lines: list[str] = []
    with site.start("-H", hosts, "tail-logs", "--follow", *words) as running:

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


def tails(site: Site, host: str = "pomsgpvm01") -> int:
    return sum(site.processes(name, host) for name in ("tail", "sed", "grep", "timeout"))


def test_the_last_lines_of_all_logs_with_their_host_and_program(deployed: Site) -> None:
    said = deployed.fab("-H", "pomsgpvm01", "tail-logs", "--lines=2")
    assert said.code == 0, said.all
    for program in ("poms_webservice", "poms_joblog_agent", "poms_status_agent"):
        assert said.out.count(f"pomsgpvm01 {program} | ") == 2
    said = deployed.fab("-H", "pomsgpvm01", "tail-logs", "--lines=3", "--programs=poms_joblog_agent")
    assert len(said.out.splitlines()) == 3
    assert all("joblog: line" in line for line in said.out.splitlines())


def test_grep_is_a_pattern_and_never_shell(deployed: Site) -> None:
    deployed.poms(f'echo "a\'b \\$(touch /tmp/owned) xyz" >> {LOG}')
    said = deployed.fab("-H", "pomsgpvm01", "tail-logs", "--grep=a'b $(touch /tmp/owned)", "--lines=5")
    assert said.code == 0, said.all
    assert len([line for line in said.out.splitlines() if "xyz" in line]) == 1
    assert "line 1" not in said.out
    assert deployed.root("ls /tmp/owned 2>/dev/null || echo none").strip() == "none"


def test_control_characters_in_a_log_are_shown_and_not_obeyed(deployed: Site) -> None:
    deployed.poms(f"printf 'evil \\033[2J\\033]0;t\\007 line\\n' >> {LOG}")
    said = deployed.fab("-H", "pomsgpvm01", "tail-logs", "--grep=evil", "--programs=poms_joblog_agent")
    assert "\x1b" not in said.all
    assert "evil \\x1b[2J" in said.out


def test_following_goes_on_across_rotation_and_leaves_nothing_after_ctrl_c(deployed: Site) -> None:
    assert tails(deployed) == 0
    with following(deployed, "--programs=poms_joblog_agent", "--lines=0") as (running, lines):
        deployed.poms(f"echo before-rotation >> {LOG}; mv {LOG} {LOG}.1; kill -USR2 $(cat $HOME/supervisord.pid)")
        deployed.poms(f"while [ ! -e {LOG} ]; do sleep 0.1; done; echo after-rotation >> {LOG}")
        until(lambda: any("after-rotation" in line for line in lines), 20, "the new file is followed")
        assert any("before-rotation" in line for line in lines)
        assert tails(deployed) > 0
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(timeout=10) == 130
        until(lambda: tails(deployed) == 0, 5, "no tail is left on the host")


def test_a_killed_fab_leaves_nothing_on_the_host(deployed: Site) -> None:
    with following(deployed) as (running, _):
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        until(lambda: tails(deployed) == 0, 10, "no tail is left on the host")


def test_a_cut_line_leaves_nothing_on_the_host_and_is_told_to_the_operator(deployed: Site) -> None:
    with following(deployed) as (running, _):
        with Cut(deployed):
            until(lambda: tails(deployed) == 0, 40, "the host notices by itself")
            assert running.wait(timeout=60) == 1
        assert running.stderr
        assert "line was lost" in running.stderr.read()


BOTH = ("pomsgpvm01", "fermicloud045")


@pytest.fixture
def both(deployed: Site) -> Site:
    """Both hosts of the inventory deployed."""
    deployed.fab("-H", BOTH[1], "deploy", "--yes", "--force", check=True)
    deployed.fab("-H", BOTH[1], "start-programs", check=True)
    return deployed


def heard(lines: list[str], host: str) -> int:
    return sum(line.startswith(f"{host} ") for line in list(lines))


def test_several_hosts_come_in_the_order_of_the_inventory(both: Site) -> None:
    said = both.fab("tail-logs", "--lines=50", check=True)
    hosts = [line.split(" ")[0] for line in said.out.splitlines()]
    assert [host for host, _ in itertools.groupby(hosts)] == list(BOTH)


def test_one_ctrl_c_ends_the_following_of_several_hosts(both: Site) -> None:
    with following(both, hosts=",".join(BOTH)) as (running, lines):
        until(lambda: all(heard(lines, host) for host in BOTH), 20, "both are followed")
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(timeout=5) == 130
        assert running.stderr
        assert running.stderr.read() == "Interrupted.\n"
        until(lambda: not any(tails(both, host) for host in BOTH), 5, "no tail is left on the hosts")


def test_a_host_whose_stream_ends_is_told_at_once_and_the_others_go_on(both: Site) -> None:
    with following(both, hosts=",".join(BOTH)) as (running, lines):
        until(lambda: all(heard(lines, host) for host in BOTH), 20, "both are followed")
        assert running.stderr
        both.root("pkill -x timeout", BOTH[1])
        assert f"{BOTH[1]}: the stream of log lines ended" in running.stderr.readline()
        before = heard(lines, BOTH[0])
        both.poms(f"echo still-here >> {LOG}")
        until(lambda: heard(lines, BOTH[0]) > before and "still-here" in "".join(lines), 10, "the other goes on")
        both.root("pkill -x timeout", BOTH[0])
        assert running.wait(timeout=10) == 1
        assert f"{BOTH[0]}: the stream of log lines ended" in running.stderr.read()


@pytest.mark.parametrize("follow", [(), ("--follow",)])
def test_a_pattern_that_grep_refuses_is_bad_input(both: Site, follow: tuple[str, ...]) -> None:
    said = both.fab("tail-logs", "--grep=[", *follow)
    assert (said.code, said.out) == (3, ""), said.all
    assert said.err.count("grep: ") == 1


def test_every_line_is_shown_once_while_the_log_is_rotated(deployed: Site) -> None:
    # As supervisord: renamed, then made anew. 2000 lines a second.
    writer = """python3 - <<'END'
import os, time
log = "/home/poms/private/logs/poms/poms_joblog_agent.log"
file = open(log, "a", 1)
for number in range(8000):
    file.write("numbered %d.\\n" % number)
    if number % 20 == 0:
        time.sleep(0.01)
    if number % 1500 == 1499:
        file.close()
        os.rename(log, log + ".1")
        file = open(log, "a", 1)
END"""
    with following(deployed, "--programs=poms_joblog_agent", "--lines=1") as (_, lines):
        deployed.poms(writer)
        until(lambda: any("numbered 7999." in line for line in list(lines)[-50:]), 20, "the last line comes")
        shown = [int(line.split()[-1].rstrip(".")) for line in list(lines) if "numbered " in line]
    deployed.poms("kill -USR2 $(cat $HOME/supervisord.pid)")
    assert shown == list(range(8000))


def test_a_log_that_is_made_later_and_one_that_cannot_be_read_are_told(deployed: Site) -> None:
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


def test_long_and_binary_lines_are_shown_whole_and_harmless(deployed: Site) -> None:
    deployed.poms(f"printf 'bin \\377\\0\\033 end\\n' >> {LOG}; head -c 1000000 /dev/zero | tr '\\0' z >> {LOG}")
    said = deployed.fab("-H", "pomsgpvm01", "tail-logs", "--grep=bin\\|zzz", "--programs=poms_joblog_agent")
    deployed.poms(f"echo >> {LOG}")
    assert said.code == 0, said.all
    assert "bin \ufffd\\x00\\x1b end" in said.out
    assert said.out.count("z") >= 1_000_000


class Cut:
    """The host's network is down; packets vanish without a reset."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def __enter__(self) -> None:
        self.site.root("ip link set eth0 down")

    def __exit__(self, *_: object) -> None:
        self.site.root("ip link set eth0 up")
        until(lambda: self.site.fab("-H", "pomsgpvm01", "check-apache").code == 0, 30, "the host is reachable again")
