"""Whether Apache reaches the app: asked through Apache before and after a change, and by every look."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.project import PROJECT
from tests.lab.site import Site

HOST = "pomsgpvm01"
SOCKET = "/home/poms/private/run/app.sock"
CLOSED = "/srv/closed"
OWN = "/poms-ops/poms"
SSL = "httpd/conf.d/ssl.conf.j2"
APP = "$HOME/poms/poms_app.py"
SEEN = "/home/poms/seen"
THAT_NOTES = f"""

def _noting(environ, start_response, answer=application):
    with open("{SEEN}", "a") as seen:
        told = {{name: value for name, value in environ.items() if isinstance(value, str)}}
        seen.write(__import__("json").dumps(told) + chr(10))
    return answer(environ, start_response)


application = _noting
"""


def listening(path: str) -> tuple[str, str]:
    return "[defaults.uwsgi]\n", f'[defaults.app]\nlisten = "{path}"\n\n[defaults.uwsgi]\n'


def status(site: Site, **settings: Any) -> tuple[int, dict[str, Any]]:
    said = site.fab("-H", HOST, "status", "--json", **settings)
    return said.code, json.loads(said.out)[HOST]


def served(site: Site) -> int:
    return site.ask("https://HOST:8443/poms", *site.certificate("jdoe"))[0]


def from_the_host(site: Site, *words: str) -> str:
    """What Apache answers to the host itself: the head of it.

    Of HEAD by HTTP/2 to what it proxies, it resets a few streams in a hundred, whatever the page.
    """
    curl = f"curl -sk -m 20 -D - -o /dev/null {' '.join(words)}"
    return site.root(f"{curl} || {curl} || {curl}").lower()


@pytest.fixture
def closed(deployed: Site) -> Iterator[str]:
    """A folder for a socket, below one that the account's group may enter and Apache may not."""
    deployed.root(f"mkdir -p {CLOSED}/run && chown poms: {CLOSED}/run && chgrp poms {CLOSED} && chmod 750 {CLOSED}")
    yield f"{CLOSED}/run/app.sock"
    deployed.root(f"rm -rf {CLOSED}")


@pytest.fixture
def on_socket(deployed: Site, tmp_path: Path) -> Iterator[Path]:
    """The inventory of an app that is deployed behind a socket in the account's home; afterwards all is as before."""
    inventory = deployed.changed(tmp_path, listening(SOCKET))
    deployed.fab("deploy", "--yes", inventory=inventory, check=True)
    yield inventory
    deployed.root(f"setfacl -m u:apache:x {Path(SOCKET).parent}")
    deployed.fab("-H", HOST, "deploy", "--yes", "--force", check=True)


@pytest.mark.exhaustive
def test_app_unreachable_for_apache_is_rolled_back_and_reason_named(
    deployed: Site, closed: str, tmp_path: Path
) -> None:
    said = deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, listening(closed)))
    assert said.code == 1, said.all
    for word in (closed, "503", f"apache cannot enter {CLOSED}"):
        assert word in said.err
    assert served(deployed) == 200
    code, seen = status(deployed)
    assert (code, seen["through_apache"]["state"]) == (0, "ok"), seen["findings"]


@pytest.mark.exhaustive
def test_status_reports_access_right_removed_later(deployed: Site, on_socket: Path, tmp_path: Path) -> None:
    code, seen = status(deployed, inventory=on_socket)
    assert (code, seen["through_apache"]["state"]) == (0, "ok"), seen["findings"]

    deployed.root(f"setfacl -x u:apache {Path(SOCKET).parent}")
    code, seen = status(deployed, inventory=on_socket)
    assert code == 2
    assert seen["through_apache"]["state"] == "failed"
    wrong = [one for one in seen["findings"] if one["level"] == "error" and one["what"] == "app through Apache"]
    assert f"apache cannot enter {Path(SOCKET).parent}" in wrong[0]["found"], seen["findings"]

    said = deployed.fab("-H", HOST, "doctor", "--json", inventory=on_socket)
    found = [one for one in json.loads(said.out)[HOST] if one["what"] == "app through Apache"]
    assert (said.code, [one["level"] for one in found]) == (2, ["error"])

    assert deployed.fab("deploy", "--yes", inventory=on_socket).code == 2, "nothing to do, and nobody is served"
    deployed.root(f"chmod g-x,o-x {Path(SOCKET).parent.parent}; setfacl -x u:apache {Path(SOCKET).parent.parent}")
    changed = deployed.changed(tmp_path, listening(SOCKET), ("threads = 10", "threads = 9"))
    # The deploy itself gives Apache the right back.
    assert deployed.fab("deploy", "--yes", inventory=changed).code == 0
    assert served(deployed) == 200


