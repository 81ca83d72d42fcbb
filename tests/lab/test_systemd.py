"""Apache under systemd, whose `reload` needs an Apache that runs: tasks and rollbacks bring it back all the same."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab.bases import exhaustive, one_host
from tests.lab.messages import APACHE_DOWN
from tests.lab.site import Site, until
from tests.lab.test_standby import slow

HOST = ("-H", "pomsgpvm01")
GARBAGE = "/etc/grid-security/garbage.pem"
SSL_CONF = "/etc/httpd/conf.d/ssl.conf"
KEY = "/etc/grid-security/hostkey.pem"
DROP_IN = "/etc/systemd/system/httpd.service.d/lab.conf"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A host with systemd, deployed."""
    with one_host("trixie-systemd", tmp_path_factory.mktemp("lab")) as site:
        site.fab(*HOST, "deploy", "--yes", check=True)
        yield site


@pytest.fixture
def systemd(host: Site) -> Iterator[Site]:
    """The same, and afterwards as it was."""
    yield host
    host.root("mount -o remount,hidepid=0 /proc; chmod 700 /var/log/httpd; chmod 755 /usr/bin/unshare")
    host.root(f"rm -f {DROP_IN}; systemctl daemon-reload")
    host.fab(*HOST, "deploy", "--yes", "--force")
    host.root("systemctl reset-failed httpd; systemctl restart httpd")
    until(lambda: host.ask("https://HOST/poms")[0] == 302, 20, "Apache answers")


def with_garbage_key(site: Site, folder: Path) -> Path:
    """An inventory with a key of which Apache dies, on a host that makes no trial start."""
    site.root(f"echo garbage >{GARBAGE}; chmod 644 {GARBAGE}; chmod 700 /usr/bin/unshare")
    return site.changed(folder, ("[defaults.apache]\n", f'[defaults.apache]\nkey = "{GARBAGE}"\n'))


@pytest.mark.parametrize("hidepid", [0, *exhaustive(2)])
def test_reload_that_kills_apache_is_rolled_back_by_restart(systemd: Site, tmp_path: Path, hidepid: int) -> None:
    """Also where this account sees no process of Apache's: then nobody listens on its ports."""
    inventory = with_garbage_key(systemd, tmp_path)
    systemd.root(f"mount -o remount,hidepid={hidepid} /proc")
    said = systemd.fab(*HOST, "deploy", "--yes", "--unvalidated", inventory=inventory)
    assert (said.code, "unchanged: " in said.err) == (1, True), said.all
    assert systemd.ask("https://HOST/poms")[0] == 302


@pytest.mark.exhaustive
def test_deploy_names_hand_edit_that_keeps_apache_down(systemd: Site, tmp_path: Path) -> None:
    """The broken file is managed, so the deploy puts it right, and the rollback brings it back."""
    inventory = with_garbage_key(systemd, tmp_path)
    systemd.root("echo 'NoSuchDirective on' >>/etc/httpd/conf.d/ssl.conf")
    said = systemd.fab(*HOST, "deploy", "--yes", "--force", "--unvalidated", inventory=inventory)
    assert said.code == 1, said.all
    assert APACHE_DOWN in said.all
    assert "NoSuchDirective" in said.all
    systemd.root("chmod 755 /usr/bin/unshare")
    again = systemd.fab(*HOST, "deploy", "--yes", "--force")
    assert again.code == 0, again.all
    assert systemd.ask("https://HOST/poms")[0] == 302


@pytest.mark.parametrize("verb", ["reload-apache", *exhaustive("restart-apache")])
def test_invalid_files_prevent_apache_restart(systemd: Site, verb: str) -> None:
    """The configuration test reads no key."""
    systemd.root(f"echo garbage >{GARBAGE}; chmod 644 {GARBAGE}; sed -i 's,{KEY},{GARBAGE},' {SSL_CONF}")
    before = systemd.apache()
    said = systemd.fab(*HOST, verb)
    assert (said.code, "nothing was reloaded or restarted" in said.err) == (1, True), said.all
    assert systemd.apache() == before


