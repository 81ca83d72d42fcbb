"""`tail-logs` on a real host."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab.site import Site, until

LOG = "/home/poms/private/logs/poms/poms_joblog_agent.log"


@contextmanager
def following(site: Site, *words: str) -> "Iterator[tuple[subprocess.Popen[str], list[str]]]":
    """A running `tail-logs --follow`, and the lines that it prints, as they come."""
    lines: list[str] = []
    with site.start("-H", "pomsgpvm01", "tail-logs", "--follow", *words) as running:

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


def tails(site: Site) -> int:
    return site.processes("tail") + site.processes("sed") + site.processes("grep")


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


class Cut:
    """The host's network is down; packets vanish without a reset."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def __enter__(self) -> None:
        self.site.root("ip link set eth0 down")

    def __exit__(self, *_: object) -> None:
        self.site.root("ip link set eth0 up")
        until(lambda: self.site.fab("-H", "pomsgpvm01", "check-apache").code == 0, 30, "the host is reachable again")