@pytest.mark.exhaustive
def test_failure_from_before_deploy_is_not_rolled_back(deployed: Site, on_socket: Path, tmp_path: Path) -> None:
    deployed.root(f"chmod 600 {SOCKET}; setfacl -b {SOCKET}")
    limit = ('listen = "/home', 'timeout = 601\nlisten = "/home')
    said = deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, listening(SOCKET), limit))
    assert said.code == 2, said.all
    assert "apache cannot write to it" in said.all
    assert "timeout=601" in deployed.read("/etc/httpd/conf.d/ssl.conf")


@pytest.mark.exhaustive
def test_files_of_earlier_version_give_unknown_state(deployed: Site, closed: str, tmp_path: Path) -> None:
    text = (PROJECT / "templates" / SSL).read_text()
    before, _, rest = text.partition("{% if host.app.check_through_apache %}")
    without = before + rest.partition("{% endif %}\n")[2]
    earlier = deployed.checkout(tmp_path, {SSL: without})
    deployed.fab("deploy", "--yes", project=earlier, check=True)
    code, seen = status(deployed, project=earlier)
    assert (code, seen["through_apache"]["state"]) == (0, "unknown"), seen["findings"]

    # Where nothing was known before, it is told and not rolled back.
    folder = tmp_path / "later"
    folder.mkdir()
    said = deployed.fab("deploy", "--yes", inventory=deployed.changed(folder, listening(closed)))
    assert (said.code, f"apache cannot enter {CLOSED}" in said.all) == (2, True), said.all
    assert closed in deployed.read("/etc/httpd/conf.d/ssl.conf")
    said = deployed.fab("rollback", "--yes")
    assert said.code == 0, said.all
    assert served(deployed) == 200


@pytest.mark.exhaustive
def test_stopped_program_is_not_blamed_on_apache(deployed: Site, tmp_path: Path) -> None:
    deployed.fab("-H", HOST, "stop-programs", "--yes", "--programs=poms_webservice", check=True)
    limit = ("[defaults.uwsgi]\n", "[defaults.app]\ntimeout = 601\n\n[defaults.uwsgi]\n")
    said = deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, limit))
    assert said.code == 2, said.all
    assert "timeout=601" in deployed.read("/etc/httpd/conf.d/ssl.conf"), "not rolled back"
    assert "cannot reach" not in said.all
    _, seen = status(deployed)
    assert "app through Apache" not in [one["what"] for one in seen["findings"]]


@pytest.mark.exhaustive
def test_check_through_apache_can_be_disabled(deployed: Site, tmp_path: Path) -> None:
    off = ("[defaults.uwsgi]\n", "[defaults.app]\ncheck_through_apache = false\n\n[defaults.uwsgi]\n")
    inventory = deployed.changed(tmp_path, off)
    deployed.fab("deploy", "--yes", inventory=inventory, check=True)
    code, seen = status(deployed, inventory=inventory)
    assert (code, seen["through_apache"]["state"]) == (0, "not-asked")
    head = from_the_host(deployed, "-I", f"https://127.0.0.1{OWN}")
    assert ("403" in head, "x-poms-ops" in head) == (True, False), head
    record = deployed.fab("-H", HOST, "releases", "--json").out
    assert "through Apache" in record