@pytest.mark.parametrize("task", ["reload-apache", *exhaustive("restart-apache")])
def test_apache_failure_without_validation_shows_cause(systemd: Site, task: str) -> None:
    """By what systemd tells of the unit, and Apache's log where the account may read it."""
    systemd.root(f"echo garbage >{GARBAGE}; sed -i 's,{KEY},{GARBAGE},' {SSL_CONF}; chmod 700 /usr/bin/unshare")
    systemd.root("chmod 755 /var/log/httpd; chmod 644 /var/log/httpd/*error_log")
    said = systemd.fab(*HOST, task)
    assert said.code == 1, said.all
    assert APACHE_DOWN in said.err
    assert "Active: failed" in said.err
    assert "SSL Library Error" in said.err
    assert ("was not permitted" in said.err, "did not start it" in said.err) == (False, task == "reload-apache")


def test_reload_that_kills_apache_is_reported_after_restart(systemd: Site) -> None:
    text = "[Service]\nExecReload=\nExecReload=/bin/kill -KILL $MAINPID\n"
    systemd.root(f"mkdir -p $(dirname {DROP_IN}); printf '{text}' >{DROP_IN}; systemctl daemon-reload")
    said = systemd.fab(*HOST, "reload-apache")
    assert (said.code, "has started it again" in said.err) == (1, True), said.all
    assert systemd.ask("https://HOST/poms")[0] == 302


@contextmanager
def refused(address: str) -> Iterator[list[float]]:
    """The moments at which 443 took no connection, while it is entered."""
    moments: list[float] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.wait(0.1):
            try:
                socket.create_connection((address, 443), timeout=2).close()
            except OSError:
                moments.append(time.monotonic())

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield moments
    finally:
        ended.set()
        asking.join()


def test_restart_cost_read_from_unit_matches_real_restart(
    systemd: Site, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """With EL's unit running requests are finished, and nobody else gets in until then."""
    changes = ((systemd.reload_line(), "client_timeout = 61\n"),)
    inventory = systemd.changed(tmp_path, *changes)
    told = json.loads(systemd.fab(*HOST, "diff", "--json", inventory=inventory).out)["pomsgpvm01"]["apache_restart"]
    assert told["requests"] == "finished"
    with slow(systemd, 40) as (request,), refused(systemd.address()) as moments:
        time.sleep(1)
        begun = time.monotonic()
        said = systemd.fab(*HOST, "restart-apache", check=True)
        took = time.monotonic() - begun
        assert systemd.ask("https://HOST/poms")[0] == 302
        assert request.wait(60) != 0, "it takes longer than GracefulShutdownTimeout"
    lines = said.out.splitlines()
    assert [word in line for word, line in zip(("CLOSED", "done"), lines[-2:], strict=True)] == [True, True], said.out
    closed = moments[-1] - moments[0]
    assert 1 < closed < told["ports_closed_seconds"] + 5 < 40, moments
    record_property(
        "load", f"| restart-apache, systemd, a request of 40 s | | | | {closed:.1f} s closed | | {took:.0f} s |"
    )


@pytest.mark.exhaustive
def test_socket_hidden_by_private_tmp_is_rolled_back_and_named(systemd: Site, tmp_path: Path) -> None:
    """The app answers on it, and nobody but Apache is asked for that."""
    listen = '[defaults.app]\nlisten = "/tmp/poms-lab/app.sock"\n\n[defaults.uwsgi]\n'
    inventory = systemd.changed(tmp_path, ("[defaults.uwsgi]\n", listen))
    systemd.poms("mkdir -p /tmp/poms-lab")
    said = systemd.fab(*HOST, "deploy", "--yes", inventory=inventory)
    assert (said.code, "PrivateTmp" in said.all) == (1, True), said.all
    assert "/tmp/poms-lab/app.sock" not in systemd.read(SSL_CONF)
    until(lambda: systemd.ask("https://HOST:8443/poms", *systemd.certificate("jdoe"))[0] == 200, 20, "the app serves")
