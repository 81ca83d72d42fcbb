"""Apache's verbs on a real host, and what a visitor gets from the deployed vhosts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.site import Site, until

BROKEN = "/etc/httpd/conf.d/zz_broken.conf"
HOST = ("-H", "pomsgpvm01")
GARBAGE = "/etc/grid-security/garbage.pem"
SERVICE = "/usr/sbin/service"
SSL_CONF = "/etc/httpd/conf.d/ssl.conf"
KEY = "/etc/grid-security/hostkey.pem"
# STAND-IN: as `systemctl reload httpd`, "graceful" needs an Apache that runs.
NEEDS_A_RUNNING_ONE = (
    f"cp -p {SERVICE} /root/service; sed 's/^graceful() {{/&\\n    running || "
    f"{{ echo httpd.service is not active, cannot reload; return 1; }}/' /root/service >{SERVICE}; "
    f"grep -q 'cannot reload' {SERVICE}"
)


@pytest.fixture
def systemd_like(deployed: Site) -> Iterator[Site]:
    """A host whose reload starts no Apache."""
    deployed.root(NEEDS_A_RUNNING_ONE)
    try:
        yield deployed
    finally:
        deployed.root("mount -o remount,hidepid=0 /proc")
        deployed.root(f"cp -p /root/service {SERVICE}; rm -f {BROKEN}; chmod 755 /usr/bin/unshare")
        deployed.fab(*HOST, "deploy", "--yes", "--force")
        deployed.root("service httpd restart || :")
        until(lambda: deployed.ask("https://HOST/poms")[0] == 302, 20, "Apache answers")


def with_garbage_key(site: Site, folder: Path) -> Path:
    """An inventory with a key of which Apache dies, on a host that makes no trial start."""
    site.root(f"echo garbage >{GARBAGE}; chmod 644 {GARBAGE}; chmod 700 /usr/bin/unshare")
    return site.changed(folder, ("[defaults.apache]\n", f'[defaults.apache]\nkey = "{GARBAGE}"\n'))


@pytest.mark.parametrize("hidepid", [0, 2])
def test_a_reload_that_ends_apache_is_undone_by_a_restart(systemd_like: Site, tmp_path: Path, hidepid: int) -> None:
    """Also where this account sees no process of Apache's: then nobody listens on its ports."""
    inventory = with_garbage_key(systemd_like, tmp_path)
    systemd_like.root(f"mount -o remount,hidepid={hidepid} /proc")
    said = systemd_like.fab(*HOST, "deploy", "--yes", "--unvalidated", inventory=inventory)
    assert (said.code, "left as it was: everything" in said.err) == (1, True), said.all
    assert systemd_like.ask("https://HOST/poms")[0] == 302


def test_what_a_hand_has_broken_is_said_where_apache_stays_down(systemd_like: Site, tmp_path: Path) -> None:
    """The broken file is managed, so the deploy puts it right, and the rollback brings it back."""
    inventory = with_garbage_key(systemd_like, tmp_path)
    systemd_like.root("echo 'NoSuchDirective on' >>/etc/httpd/conf.d/ssl.conf")
    said = systemd_like.fab(*HOST, "deploy", "--yes", "--force", "--unvalidated", inventory=inventory)
    assert said.code == 1, said.all
    assert "Apache is down" in said.all
    assert "NoSuchDirective" in said.all
    systemd_like.root("chmod 755 /usr/bin/unshare")
    again = systemd_like.fab(*HOST, "deploy", "--yes", "--force")
    assert again.code == 0, again.all
    assert systemd_like.ask("https://HOST/poms")[0] == 302


def test_restart_and_reload_do_what_they_say(deployed: Site) -> None:
    pid, generation, started = deployed.apache()
    assert deployed.fab("reload-apache").code == 0
    assert deployed.apache() == (pid, generation + 1, started)
    said = deployed.fab("restart-apache")
    assert (said.code, "answering on 443 and 8443" in said.out) == (0, True), said.all
    assert deployed.apache()[2] > started


@pytest.mark.parametrize("verb", ["restart-apache", "reload-apache", "check-apache"])
def test_a_failing_configuration_test_restarts_nothing_and_shows_apaches_message(deployed: Site, verb: str) -> None:
    before = deployed.apache()
    deployed.root(f"echo 'NoSuchDirective on' > {BROKEN}")
    try:
        said = deployed.fab("-H", "pomsgpvm01", verb)
    finally:
        deployed.root(f"rm {BROKEN}")
    assert said.code == 1
    assert "Invalid command 'NoSuchDirective'" in said.err
    assert BROKEN in said.err
    assert deployed.apache() == before


