"""A host that drips its answer withholds nothing of the others, on a terminal, in a pipe and at Ctrl-C."""

import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pexpect
import pytest

from ops.project import PROJECT
from tests.lab.bases import exhaustive
from tests.lab.site import FAB, Site, until

QUICK, SLOW = "pomsgpvm01", "fermicloud045"
DRIPS = "/tmp/drips"
# The account's login shell, which hands over to the usual one once nothing drips any more.
SHELL = f"""#!/bin/bash
while [ -e {DRIPS} ]; do printf .; sleep 0.2; done
exec /bin/bash "$@"
"""
TASKS = [
    *(("adopt", "/home/poms/supervisord.conf"), ("certs",), ("check-apache",), ("doctor",), ("drift",)),
    *(("releases",), ("workers",)),
]


@pytest.fixture(scope="module")
def two(site: Site) -> Site:
    """Both hosts deployed, once."""
    for host in (QUICK, SLOW):
        site.fab("-H", host, "deploy", "--yes", "--force", check=True)
        site.fab("-H", host, "start-programs", check=True)
    return site


@pytest.fixture
def dripping(two: Site) -> Iterator[Site]:
    """The second host drips, until `DRIPS` is removed there."""
    shell = f"cat >/usr/local/bin/drips <<'END'\n{SHELL}END\nchmod 755 /usr/local/bin/drips"
    two.root(f"{shell}; touch {DRIPS}; usermod -s /usr/local/bin/drips poms", SLOW)
    try:
        yield two
    finally:
        two.root(f"rm -f {DRIPS}; usermod -s /bin/bash poms", SLOW)


def stop_dripping(site: Site) -> None:
    site.root(f"rm {DRIPS}", SLOW)


@contextmanager
def started(site: Site, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """fab, which is ended at the end."""
    with site.start(*words) as running:
        try:
            yield running
        finally:
            running.kill()


def read_until(stream: "IO[str] | None", text: str) -> str:
    """What fab has printed there once `text` is among it; the pipe's buffer is passed by."""
    assert stream
    said = ""
    while text not in said:
        assert select.select([stream], [], [], 60)[0], f"{text!r} was not said; it said {said!r}"
        piece = os.read(stream.fileno(), 65_536)
        assert piece, f"it ended, and had said {said!r}"
        said += piece.decode()
    return said


def rest(running: "subprocess.Popen[str]") -> tuple[str, str]:
    """What else it prints until it ends."""
    out, err = running.communicate(timeout=120)
    assert "Traceback" not in err, err
    return out, err


@pytest.mark.parametrize("words", [("status",), ("diff",), *exhaustive(*TASKS)], ids=" ".join)
def test_result_is_shown_while_another_host_is_slow(dripping: Site, words: tuple[str, ...]) -> None:
    alone = dripping.fab("-H", QUICK, *words)
    with started(dripping, *words) as running:
        shown = read_until(running.stdout, QUICK)
        read_until(running.stderr, f"waiting for {SLOW}")
        assert SLOW not in shown
        assert running.poll() is None
        stop_dripping(dripping)
        out, _err = rest(running)
    assert SLOW in out
    lines = [line for line in (shown + out).splitlines() if QUICK in line]
    assert len(lines) == len(set(lines)), "nothing is shown twice"
    assert running.returncode == alone.code


def test_json_output_is_one_complete_document(dripping: Site) -> None:
    with started(dripping, "status", "--json") as running:
        read_until(running.stderr, SLOW)
        stop_dripping(dripping)
        out, _err = rest(running)
    assert set(json.loads(out)) == {QUICK, SLOW}


@pytest.mark.exhaustive
@pytest.mark.parametrize("words", [("status",), ("status", "--json"), ("doctor",)], ids=" ".join)
def test_ctrl_c_shows_received_results_and_names_silent_host(dripping: Site, words: tuple[str, ...]) -> None:
    with started(dripping, *words) as running:
        read_until(running.stderr, SLOW)
        running.send_signal(signal.SIGINT)
        out, err = rest(running)
    assert running.returncode == 130, out + err
    assert SLOW in err.splitlines()[-1]
    assert QUICK not in err.splitlines()[-1]
    if "--json" in words:
        document = json.loads(out)
        assert "programs" in document[QUICK]
        assert list(document[SLOW]) == ["error"]
    else:
        assert QUICK in out
    until(lambda: not dripping.root("pgrep -u poms -f local/bin/drips || :", SLOW).strip(), 60, "it has ended there")


def test_error_is_shown_while_another_host_is_slow(dripping: Site) -> None:
    dripping.root("usermod -s /bin/false poms")
    try:
        with started(dripping, "status") as running:
            assert f"waiting for {SLOW}" in read_until(running.stderr, "waiting")
            stop_dripping(dripping)
            out, _err = rest(running)
    finally:
        dripping.root("usermod -s /bin/bash poms")
    assert running.returncode == 1
    assert SLOW in out


def test_terminal_shows_result_while_another_host_is_slow(dripping: Site) -> None:
    environment = dripping.environment() | {"TERM": "xterm", "LANG": "C.UTF-8"}
    terminal = pexpect.spawn(
        str(FAB), ["releases"], timeout=60, cwd=str(PROJECT), env=environment, encoding="utf-8", dimensions=(40, 140)
    )
    try:
        terminal.expect(QUICK)
        terminal.expect(SLOW)  # it is waited for
        terminal.sendintr()
        terminal.expect(SLOW)
        terminal.expect(pexpect.EOF)
    finally:
        terminal.close()
    assert terminal.exitstatus == 130
