"""The app behind a unix socket: Apache reaches it, and no other account of the host."""

import socket
from pathlib import Path

import pytest

from tests.lab.messages import UNTOUCHED
from tests.lab.site import PYTHON, Site

SOCKET = "/home/poms/private/run/app.sock"
APP = (
    "[defaults.uwsgi]\n",
    f'[defaults.app]\nlisten = "{SOCKET}"\ncron_listen = "127.0.0.1:8889"\n\n[defaults.uwsgi]\n',
)
LOG = "/home/poms/private/logs/poms/poms_webservice.log"
CONNECT = "import socket; socket.socket(socket.AF_UNIX).connect('" + SOCKET + "')"


def may_connect(site: Site, account: str) -> bool:
    said = site.root(f'runuser -u {account} -- {PYTHON} -c "{CONNECT}" 2>&1 || :')
    assert said == "" or "PermissionError" in said, said
    return said == ""


def test_where_no_access_list_can_be_set_nothing_is_changed(deployed: Site, tmp_path: Path) -> None:
    before = deployed.apache(), deployed.last_spawn()
    deployed.root("chmod 700 /usr/bin/setfacl")
    try:
        said = deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, APP))
    finally:
        deployed.root("chmod 755 /usr/bin/setfacl")
    assert said.code == 1
    assert "cannot give apache access to a socket in /home/poms/private/run" in said.err
    assert "set app.listen to a loopback port" in said.err
    assert UNTOUCHED in said.err
    assert (deployed.apache(), deployed.last_spawn()) == before


def test_apache_reaches_the_app_and_other_accounts_do_not(deployed: Site, tmp_path: Path) -> None:
    assert deployed.root("runuser -u nobody -- bash -c 'exec 3<>/dev/tcp/127.0.0.1/8888 && echo in'") == "in\n"
    deployed.root(f": > {LOG}")
    inventory = deployed.changed(tmp_path, APP)
    said = deployed.fab("deploy", "--yes", inventory=inventory)
    assert (said.code, "validated (identity-probe)" in said.out) == (0, True), said.all
    # What the trial asked went to its stand-in: the app was asked by the deploy's own checks alone, in HTTP/1.0, and
    # by the one through Apache with HEAD.
    through_apache = [line for line in deployed.read(LOG).splitlines() if "HTTP/1.1" in line]
    assert [line for line in through_apache if '"HEAD /poms-ops/poms ' not in line] == []

    jane = deployed.certificate("jdoe")
    for again in (True, False):
        code, body = deployed.ask("https://HOST:8443/poms", *jane)
        assert (code, "X-Shib-Userid: jdoe" in body) == (200, True), body
        assert (may_connect(deployed, "apache"), may_connect(deployed, "nobody")) == (True, False)
        assert deployed.root("ss -Hltn sport = :8888") == ""
        if again:
            deployed.fab("restart-programs", "--programs=poms_webservice", inventory=inventory, check=True)

    own = "curl -s -H 'X-Shib-Userid: cron' http://127.0.0.1:8889/poms"
    assert "X-Shib-Userid: cron\n" in deployed.poms(own)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((deployed.address(), 8889), 5)
    assert deployed.fab("deploy", "--yes").code == 0, "and back to the port"
    assert deployed.ask("https://HOST:8443/poms", *jane)[0] == 200
