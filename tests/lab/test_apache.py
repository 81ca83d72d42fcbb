"""Apache's verbs on a real host, and what a visitor gets from the deployed vhosts."""

import pytest

from tests.lab.site import Site

BROKEN = "/etc/httpd/conf.d/zz_broken.conf"


def test_restart_and_reload_act_on_apache(deployed: Site) -> None:
    pid, generation, started = deployed.apache()
    assert deployed.fab("reload-apache").code == 0
    assert deployed.apache() == (pid, generation + 1, started)
    said = deployed.fab("restart-apache")
    assert (said.code, "answers on 443 and 8443" in said.out) == (0, True), said.all
    assert deployed.apache()[2] > started


@pytest.mark.parametrize("verb", ["restart-apache", "reload-apache", "check-apache"])
def test_failed_configtest_prevents_restart_and_shows_message_of_apache(deployed: Site, verb: str) -> None:
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


def test_check_apache_without_h_checks_every_host(deployed: Site) -> None:
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


def test_restart_apache_prompts_for_no_password_with_passwordless_sudo(deployed: Site) -> None:
    assert "password" not in deployed.fab("restart-apache").all.lower()
