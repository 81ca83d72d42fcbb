"""`status` and `workers` on real hosts: what an operator reads when something is wrong, and the screens that stay."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pexpect
import pytest

from ops.project import PROJECT
from tests.lab.site import FAB, PYTHON, Site, until

CONF = "/home/poms/supervisord.conf"
SESSIONS = "/tmp/sessions"  # a line for each command that came by SSH: the client's address and port


@pytest.fixture(scope="module")
def served(site: Site) -> Site:
    """pomsgpvm01 deployed, once for all of these tests: the one that breaks it is the last."""
    site.fab("-H", "pomsgpvm01", "deploy", "--yes", "--force", check=True)
    site.fab("-H", "pomsgpvm01", "start-programs", check=True)
    return site


@pytest.fixture
def counted(served: Site) -> Iterator[Site]:
    """The same, its logins counted."""
    served.root(f"rm -f {SESSIONS}")
    served.poms(f"cp $HOME/.bashrc $HOME/.bashrc.kept; echo 'echo $SSH_CLIENT >> {SESSIONS}' >> $HOME/.bashrc")
    yield served
    served.poms("mv $HOME/.bashrc.kept $HOME/.bashrc")


def sessions(site: Site) -> list[str]:
    return site.root(f"cat {SESSIONS} 2>/dev/null || :").splitlines()


def page(site: Site, path: str) -> int:
    """The status of a page that is asked for with a client certificate."""
    return site.ask(f"https://HOST:8443{path}", *site.certificate("jdoe"))[0]


def busy_threads(site: Site) -> int:
    """Requests that uWSGI itself says are under way."""
    return sum(core["in_request"] for worker in site.workers()["workers"] for core in worker["cores"])


def workers(site: Site) -> list[dict[str, Any]]:
    """What `fab workers --json` tells."""
    found: list[dict[str, Any]] = json.loads(site.fab("-H", "pomsgpvm01", "workers", "--json").out)["pomsgpvm01"][
        "workers"
    ]
    return found


def test_status_of_healthy_host_runs_one_command(counted: Site) -> None:
    said = counted.fab("-H", "pomsgpvm01", "status")
    assert said.code == 0, said.all
    assert len(sessions(counted)) == 1
    release = counted.poms("readlink $HOME/private/poms-ops/current").strip().rpartition("/")[2]
    rows = [re.split(" {2,}", line, maxsplit=1) for line in said.out.splitlines()[1:-1]]
    told = {row[0]: row[1] for row in rows if len(row) == 2}  # a warning of what other tests have done has no columns
    assert told["release"] == release
    assert re.fullmatch(r"\d+ (s|min) ago by (principal )?\S+@\S+", told["deployed"])
    assert told["drift"] == "no"
    assert told["poms_webservice"].endswith(f"process {counted.workers()['pid']}")
    assert re.fullmatch(r"\d of 100", told["listen queue"])
    assert re.search(r"\d+ MB of 1400 / 1800", told["largest worker"])
    assert "capacity: 60 + 60 = 120 requests at once" in said.out


def test_status_shows_connections_waiting_for_app(served: Site) -> None:
    master = served.workers()["pid"]
    # uWSGI lets nobody into its queue who has not sent anything yet (TCP_DEFER_ACCEPT).
    crowd = (
        "kept = [socket.create_connection(('127.0.0.1', 8888)) for _ in range(60)]; [one.send(b'x') for one in kept]"
    )
    crowd = f"import socket, time; {crowd}; open('/tmp/crowd.there', 'w'); time.sleep(120)"
    try:
        served.root(f"pkill -STOP -P {master}")
        served.root(f'{PYTHON} -c "{crowd}" >/dev/null 2>&1 & echo $! >/tmp/crowd')
        until(lambda: "crowd.there" in served.root("ls /tmp"), 30, "they have come")
        said = served.fab("-H", "pomsgpvm01", "status")
    finally:
        served.root(f"pkill -CONT -P {master}; kill $(cat /tmp/crowd); rm /tmp/crowd*")
    assert said.code == 2, said.all
    assert "listen queue: 60 connections wait of at most 100; more are refused" in said.out


def test_workers_shows_replacement_reason_from_real_uwsgi_log(served: Site) -> None:
    def leak_until_replaced(megabytes: int) -> str:
        before = {one["id"]: one["reloads"] for one in workers(served)}
        assert page(served, f"/poms/leak?megabytes={megabytes}") == 200
        until(lambda: any(one["reloads"] > before[one["id"]] for one in workers(served)), 60, "it is replaced")
        (replaced,) = [one for one in workers(served) if one["reloads"] > before[one["id"]]]
        return str(replaced["last_reload"])

    until(lambda: all(one["age"] > 10 for one in workers(served) if one["pid"]), 60, "uWSGI minds the soft limit")
    assert re.fullmatch(r"reload-on-as, at 14\d\d MB", leak_until_replaced(700))
    killed = "evil-reload-on-as, killed"  # where the worker does not see it first, at the end of its request
    assert any(leak_until_replaced(1200) == killed for _ in range(3))
    assert "was last replaced: evil-reload-on-as, killed" in served.fab("-H", "pomsgpvm01", "workers").out


def on_a_terminal(site: Site, *words: str) -> "pexpect.spawn[str]":
    environment = site.environment() | {"TERM": "xterm", "LANG": "C.UTF-8"}  # no COLUMNS: readline sets it in pytest
    given: dict[str, Any] = {"cwd": str(PROJECT), "env": environment, "encoding": "utf-8", "dimensions": (40, 140)}
    return pexpect.spawn(str(FAB), list(words), timeout=40, **given)


@contextmanager
def ended_by_q(terminal: "pexpect.spawn[str]") -> Iterator[None]:
    """Whatever is seen in between, q ends it, and well."""
    try:
        yield
        terminal.send("q")
        terminal.expect(pexpect.EOF)
    finally:
        terminal.close()
    assert terminal.exitstatus == 0


def test_watch_uses_one_connection_and_reconnects_lost_host(counted: Site) -> None:
    terminal = on_a_terminal(counted, "-H", "pomsgpvm01", "status", "--watch", "--every=1")
    with ended_by_q(terminal):
        terminal.expect("largest worker")
        until(lambda: len(sessions(counted)) >= 3, 60, "several looks")
        assert len(set(sessions(counted))) == 1, "all by one login"
        counted.root("pkill -u poms sshd")
        terminal.expect("GONE, seen")
        terminal.expect(r"gone since \d\d:\d\d:\d\d")
        until(lambda: len(set(sessions(counted))) == 2, 60, "it is asked again by a new login")
        terminal.expect(r"q ends(?:(?!GONE).)*largest worker")
        counted.poms(f"cp -p {CONF} {CONF}.kept; echo '# by hand' >> {CONF}")
        terminal.expect(f"drift: {CONF}: edited on the host")
        counted.poms(f"mv {CONF}.kept {CONF}")


def test_watch_shows_host_that_stops_responding(served: Site) -> None:
    terminal = on_a_terminal(served, "-H", "pomsgpvm01", "status", "--watch", "--every=1")
    with ended_by_q(terminal):
        terminal.expect("largest worker")
        served.root("ip link set eth0 down")
        try:
            terminal.expect(r"pomsgpvm01 seen \d+ s ago")
        finally:
            served.root("ip link set eth0 up")
        terminal.expect(r"pomsgpvm01 +\x1b")
        terminal.expect("largest worker")


def test_workers_watch_shows_trend(served: Site) -> None:
    terminal = on_a_terminal(served, "-H", "pomsgpvm01", "workers", "--watch", "--every=1")
    with ended_by_q(terminal):
        terminal.expect("idle")
        for _ in range(4):
            assert page(served, "/poms/leak?megabytes=40") == 200
        terminal.expect("[▁▂▃▄▅▆▇]█")


def test_status_lists_findings_at_top(served: Site, tmp_path: Path) -> None:
    """A program that cannot run, an edited file, a full and a busy worker, and a host that is down, all at once."""
    inventory = served.changed(
        tmp_path,
        (f'"{served.address("fermicloud045")}"', '"198.19.255.254"'),
        ("[defaults.ssh]", "[defaults.ssh]\nconnect_timeout = 2"),
        # So that a full worker stays to be seen: uWSGI sends none away, and minds the soft limit of none this young.
        ("cheaper = 2\ncheaper-initial = 4", "cheaper = 0"),
        ("[defaults.uwsgi.options]", "[defaults.uwsgi.options]\nmin-worker-lifetime = 3600"),
    )
    served.fab("-H", "pomsgpvm01", "deploy", "--yes", inventory=inventory, check=True)
    served.poms(f"sed -i 's/poms_agent.py status/no_such_agent.py/' {CONF}")
    served.fab("restart-programs", "--programs=poms_status_agent")
    until(lambda: served.program_states()["poms_status_agent"] == "FATAL", 60, "supervisord gives up")
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(page, served, "/poms/slow?seconds=18")
        until(lambda: busy_threads(served) == 1, 15, "somebody works on it")
        assert page(served, "/poms/leak?megabytes=700") == 200
        everything = pool.submit(served.fab, "status", inventory=inventory)
        shown = served.fab("-H", "pomsgpvm01", "workers")
        said = everything.result()
        assert slow.result() == 200
    assert said.code == 1, "one host could not be asked"
    lines = said.out.splitlines()
    assert lines[0].startswith("fermicloud045: ")
    assert "198.19.255.254" in lines[0]
    top = lines[: lines.index("")]
    assert [line for line in top if "program poms_status_agent: FATAL" in line], top
    assert [
        line for line in top if re.search(r"worker \d: 14\d\d MB of address space, over the soft limit of 1400", line)
    ]
    assert [line for line in top if f"drift: {CONF}: edited on the host" in line], top
    assert [line for line in top if "tail-logs --programs=poms_status_agent" in line]
    assert re.search(r"workers +[^\n]*1 busy", said.out), said.out
    assert shown.code == 2
    assert re.search(r"busy 1/10", shown.out), shown.out
    assert re.search(r"│░+ +14\d\d .* now ", shown.out), shown.out
