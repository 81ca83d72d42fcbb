"""More doors and locations on a real host: who gets in where and as whom, and what no deploy accepts."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops.project import PROJECT
from tests.lab.bases import mostly_exhaustive
from tests.lab.login import session
from tests.lab.messages import NOT_VALID, UNTOUCHED
from tests.lab.site import PYTHON, Site

DOORS = """
[defaults.token]
[defaults.locations.metrics]
path = "/poms/metrics"
app = true
allow = "anyone"
reason = "the collector has no certificate"
status = [404]
[defaults.locations.echo]
path = "/echo"
url = "http://127.0.0.1:3000/"
[defaults.locations.script]
path = "/poms/script"
app = true
on = ["login"]
allow = "certificate"
[defaults.locations.files]
path = "/files"
folder = "/srv/www"
allow = "anyone"
reason = "pictures"
[defaults.locations.near]
path = "/poms/near"
app = true
allow = "anyone"
addresses = ["203.0.113.0/24"]
[defaults.locations.group]
path = "/poms/group"
app = true
on = ["login"]
require_attributes = { uid = ["zoe"] }
[defaults.locations.token]
path = "/poms"
app = true
on = ["token"]
"""
PORTS = '[defaults.apache]\nredirect_from = 80\naliases = ["poms.example"]\n'
FORGED = ("X-Shib-Userid", "X_Shib_Userid", "X-Shib-Groups", "X-Scitoken-Sub", "X-Forwarded-For", "Remote-Addr")
ECHO = f"""cat >/srv/echo.py <<'END'
from http.server import BaseHTTPRequestHandler, HTTPServer
class Echo(BaseHTTPRequestHandler):
    def do_GET(self):
        body = "".join("%s: %s\\n" % pair for pair in self.headers.items()).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
HTTPServer(("127.0.0.1", 3000), Echo).serve_forever()
END
mkdir -p /srv/www && echo a picture >/srv/www/a.txt && ln -sf /etc/passwd /srv/www/out
setsid {PYTHON} /srv/echo.py >/dev/null 2>&1 </dev/null & echo $! >/srv/echo.pid"""


def with_doors(site: Site, folder: Path, more: str = "") -> Path:
    """The lab's inventory with every kind of door and location."""
    groups = '[defaults.identity]\nattributes = { X-Shib-Groups = "uid" }\n'
    changes = (("[defaults.apache]\n", PORTS), ("[defaults.identity]\n", groups))
    folder.mkdir(parents=True, exist_ok=True)
    path = site.changed(folder, *changes)
    path.write_text(path.read_text() + DOORS + more)
    return path


