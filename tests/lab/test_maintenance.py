"""The maintenance page on a real host: both ports, before any login, during a deploy and under load."""

import email.utils
import http.client
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.project import PROJECT
from tests.lab.site import Said, Site

HOST = "pomsgpvm01"
FOLDER = "/home/poms/private/maintenance"
MESSAGE = "Moving <b>the</b> database"
SSL = "httpd/conf.d/ssl.conf.j2"
WAYS = ("/poms", "/poms/", "/poms/x?y", "//poms", "/x/../poms", "/%70oms", "/poms//x", "/poms/../poms/x")
SPOOFED = (
    *("X-Shib-Userid: root", "x-shib-email: root", "Remote-User: root", "poms_maintenance;"),
    *("X-Poms-Ops: asked", "REDIRECT_poms_maintenance: 600", "X-Forwarded-For: 127.0.0.1"),
)
PAGES = [f"/poms-ops-maintenance/{name}" for name in ("page.html", "page.txt", "on", "details", "../poms", "")]


def switched(site: Site, *words: str, **settings: Any) -> Said:
    return site.fab("-H", HOST, "maintenance", *words, **settings)


def status(site: Site) -> tuple[int, dict[str, Any]]:
    said = site.fab("-H", HOST, "status", "--json")
    return said.code, json.loads(said.out)[HOST]


def requests(site: Site) -> int:
    """How many requests the app has answered."""
    return sum(int(worker["requests"]) for worker in site.workers()["workers"])


def asked(site: Site, port: int, path: str, *options: str) -> tuple[int, str]:
    """The status and the head and body of a visitor's request; on 8443 with jdoe's certificate."""
    pair = site.certificate("jdoe") if port == 8443 else []
    return site.ask(f"https://HOST:{port}{path}", "--path-as-is", "-i", *pair, *options)


def header(answer: str, name: str) -> str:
    lines = [line.split(": ", 1)[1].strip() for line in answer.splitlines() if line.lower().startswith(f"{name}: ")]
    return lines[-1] if lines else ""


@pytest.fixture
def ended(deployed: Site) -> Iterator[Site]:
    """A deployed host; afterwards, no maintenance is on."""
    yield deployed
    deployed.root(f"rm -rf {FOLDER}")


@pytest.fixture
def closed(ended: Site) -> Site:
    """A host under maintenance for two hours."""
    said = switched(ended, "on", f"--message={MESSAGE}", "--until=2h")
    assert said.code == 0, said.all
    return ended


@pytest.mark.parametrize("port", [443, 8443])
def test_nobody_gets_more_than_the_page(closed: Site, port: int) -> None:
    before = requests(closed)
    spoofs = [word for line in SPOOFED for word in ("-H", line)]
    for options in ((), ("--http1.1",), ("--http1.1", "-X", "POST", "-d", "x=y"), ("-X", "OPTIONS"), ("-I",), spoofs):
        for way in WAYS:
            code, answer = asked(closed, port, way, *options)
            assert code == 503, (way, options, answer)
            end = email.utils.parsedate_to_datetime(header(answer, "retry-after")).timestamp()
            assert 7000 < end - time.time() < 7300
    for page in PAGES:
        code, answer = asked(closed, port, page, *spoofs)
        assert code == (503 if page.endswith("/poms") else 403), (page, answer)
    assert requests(closed) == before


def test_browsers_get_html_and_jobs_get_text(closed: Site) -> None:
    for port in (443, 8443):
        code, page = asked(closed, port, "/poms", "-H", "Accept: text/html,application/xhtml+xml,*/*;q=0.8")
        assert (code, header(page, "content-type")) == (503, "text/html; charset=utf-8")
        assert "Moving &lt;b&gt;the&lt;/b&gt; database" in page
        assert "<b>" not in page
        code, text = asked(closed, port, "/poms")
        assert (code, header(text, "content-type")) == (503, "text/plain; charset=utf-8")
        assert MESSAGE in text


def test_login_and_the_hosts_own_question_stay_reachable(closed: Site) -> None:
    assert closed.ask("https://HOST/Shibboleth.sso/Metadata", "-o", "/dev/null")[0] == 200
    assert closed.ask("https://HOST:8443/poms")[0] == 0, "still no handshake without a certificate"
    code, seen = status(closed)
    assert (code, seen["through_apache"]["state"], seen["pages"]["443"]) == (0, "ok", 503), seen["findings"]
    assert (seen["maintenance"]["message"], seen["maintenance"]["overdue"]) == (MESSAGE, False)
    assert seen["drift"] == {}


def test_deploy_leaves_the_page_and_calls_no_check_passed(closed: Site, tmp_path: Path) -> None:
    changed = ("[defaults.apache]\n", "[defaults.apache]\nclient_timeout = 61\n")
    said = closed.fab("deploy", "--yes", inventory=closed.changed(tmp_path, changed))
    assert said.code == 0, said.all
    assert "identity probe passed" in said.out
    assert asked(closed, 443, "/poms")[0] == 503
    (release,) = [one for one in json.loads(closed.fab("-H", HOST, "releases", "--json").out)[HOST] if one["current"]]
    checks = json.dumps(release)
    assert "ok 443 sends to login" not in checks
    assert "443 sends to login: behind the maintenance page" in checks