@pytest.mark.parametrize("verb", ["restart-apache", "reload-apache"])
def test_files_that_start_no_apache_restart_none(systemd_like: Site, verb: str) -> None:
    """The configuration test reads no key."""
    systemd_like.root(f"echo garbage >{GARBAGE}; chmod 644 {GARBAGE}; sed -i 's,{KEY},{GARBAGE},' {SSL_CONF}")
    before = systemd_like.apache()
    said = systemd_like.fab(*HOST, verb)
    assert (said.code, "nothing was reloaded or restarted" in said.err) == (1, True), said.all
    assert systemd_like.apache() == before


@pytest.mark.parametrize("verb", ["restart-apache", "reload-apache"])
def test_without_a_trial_start_a_failure_says_why(systemd_like: Site, verb: str) -> None:
    """STAND-INS for systemd: the folder that says it runs, and systemctl."""
    systemd_like.root(f"echo garbage >{GARBAGE}; sed -i 's,{KEY},{GARBAGE},' {SSL_CONF}; chmod 700 /usr/bin/unshare")
    systemd_like.root("printf '#!/bin/sh\\necho its-unit: $*\\n' >/usr/bin/systemctl; chmod 755 /usr/bin/systemctl")
    systemd_like.root("mkdir -p /run/systemd/system; chmod 755 /var/log/httpd; chmod 644 /var/log/httpd/*error_log")
    try:
        said = systemd_like.fab(*HOST, verb)
    finally:
        systemd_like.root("rm -r /usr/bin/systemctl /run/systemd; chmod 700 /var/log/httpd")
    assert said.code == 1, said.all
    assert "Apache is down" in said.err
    assert "its-unit: status --no-pager --full --lines=20 -- httpd" in said.err
    assert "SSL Library Error" in said.err
    assert ("was not granted" in said.err, "did not start it" in said.err) == (False, verb == "reload-apache")


def test_a_reload_that_ends_apache_is_said_where_the_restart_brings_it_back(systemd_like: Site) -> None:
    systemd_like.root(
        f"sed -i 's,/usr/sbin/httpd -k graceful,kill -TERM $(pgrep -o -x httpd); sleep 1; return 1,' {SERVICE}"
    )
    systemd_like.root(f"grep -q 'kill -TERM $(pgrep' {SERVICE}")
    said = systemd_like.fab(*HOST, "reload-apache")
    assert (said.code, "started again by" in said.err) == (1, True), said.all
    assert systemd_like.ask("https://HOST/poms")[0] == 302


def test_check_apache_without_h_looks_at_every_host(deployed: Site) -> None:
    said = deployed.fab("check-apache")
    assert said.code == 0
    assert "pomsgpvm01" in said.out
    assert "fermicloud045" in said.out


def test_who_visitors_are(deployed: Site) -> None:
    jdoe, service = deployed.certificate("jdoe"), deployed.certificate("service")
    forged = ["-H", "X-Shib-Userid: root"]
    for options, user in ((jdoe, "jdoe"), ([*jdoe, *forged], "jdoe"), (service, "pomsagent")):
        code, body = deployed.ask("https://HOST:8443/poms", *options)
        assert code == 200
        assert f"X-Shib-Userid: {user}\n" in body
        assert "root" not in body
    assert deployed.ask("https://HOST:8443/poms")[0] == 0
    assert deployed.ask("https://HOST:8443/poms", *deployed.certificate("mallory"))[0] == 0
    assert deployed.ask("https://HOST:8443/", *jdoe)[0] == 403
    for path in ("/poms", "/poms/", "/poms/x", "/poms?x"):
        code, location = deployed.ask(f"https://HOST{path}", *forged)
        assert (code, location.startswith("https://idp.poms.example/sso?SAMLRequest=")) == (302, True), (path, code)
    assert deployed.ask("https://HOST/")[0] == 403
    assert deployed.ask("https://HOST/Shibboleth.sso/Metadata")[0] == 200


def test_the_password_prompt_is_not_needed_where_sudo_asks_for_none(deployed: Site) -> None:
    assert "password" not in deployed.fab("restart-apache").all.lower()