@pytest.fixture(scope="module")
def doors(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The inventory, deployed, and a backend of HTTP behind it."""
    site.root(ECHO)
    site.fab("deploy", "--yes", "--force", check=True)
    path = with_doors(site, tmp_path_factory.mktemp("doors"))
    said = site.fab("deploy", "--yes", inventory=path, check=True)
    assert "validated (identity-probe)" in said.out
    yield path
    site.fab("deploy", "--yes", "--force", "--remove", check=True)
    site.root("kill $(cat /srv/echo.pid); rm -rf /srv/www /srv/echo.*")


def ask(site: Site, place: str, *words: str) -> tuple[int, str]:
    """Status and body (or Location) of "PORT/path", asked with every false header."""
    scheme = "http" if place.startswith("80/") else "https"
    forged = [word for header in FORGED for word in ("-H", f"{header}: intruder")]
    return site.ask(f"{scheme}://HOST:{place}", *forged, *words)


def user_in(body: str) -> str:
    """The user that the backend was told, in lines as "X-Shib-Userid: jdoe"."""
    told = dict(line.split(": ", 1) for line in body.splitlines() if ": " in line)
    return told.get("X-Shib-Userid", "")


def test_who_gets_in_where_and_as_whom(
    site: Site, doors: Path, record_property: Callable[[str, object], None]
) -> None:
    certificate, login = site.certificate("jdoe"), ("-b", session(site, "jdoe"))
    other, token = ("-b", session(site, "zoe")), ("-H", "Authorization: Bearer abc")
    rows = {  # (where, who): status, and the user that the backend is told
        ("443/poms", "nobody"): (302, ""),
        ("443/poms", "a login"): (200, "jdoe"),
        ("443/poms", "a certificate"): (302, ""),
        ("443/poms/metrics", "nobody"): (404, ""),
        ("443/poms/metrics", "a login"): (404, ""),
        ("443/poms/script", "nobody"): (403, ""),
        ("443/poms/script", "a login"): (403, ""),
        ("443/poms/script", "a certificate"): (404, "jdoe"),
        ("443/poms/near", "nobody"): (403, ""),
        ("443/poms/group", "nobody"): (302, ""),
        ("443/poms/group", "a login"): (401, ""),
        ("443/poms/group", "another login"): (404, "zoe"),
        ("443/echo", "nobody"): (302, ""),
        ("443/echo", "a login"): (200, "jdoe"),
        ("443/files/a.txt", "nobody"): (200, ""),
        ("443/files/out", "nobody"): (403, ""),
        ("443/files/", "nobody"): (403, ""),
        ("443/Shibboleth.sso/Metadata", "nobody"): (200, ""),
        ("8443/poms", "nobody"): (0, ""),
        ("8443/poms", "a certificate"): (200, "jdoe"),
        ("8443/poms/metrics", "a certificate"): (404, ""),
        ("8443/poms/script", "a certificate"): (404, "jdoe"),
        ("8443/echo/x", "a certificate"): (200, "jdoe"),
        ("9443/poms", "nobody"): (403, ""),
        ("9443/poms", "a login"): (403, ""),
        ("9443/poms", "a certificate"): (403, ""),
        ("9443/poms", "a token"): (200, ""),
        ("9443/echo", "a token"): (403, ""),
        ("80/poms", "nobody"): (301, ""),
    }
    words = {"nobody": (), "a certificate": certificate, "a login": login, "another login": other, "a token": token}
    found = {}
    for (place, who), _ in rows.items():
        status, body = ask(site, place, *words[who])
        assert "intruder" not in body, (place, who, body)
        found[place, who] = (status, user_in(body))
        record_property("door", (f"{place}", who, status, user_in(body) or "nobody"))
    assert found == rows


def test_redirect_keeps_the_path_and_not_the_name_that_was_asked_for(site: Site, doors: Path) -> None:
    status, location = ask(site, "80/poms/a?b=c", "-H", "Host: elsewhere.example")
    assert (status, location) == (301, f"https://{site.record().server_name}/poms/a?b=c")


def test_deploy_says_and_records_which_doors_were_probed(site: Site, doors: Path, tmp_path: Path) -> None:
    again = with_doors(site, tmp_path, '[defaults.locations.more]\npath = "/more"\nurl = "http://127.0.0.1:3000/"\n')
    said = site.fab("deploy", "--yes", inventory=again, check=True)
    for place in ("443, /more", "8443, /more", "443, /poms/script", "9443, /poms", "80, /", "443, /poms-ops/poms"):
        assert f"identity probe: port {place}: " in said.out, said.out
    record = site.root("cat /home/poms/private/poms-ops/current/meta")
    assert "\nprobed 9443 " in record
    assert " /poms/script\n" in record


def test_socket_open_to_anyone_is_shown_until_it_is_gone(site: Site, doors: Path, tmp_path: Path) -> None:
    path = with_doors(site, tmp_path, '[defaults.uwsgi.open_to_anyone]\nhttp-socket = "until March"\n')
    path.write_text(
        path.read_text().replace("[defaults.uwsgi.options]\n", '[defaults.uwsgi.options]\nhttp-socket = ":8082"\n')
    )
    for task in ("doctor", "status"):
        said = site.fab("-H", "pomsgpvm01", task, "--json", inventory=path)
        assert "until March" in said.out, said.all
        assert "open socket" in site.fab("-H", "pomsgpvm01", task, inventory=path).all


def test_app_at_the_root_leaves_apaches_own_pages(site: Site, doors: Path, tmp_path: Path) -> None:
    more = '[defaults.app]\npath = "/"\n'
    said = site.fab("deploy", "--yes", inventory=with_doors(site, tmp_path, more))
    assert said.code == 0, said.all
    assert ask(site, "443/x")[0] == 302
    assert ask(site, "443/Shibboleth.sso/Metadata")[0] == 200
    assert ask(site, "443/poms-ops-maintenance/page.html")[0] in (302, 403)
    assert user_in(ask(site, "8443/poms", *site.certificate("jdoe"))[1]) == "jdoe"
    assert user_in(ask(site, "443/", "-b", session(site, "zoe"))[1]) == "zoe"
    here = ("-H", "pomsgpvm01")
    assert site.fab(*here, "maintenance", "on", "--message=x", inventory=tmp_path / "hosts.toml").code == 0
    try:
        assert ask(site, "8443/x", *site.certificate("jdoe"))[0] == 503
        assert ask(site, "443/Shibboleth.sso/Metadata")[0] == 200
        assert ask(site, "443/files/a.txt")[0] == 200
    finally:
        site.fab(*here, "maintenance", "off", inventory=tmp_path / "hosts.toml", check=True)
    status = site.fab(*here, "status", "--json", inventory=tmp_path / "hosts.toml", check=True)
    assert json.loads(status.out)["pomsgpvm01"]["through_apache"]["state"] == "ok"


# ---- what no deploy accepts --------------------------------------------------------------------------------------

VHOST, LOCATION, REDIRECT = "httpd/_vhost.conf.j2", "httpd/_location.conf.j2", "httpd/conf.d/redirect.conf.j2"
EXTENDS = '{% extends "toolkit:httpd/_vhost.conf.j2" %}\n'
INSIDE = EXTENDS + "{% block behind_app %}\n@\n{% endblock %}\n"
CLEAR = """        RequestHeader unset {{ name }}
"""
# (template, text to replace or None for a whole new template, new text, what the deploy says)
OPENED: dict[str, tuple[str, str | None, str, str]] = {
    "an open page gets the identity of the app around it": (
        *(LOCATION, CLEAR, "        # {{ name }}\n"),
        "port 8443, /poms/metrics, anyone: GOT IN as p",
    ),
    "a certificate is not required": (
        *(LOCATION, "Require env id_user", "Require all granted"),
        "port 443, /poms/script, no certificate",
    ),
    "the token door drops no headers": (
        *(
            VHOST,
            "dropped_headers(host, self.door())",
            '(dropped_headers(host, self.door()) if self.door() != "token" else [])',
        ),
        "port 9443, /poms, a token and false headers: GOT IN, and the app was told X-Scitoken-Sub: intruder",
    ),
    "no token is needed": (
        *(LOCATION, "{{ proven.require }}", "        Require all granted"),
        "port 9443, /poms, no token: GOT IN as a visitor without a name",
    ),
    "a backend of HTTP gets other spellings": (
        *(VHOST, "dropped_headers(host, self.door()) %}", 'dropped_headers(host, self.door()) if "_" not in name %}'),
        "port 8443, /echo, a certificate of its own and false headers, with underscores: GOT IN, and the app was ",
    ),
    "addresses are those of a header": (
        *(
            LOCATION,
            "from_addresses(one) | apache_quote",
            "from_addresses(one).replace('CONN_REMOTE_ADDR', 'HTTP:X-Real') | apache_quote",
        ),
        "port 443, /poms/near, anyone: REJECTED, but must be accepted",
    ),
    "addresses do not matter": (
        *(LOCATION, "Require expr {{ from_addresses(one) | apache_quote }}", "Require all granted"),
        "port 443, /poms/near, from another address: GOT IN",
    ),
    "links lead out of a folder": (
        *(LOCATION, "Options None", "Options FollowSymLinks"),
        "port 443, /files/poms-ops-link, a link out of it: GOT IN",
    ),
    "the redirect follows the visitor's name": (
        *(
            REDIRECT,
            "UseCanonicalName On\n",
            "RewriteEngine on\n    RewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=301,L]\n",
        ),
        "SENT TO https://elsewhere.example/",
    ),
    "a template adds a page of its own": (
        *(VHOST, None, INSIDE.replace("@", '    <Location "/poms/own">\n    Require all granted\n    </Location>')),
        "port 8443, /poms/own, of no location of the inventory, with a certificate (no user id): GOT IN as (null)",
    ),
    "a template hands on what it does not drop": (
        *(
            "httpd/conf.d/own.conf.j2",
            None,
            'Listen 9000\n<VirtualHost *:9000>\n    ProxyPass /x "{{ proxy_target(host) }}"\n</VirtualHost>\n',
        ),
        "port 9000, /x, of no location of the inventory, without TLS: GOT IN, and the app was told X-Shib-Userid",
    ),
}
OFTEN = (
    "an open page gets the identity of the app around it",
    "a backend of HTTP gets other spellings",
    "a template hands on what it does not drop",
)


def site_with(site: Site, folder: Path, template: str, before: str | None, after: str) -> Path:
    """An inventory with doors whose own template differs from the toolkit's."""
    path = with_doors(site, folder)
    path.write_text(path.read_text().replace("redirect_from", "other_ports = [9000]\nredirect_from"))
    own = folder / "templates" / template
    own.parent.mkdir(parents=True)
    text = after
    if before is not None:
        text = (PROJECT / "templates" / template).read_text()
        assert before in text
        text = text.replace(before, after)
    own.write_text(text)
    return path


@pytest.mark.parametrize("done", mostly_exhaustive(OPENED, *OFTEN))
def test_probe_of_each_door_rejects_what_opens_it(site: Site, doors: Path, tmp_path: Path, done: str) -> None:
    template, before, after, says = OPENED[done]
    said = site.fab("deploy", "--yes", "--force", inventory=site_with(site, tmp_path, template, before, after))
    assert (said.code, says in said.err) == (1, True), said.all
    assert NOT_VALID in said.err
    assert UNTOUCHED in said.err


def test_undeclared_port_is_refused_by_file_and_port(site: Site, doors: Path, tmp_path: Path) -> None:
    template, _, text, _ = OPENED["a template hands on what it does not drop"]
    path = site_with(site, tmp_path, template, None, text)
    path.write_text(path.read_text().replace("other_ports = [9000]\n", ""))
    for task in (("deploy", "--yes"), ("diff",)):
        said = site.fab("-H", "pomsgpvm01", *task, inventory=path)
        assert (said.code, "port 9000" in said.err, "conf.d/own.conf" in said.err) == (3, True, True), said.all


def test_file_that_is_not_managed_is_attacked_where_it_reaches_the_app(
    site: Site, doors: Path, tmp_path: Path
) -> None:
    site.root("echo 'ProxyPass /old uwsgi://127.0.0.1:8888/poms' >/etc/httpd/conf.d/zz_old.conf")
    try:
        said = site.fab("deploy", "--yes", "--force", "--remove")  # without a redirect, which would be in front of it
        assert said.code == 1, said.all
        assert "port 80, /old, of no location of the inventory, without TLS: GOT IN" in said.err, said.all
    finally:
        site.root("rm /etc/httpd/conf.d/zz_old.conf")