@pytest.mark.exhaustive
def test_identity_probe_is_not_blinded(closed: Site, tmp_path: Path) -> None:
    text = (PROJECT / "templates" / SSL).read_text()
    rule = "Require expr %{REMOTE_USER} =~ m#^(?:{{ host.identity.user_id }})$#"
    assert rule in text
    opened = text.replace(rule, "Require all granted").replace("ShibRequestSetting requireSession 1", "")
    said = closed.fab("-H", HOST, "deploy", "--yes", project=closed.checkout(tmp_path, {SSL: opened}))
    assert (said.code, "GOT IN" in said.err) == (1, True), said.all
    assert asked(closed, 443, "/poms")[0] == 503


def test_off_restores_the_service_and_end_is_only_a_warning(ended: Site) -> None:
    assert switched(ended, "on", "--message=short", "--until=1s").code == 0
    time.sleep(2)
    code, seen = status(ended)
    found = [(one["what"], one["level"]) for one in seen["findings"] if one["what"] == "maintenance"]
    assert (code, found, seen["maintenance"]["overdue"]) == (0, [("maintenance", "warning")], True)
    said = switched(ended, "off", "--json")
    assert json.loads(said.out)[HOST]["before"]["message"] == "short"
    assert (said.code, asked(ended, 443, "/poms")[0], asked(ended, 8443, "/poms")[0]) == (0, 302, 200)
    assert status(ended)[1]["maintenance"] is None
    assert switched(ended, "off").code == 0, "once more"


@pytest.mark.exhaustive
def test_files_of_an_earlier_version_are_named_and_nothing_changes(ended: Site) -> None:
    ended.root("sed -i '/SetEnvIfExpr.*poms_maintenance/d' /etc/httpd/conf.d/cert_ssl.conf")
    said = switched(ended, "on", "--message=x")
    assert (said.code, "8443" in said.err, "deploy" in said.err) == (1, True, True), said.all
    assert ended.root(f"ls {FOLDER} 2>/dev/null || :") == ""
    ended.fab("-H", HOST, "deploy", "--yes", "--force", check=True)


@pytest.mark.exhaustive
def test_page_that_apache_cannot_see_is_reported(ended: Site, tmp_path: Path) -> None:
    ended.root("mkdir -p /srv/closed/page && chown poms: /srv/closed/page && chmod 750 /srv/closed")
    ended.root("chgrp poms /srv/closed")
    folder = ("[defaults.uwsgi]\n", '[defaults.maintenance]\nfolder = "/srv/closed/page"\n\n[defaults.uwsgi]\n')
    inventory = ended.changed(tmp_path, folder)
    ended.fab("deploy", "--yes", inventory=inventory, check=True)
    said = switched(ended, "on", "--message=x", inventory=inventory)
    assert (said.code, "apache cannot enter /srv/closed" in said.err) == (1, True), said.all
    code, seen = ended.fab("-H", HOST, "status", "--json", inventory=inventory), "maintenance"
    found = [one["level"] for one in json.loads(code.out)[HOST]["findings"] if one["what"] == seen]
    assert (code.code, found) == (2, ["error"])
    assert switched(ended, "off", inventory=inventory).code == 0
    ended.root("rm -rf /srv/closed")


def test_allowed_addresses_and_paths_pass_with_their_own_rules(ended: Site, tmp_path: Path) -> None:
    table = '[defaults.maintenance]\nallow = ["198.18.0.0/15"]\npaths = ["/poms/metrics"]\n\n'
    inventory = ended.changed(tmp_path, ("[defaults.uwsgi]\n", f"{table}[defaults.uwsgi]\n"))
    ended.fab("deploy", "--yes", inventory=inventory, check=True)
    said = switched(ended, "on", "--message=x", inventory=inventory)
    assert said.code == 0, said.all
    assert (asked(ended, 443, "/poms")[0], asked(ended, 8443, "/poms")[0]) == (302, 200)
    name = ended.record().server_name
    ask = f"curl -sk -o /dev/null -w '%{{http_code}}' --resolve {name}:443:127.0.0.1 https://{name}"
    assert [ended.root(f"{ask}{path}") for path in ("/poms", "/poms/metrics", "/poms/metrics/x")] == [
        *("503", "302", "503")
    ]


def test_switching_under_load_gives_only_pages_and_the_app(ended: Site) -> None:
    folder, record = ended.lab.certificates, ended.record()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    tls.load_cert_chain(folder / "jdoe.pem", folder / "jdoe.key")
    seen: Counter[str] = Counter()
    over = threading.Event()

    def visit() -> None:
        while not over.is_set():
            try:
                connection = http.client.HTTPSConnection(ended.address(), 8443, context=tls, timeout=30)
                for _ in range(5):
                    connection.request("GET", "/poms", headers={"Host": record.server_name})
                    answer = connection.getresponse()
                    answer.read()
                    seen[str(answer.status)] += 1
                connection.close()
            except OSError as error:
                seen[repr(error)] += 1

    visitors = [threading.Thread(target=visit) for _ in range(4)]
    for visitor in visitors:
        visitor.start()
    try:
        for _ in range(4):
            assert switched(ended, "on", "--message=x").code == 0
            assert switched(ended, "off").code == 0
    finally:
        over.set()
        for visitor in visitors:
            visitor.join()
    assert set(seen) == {"200", "503"}, seen
    assert min(seen.values()) > 20, seen
