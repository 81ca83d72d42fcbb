"""`run` on real hosts."""

import json
import os
import signal
import threading
import time

import pytest

from tests.lab.site import Site, until

HOSTS = "pomsgpvm01,fermicloud045"
ENDLESS = "tr '\\0' x </dev/zero"


def left(site: Site, mark: str) -> int:
    """How many processes of the account on the first host have that in their words."""
    return int(site.root(f"pgrep -u poms -fc '[{mark[0]}]{mark[1:]}' || :"))


def test_run_on_one_host_returns_output_and_exit_code(site: Site) -> None:
    said = site.fab("-H", "pomsgpvm01", "run", "id -un; command -v uwsgi; echo wrong >&2; printf '\\033[2J'; exit 7")
    assert said.code == 7
    account, uwsgi, escaped = said.out.splitlines()
    assert (account, escaped) == ("poms", "\\x1b[2J")
    assert uwsgi.startswith("/home/poms/products/")
    assert said.err.splitlines() == ["wrong", "pomsgpvm01: exit code 7"]
    assert site.fab("run", "true pomsgpvm01").code == 0


def test_run_on_several_hosts_labels_lines_and_names_failed_hosts(site: Site) -> None:
    said = site.fab("-H", HOSTS, "run", "hostname -s; [ $(hostname -s) = pomsgpvm01 ] || { echo no >&2; exit 3; }")
    assert said.code == 1
    assert sorted(said.out.splitlines()) == ["fermicloud045 | fermicloud045", "pomsgpvm01 | pomsgpvm01"]
    assert said.err.splitlines() == [
        "fermicloud045 | no",
        "failed on 1 of 2 hosts: fermicloud045 (exit code 3)",
    ]
    document = json.loads(site.fab("-H", HOSTS, "run", "--json", "echo out; yes | head -c 3000000 >&2").out)
    assert {host: (one["code"], one["stdout"], one["truncated"]) for host, one in document.items()} == dict.fromkeys(
        HOSTS.split(","), (0, "out\n", True)
    )


def test_run_streams_output_and_ctrl_c_ends_remote_command(site: Site) -> None:
    came: list[str] = []
    with site.start("-H", "pomsgpvm01", "run", "echo begun; sleep 98765; echo not-this") as running:
        assert running.stdout
        reader = threading.Thread(target=lambda: came.extend(running.stdout or []))
        reader.start()
        until(lambda: came == ["begun\n"], 30, "the first line comes while it runs")
        assert left(site, "sleep 98765") == 1
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=20) == 130
        reader.join()
        assert "Interrupted. The command was ended on pomsgpvm01" in (running.stderr.read() if running.stderr else "")
    until(lambda: left(site, "sleep 98765") == 0, 20, "nothing of it is left")
    assert came == ["begun\n"]


def test_killed_fab_or_timeout_ends_remote_command(site: Site) -> None:
    with site.start("-H", "pomsgpvm01", "run", "trap '' TERM HUP; sleep 98766; sleep 98766") as running:
        until(lambda: left(site, "sleep 98766") == 1, 30, "it runs")
        os.killpg(running.pid, signal.SIGKILL)
    until(lambda: left(site, "sleep 98766") == 0, 30, "nothing of it is left")
    begun = time.monotonic()
    said = site.fab("-H", "pomsgpvm01", "run", "--timeout=1", "sleep 98767")
    assert (said.code, "did not end within 1 seconds" in said.err) == (1, True), said.all
    assert time.monotonic() - begun < 60
    until(lambda: left(site, "sleep 98767") == 0, 20, "nothing of it is left")


@pytest.mark.parametrize("words", [(ENDLESS,), ("--json", ENDLESS)])
def test_command_with_endless_output_is_killed(site: Site, words: tuple[str, ...]) -> None:
    said = site.fab("-H", "pomsgpvm01", "run", *words)
    assert (said.code, "printed more than 64 MB" in said.all) == (1, True), said.err
    until(lambda: left(site, "tr .0 x") == 0, 20, "nothing of it is left")


def test_command_text_is_hidden_from_process_list(site: Site) -> None:
    said = site.fab("-H", "pomsgpvm01", "run", ": MARK-OF-THIS; ps -eo args | grep -c MARK-OF[-]THIS")
    assert (said.code, said.out) == (1, "0\n"), said.all
