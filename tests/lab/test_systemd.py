"""Apache under systemd, whose `reload` needs an Apache that runs: tasks and rollbacks bring it back all the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.bases import one_host
from tests.lab.site import Site, until

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


@pytest.mark.parametrize("hidepid", [0, 2])
def test_a_reload_that_ends_apache_is_undone_by_a_restart(systemd: Site, tmp_path: Path, hidepid: int) -> None:
    """Also where this account sees no process of Apache's: then nobody listens on its ports."""
    inventory = with_garbage_key(systemd, tmp_path)
    systemd.root(f"mount -o remount,hidepid={hidepid} /proc")
    said = systemd.fab(*HOST, "deploy", "--yes", "--unvalidated", inventory=inventory)
    assert (said.code, "left as it was: everything" in said.err) == (1, True), said.all
    assert systemd.ask("https://HOST/poms")[0] == 302


def test_what_a_hand_has_broken_is_said_where_apache_stays_down(systemd: Site, tmp_path: Path) -> None:
    """The broken file is managed, so the deploy puts it right, and the rollback brings it back."""
    inventory = with_garbage_key(systemd, tmp_path)
    systemd.root("echo 'NoSuchDirective on' >>/etc/httpd/conf.d/ssl.conf")
    said = systemd.fab(*HOST, "deploy", "--yes", "--force", "--unvalidated", inventory=inventory)
    assert said.code == 1, said.all
    assert "Apache is down" in said.all
    assert "NoSuchDirective" in said.all
    systemd.root("chmod 755 /usr/bin/unshare")
    again = systemd.fab(*HOST, "deploy", "--yes", "--force")
    assert again.code == 0, again.all
    assert systemd.ask("https://HOST/poms")[0] == 302


@pytest.mark.parametrize("verb", ["restart-apache", "reload-apache"])
def test_files_that_start_no_apache_restart_none(systemd: Site, verb: str) -> None:
    """The configuration test reads no key."""
    systemd.root(f"echo garbage >{GARBAGE}; chmod 644 {GARBAGE}; sed -i 's,{KEY},{GARBAGE},' {SSL_CONF}")
    before = systemd.apache()
    said = systemd.fab(*HOST, verb)
    assert (said.code, "nothing was reloaded or restarted" in said.err) == (1, True), said.all
    assert systemd.apache() == before


@pytest.mark.parametrize("task", ["restart-apache", "reload-apache"])
def test_without_a_trial_start_a_failure_says_why(systemd: Site, task: str) -> None:
    """By what systemd tells of the unit, and Apache's log where the account may read it."""
    systemd.root(f"echo garbage >{GARBAGE}; sed -i 's,{KEY},{GARBAGE},' {SSL_CONF}; chmod 700 /usr/bin/unshare")
    systemd.root("chmod 755 /var/log/httpd; chmod 644 /var/log/httpd/*error_log")
    said = systemd.fab(*HOST, task)
    assert said.code == 1, said.all
    assert "Apache is down" in said.err
    assert "Active: failed" in said.err
    assert "SSL Library Error" in said.err
    assert ("was not granted" in said.err, "did not start it" in said.err) == (False, task == "reload-apache")


def test_a_reload_that_ends_apache_is_said_where_the_restart_brings_it_back(systemd: Site) -> None:
    text = "[Service]\nExecReload=\nExecReload=/bin/kill -KILL $MAINPID\n"
    systemd.root(f"mkdir -p $(dirname {DROP_IN}); printf '{text}' >{DROP_IN}; systemctl daemon-reload")
    said = systemd.fab(*HOST, "reload-apache")
    assert (said.code, "started again by" in said.err) == (1, True), said.all
    assert systemd.ask("https://HOST/poms")[0] == 302
