"""A change that would open the door is refused before it is live, and the message says who got in as whom."""

import shutil
from pathlib import Path

import pytest

from ops.project import PROJECT
from tests.lab.bases import mostly_exhaustive
from tests.lab.messages import NOT_VALID, UNTOUCHED
from tests.lab.site import Site

SSL, CERT_SSL = "/etc/httpd/conf.d/ssl.conf", "/etc/httpd/conf.d/cert_ssl.conf"
VHOST, LOGIN, CERTIFICATE = "_vhost.conf.j2", "conf.d/ssl.conf.j2", "conf.d/cert_ssl.conf.j2"
WHOSE = "_certificate.conf.j2"
ASKED = "        AuthType shibboleth\n        ShibRequestSetting requireSession 1\n"
UNASKED = "        Require all granted\n"
# (what somebody does to which template, what the deploy says)
OPENED = {
    "one unset is forgotten": (
        (
            VHOST,
            "dropped_headers(host, self.door()) %}",
            'dropped_headers(host, self.door()) if name != "X-Shib-Email" %}',
        ),
        "a certificate of its own and false headers: GOT IN, and the app was told X-Shib-Email: intruder",
    ),
    "a header of the server's own name is let through": (
        (
            VHOST,
            "dropped_headers(host, self.door()) %}",
            'dropped_headers(host, self.door()) if name != "Remote-Addr" %}',
        ),
        "a certificate of its own and false headers: GOT IN, and the app was told Remote-Addr: intruder",
    ),
    "any CA will do": (
        (WHOSE, '%{SSL_CLIENT_I_DN} =~ m#^" ~ host.identity.certificate_issuer | regex_escape ~ "$#', "true"),
        "port 8443, /poms, a certificate (a user's name, by another CA): GOT IN as p",
    ),
    "CAs may stand above one another": (
        (WHOSE, "{{ host.apache.verify_depth }}", "10"),
        "port 8443, /poms, a certificate (a CA below another, under the name of the users'): GOT IN as p",
    ),
    "no login is asked for": (
        (LOGIN, ASKED, UNASKED),
        "port 443, /poms, no login: GOT IN as ",
    ),
    "anybody may ask for the host itself": (
        (LOGIN, "%{CONN_REMOTE_ADDR} == '127.0.0.1' && ", ""),
        "port 443, /poms-ops/poms, the host's own page, from elsewhere: GOT IN as a visitor without a name",
    ),
    "the host itself gets pages": (
        (LOGIN, "%{REQUEST_METHOD} == 'HEAD' && ", ""),
        "port 443, /poms-ops/poms, a page for the host itself: GOT IN as a visitor without a name",
    ),
    "the host itself asks in somebody's name": (
        (LOGIN, "unset Cookie\n", "unset Cookie\n        RequestHeader set X-Shib-Userid root\n"),
        "port 443, /poms-ops/poms, the host itself, with false headers: GOT IN as root",
    ),
    "nobody gets in any more": (
        (CERTIFICATE, "Require env id_user", "Require env id_usr"),
        "The new configuration rejects users who are accepted today.",
    ),
}


def copied(folder: Path, name: str, before: str, after: str) -> Path:
    """The project once more, with one change in a template of Apache's."""
    project = folder / "project"
    for part in ("ops", "tasks", "lab", "templates"):
        left_out = shutil.ignore_patterns("state", "cache", "__pycache__")
        shutil.copytree(PROJECT / part, project / part, ignore=left_out)
    shutil.copy(PROJECT / "fabfile.py", project)
    template = project / "templates/httpd" / name
    text = template.read_text()
    assert before in text
    template.write_text(text.replace(before, after))
    return project


def state(site: Site) -> tuple[str, tuple[int, int, int]]:
    return site.root(f"stat -c '%i %Y' {SSL} {CERT_SSL}"), site.apache()


OFTEN = (
    "no login is asked for",
    "any CA will do",
    "one unset is forgotten",
    "the host itself asks in somebody's name",
)


@pytest.mark.parametrize("done", mostly_exhaustive(OPENED, *OFTEN))
def test_identity_probe_rejects_insecure_template(deployed: Site, tmp_path: Path, done: str) -> None:
    change, says = OPENED[done]
    before = state(deployed)
    said = deployed.fab("deploy", "--yes", "--force", project=copied(tmp_path, *change))
    assert (said.code, says in said.err) == (1, True), said.all
    assert NOT_VALID in said.err
    assert UNTOUCHED in said.err
    assert state(deployed) == before


@pytest.mark.exhaustive
def test_identity_probe_detects_missing_login_without_reachable_shibd(deployed: Site, tmp_path: Path) -> None:
    deployed.root("chgrp apache /run/shibboleth && chmod 750 /run/shibboleth")  # Apache's account reaches it still
    try:
        change, says = OPENED["no login is asked for"]
        said = deployed.fab("deploy", "--yes", "--force", project=copied(tmp_path, *change))
        assert (said.code, says in said.err) == (1, True), said.all
        depth = "[defaults.apache]\n", "[defaults.apache]\nclient_timeout = 50\n"
        said = deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, depth))
        assert (said.code, "validated (identity-probe)" in said.out) == (0, True), said.all
    finally:
        deployed.root("chmod 755 /run/shibboleth")