@pytest.fixture
def noting(deployed: Site) -> Iterator[Site]:
    """An app that notes what it is told of each request."""
    deployed.poms(f"cp {APP} $HOME/kept.py; cat >>{APP} <<'END_OF_APP'\n{THAT_NOTES}END_OF_APP")
    deployed.fab("-H", HOST, "restart-programs", "--yes", "--programs=poms_webservice", check=True)
    yield deployed
    deployed.poms(f"mv $HOME/kept.py {APP}; rm -f {SEEN}")
    deployed.fab("-H", HOST, "restart-programs", "--yes", "--programs=poms_webservice", check=True)


def test_local_check_gets_no_page_and_passes_no_user(noting: Site) -> None:
    url = f"https://127.0.0.1{OWN}"
    noting.root(f"rm -f {SEEN}")
    for version in ("--http1.1", "--http2"):
        spoofs = ["X-Shib-Userid: root", "x-shib-email: root", "X_Shib_Userid: root", "Remote-User: root"]
        spoofs += ["Cookie: session=root", "Authorization: Basic cm9vdDo=", "X-Forwarded-For: 10.0.0.1"]
        words = " ".join(f"-H '{line}'" for line in spoofs)
        head = from_the_host(noting, "-I", version, words, url)
        assert "x-poms-ops-app: answered" in head, head
        for refused in (
            ("-X GET", url),
            ("-X POST", url),
            ("-X OPTIONS", url),
            ("-X PUT", url),
            ("-I", f"'{url}?x'"),
            ("-I", f"{url}/"),
            ("-I", f"{url}/x"),
            ("-I", "--path-as-is 'https://127.0.0.1/poms-ops/../poms-ops/poms/../poms/x'"),
            ("-I", "https://127.0.0.1/poms-ops"),
        ):
            head = from_the_host(noting, version, *refused)
            assert " 403" in head.splitlines()[0], (refused, head)
    told = [json.loads(line) for line in noting.read(SEEN).splitlines()]
    asked = [(one["REQUEST_METHOD"], one["SCRIPT_NAME"], one["PATH_INFO"], one["QUERY_STRING"]) for one in told]
    assert set(asked) == {("HEAD", "/poms-ops", "/poms", "")}
    for one in told:
        headers = {name for name in one if name.startswith("HTTP_")} | ({"REMOTE_USER", "AUTH_TYPE"} & set(one))
        assert headers <= {"HTTP_HOST", "HTTP_USER_AGENT", "HTTP_ACCEPT"}, one


def test_local_check_page_rejects_remote_clients(noting: Site) -> None:
    noting.root(f"rm -f {SEEN}")
    own, name = f"https://HOST{OWN}", noting.record().server_name
    spoofs = ["X-Forwarded-For: 127.0.0.1", "Forwarded: for=127.0.0.1", "X-Real-IP: 127.0.0.1", "Host: 127.0.0.1"]
    spoofs += ["Host: localhost", "X-Client-IP: ::1", "CONN_REMOTE_ADDR: 127.0.0.1", "Remote-Addr: 127.0.0.1"]
    for version in ("--http1.1", "--http2"):
        for line in ("X-A: b", *spoofs):
            assert noting.ask(own, "-I", version, "-H", line)[0] == 403, line
        for way in ("/poms-ops/%70oms", "//poms-ops/poms", "/x/../poms-ops/poms", "/poms-ops/poms%2f"):
            assert noting.ask(f"https://HOST{way}", "-I", "--path-as-is", version)[0] in (403, 404), way
        # An account of the host that asks by the public address is not told either.
        resolve = f"--resolve {name}:443:{noting.address()}"
        head = from_the_host(noting, "-I", version, resolve, f"https://{name}{OWN}")
        assert (" 403" in head.splitlines()[0], "x-poms-ops" in head) == (True, False), head
    assert noting.root(f"test ! -s {SEEN} && echo none") == "none\n"
