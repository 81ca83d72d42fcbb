"""A host that was set up by hand, by a script that knows nothing of poms-ops: read, compared, taken over, copied."""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import lab
from lab.certificates import PEOPLE
from ops.agent.apache_words import directives_of, in_effect
from tests.lab.load import VISITORS, Rate, loaded
from tests.lab.site import Said, Site, until

HOST, SECOND = "byhand", "second"
SCRIPT = Path(__file__).with_name("by_hand.sh")
PASSWORD = "hunter2-of-the-lab"
SOCKET = "/home/poms/run/supervisor.sock"
CONF = "/home/poms/etc/supervisord.conf"
DUMP = "httpd -C 'LoadModule info_module /etc/httpd/modules/mod_info.so' -t -D DUMP_CONFIG 2>/dev/null"
QUESTIONS = (
    *(
        "https://HOST/poms",
        "https://HOST/",
        "https://HOST/poms-help",
        "https://HOST:8443/",
        "https://HOST:8443/poms/x",
    ),
    *("https://HOST:8443/poms", "https://HOST/Shibboleth.sso/Status"),
)


@dataclass(frozen=True)
class Import:
    """The lab, the imported site's folder, and what the import said."""

    site: Site
    folder: Path
    report: dict[str, Any]
    said: Said

    @property
    def inventory(self) -> Path:
        """The imported inventory."""
        return self.folder / "hosts.toml"

    def fab(self, *words: str) -> Said:
        """fab with the imported site; where the password comes from is said."""
        return self.site.fab(*words, inventory=self.inventory, extra={"POMS_SITE_DB_PASSWORD": PASSWORD})

    def edit(self, before: str, after: str) -> None:
        """Edit the imported inventory."""
        text = self.inventory.read_text()
        assert before in text, text
        self.inventory.write_text(text.replace(before, after, 1))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A lab of its own: a host that was set up by hand, and a fresh one."""
    made = lab.Lab(state=tmp_path_factory.mktemp("import") / "state")
    lab.up([HOST, SECOND], lab=made)
    try:
        found = Site(made)
        found.root(SCRIPT.read_text(), HOST)
        until(lambda: answer(found, HOST, "https://HOST:8443/poms")[0] == 200, 60, "it serves")
        until(
            lambda: all(pid.isdigit() for pid in map(str.strip, pids(found, HOST).values())), 60, "all programs run"
        )
        yield found
    finally:
        lab.down(lab=made)


@pytest.fixture(scope="module")
def imported(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Import:
    """The host's own site."""
    folder = tmp_path_factory.mktemp("site") / "ours"
    before = state_of(site)
    said = site.fab("import", HOST, f"--out={folder}", "--json")
    assert said.code == 2, said.all
    assert state_of(site) == before, "the host was changed"
    return Import(site, folder, json.loads(said.out), said)


def state_of(site: Site) -> str:
    """Every file of the account's and of Apache's, with its content; logs grow by themselves."""
    find = "find /home/poms /etc/httpd -type f -not -path '*/logs/*' -not -name '*.pyc' | sort | xargs sha256sum"
    return site.root(find, HOST) + "\n".join(pids(site, HOST).values())


def pids(site: Site, host: str) -> dict[str, str]:
    """supervisord, its programs and Apache, each with its process id."""
    said = site.poms(f"supervisorctl -s unix://{SOCKET} status; supervisorctl -s unix://{SOCKET} pid", host)
    found = {line.split()[0]: line.partition("pid ")[2].partition(",")[0] or line for line in said.splitlines()}
    return found | {"httpd": site.root("cat /run/httpd/httpd.pid", host)}


def answer(site: Site, host: str, url: str) -> tuple[int, str]:
    """Status and body, without what is the host's own, or differs each time."""
    own = site.record(host)
    status, body = site.ask(url, *site.certificate("jdoe"), host=host)
    body = re.sub(r"(?m)^(pid|master|worker): .*\n", "", body.partition("?SAMLRequest")[0])
    return status, body.replace(own.server_name, "HOST").replace(own.name, "HOST").replace(own.address, "HOST")


def test_import_says_what_is_equal_changed_and_not_imported(imported: Import) -> None:
    report = imported.report
    equal = {(one["of"], one["place"], one["name"]) for one in report["equal"]}
    assert ("supervisord", "program poms", "stopwaitsecs") in equal
    assert ("supervisord", "program many:many_1", "command") in equal
    assert ("uwsgi", "/home/poms/etc/poms.ini", "log-format") in equal
    assert ("apache", "virtualhost *:443", "SSLCertificateFile") in equal
    changed = {(one["place"], one["name"]): one for one in report["changed"]}
    assert changed["virtualhost *:8443", "SSLVerifyDepth"]["host"] == "10"
    assert all(one["reason"] for one in report["changed"])
    left = {one["what"]: one["advice"] for one in report["not_imported"]}
    assert all(left.values())
    assert any("DB_PASSWORD" in what for what in left)
    assert any("/poms-help" in what for what in left)
    assert not [one for one in report["changed"] if one["of"] == "supervisord"]


def test_import_writes_no_secret(imported: Import) -> None:
    texts = [path.read_text() for path in imported.folder.rglob("*") if path.is_file()]
    assert len(texts) >= 3
    assert PASSWORD not in "".join([*texts, imported.said.all])
    inventory = tomllib.loads(imported.inventory.read_text())
    assert inventory["defaults"]["programs"]["poms"]["environment_secrets"] == {"DB_PASSWORD": "db_password"}


def test_deploy_that_knows_another_file_starts_no_second_supervisord(imported: Import) -> None:
    site = imported.site
    before = pids(site, HOST)
    said = site.fab("-H", HOST, "deploy", "--yes")
    assert (said.code, f"fab import {HOST}" in said.err, CONF in said.err) == (1, True, True), said.all
    assert "kill" not in said.all
    assert (pids(site, HOST), site.processes("supervisord", HOST)) == (before, 1)


def test_compare_finds_what_differs_between_hosts_in_effect(imported: Import) -> None:
    site = imported.site
    assert site.fab("compare", HOST, HOST).code == 0
    said = site.fab("compare", HOST, SECOND, "--json")
    assert said.code == 2, said.all
    places = {one["place"] for one in json.loads(said.out)["differences"]}
    assert "program poms" in places
    assert PASSWORD not in said.all


def test_take_over_under_load_loses_no_request_and_restarts_nothing(imported: Import) -> None:
    site = imported.site
    imported.edit("[defaults.identity]\n", f'[defaults.identity]\ncertificate_subject_end = "{PEOPLE}"\n')
    plan = json.loads(imported.fab("diff", "--json").out)[HOST]
    assert plan["removes"] == []
    assert not any("supervisord" in line for line in plan["then"]), plan
    before = pids(site, HOST)
    with loaded(site, Rate(rate=50, patient=2, slow=2), HOST) as load:
        said = imported.fab("deploy", "--yes")
    assert said.code == 0, said.all
    assert pids(site, HOST) == before
    assert load.sent > 200, load.said
    assert load.lost == 0, load.said
    assert load.closed <= VISITORS, load.said
    assert answer(site, HOST, "https://HOST:8443/poms")[0] == 200


def test_own_reader_and_apaches_dump_agree_on_rendered_files(imported: Import, tmp_path: Path) -> None:
    assert imported.fab("render", f"--out={tmp_path}").code == 0
    dumped = in_effect(directives_of(imported.site.root(DUMP, HOST)))
    for name in ("ssl.conf", "cert_ssl.conf"):
        path = f"/etc/httpd/conf.d/{name}"
        (file,) = tmp_path.rglob(name)
        assert in_effect(directives_of(file.read_text())) == [one for one in dumped if one.file == path]


def test_change_after_take_over_touches_only_what_it_names(imported: Import) -> None:
    site = imported.site
    before = pids(site, HOST)
    imported.edit("stdout_logfile_maxbytes", "startsecs = 2\nstdout_logfile_maxbytes")
    imported.edit("threads = 5", "threads = 4")
    assert imported.fab("deploy", "--yes").code == 0
    after = pids(site, HOST)
    assert {name for name in before if before[name] != after[name]} == {"joblog"}
    assert "threads = 4" in site.read("/home/poms/etc/poms.ini", HOST)


def test_second_host_from_imported_site_answers_the_same(imported: Import) -> None:
    site, record = imported.site, imported.site.record(SECOND)
    first = imported.inventory.read_text().partition(f"[hosts.{HOST}]")[2]
    second = first.replace(site.record(HOST).address, record.address).replace(HOST, SECOND)
    with imported.inventory.open("a") as file:
        file.write(f"\n[hosts.{SECOND}]{second}")
    site.poms("mkdir -p $HOME/etc $HOME/run $HOME/logs", SECOND)
    said = imported.fab("-H", SECOND, "deploy", "--yes", "--remove")
    assert said.code == 0, said.all
    until(lambda: answer(site, SECOND, "https://HOST:8443/poms")[0] == 200, 60, "it serves")
    for question in QUESTIONS:
        assert answer(site, SECOND, question) == answer(site, HOST, question), question
    said = imported.fab("compare", HOST, SECOND)
    assert said.code == 0, said.all


def test_what_would_stop_is_named_and_needs_consent(imported: Import) -> None:
    text = imported.inventory.read_text()
    imported.edit('cron_listen = "127.0.0.1:8891"\n', "")
    imported.inventory.write_text(
        re.sub(r"(?ms)^\[defaults\.programs\.many\]\n.*?\n\n", "", imported.inventory.read_text())
    )
    site = imported.site
    site.poms("rm -rf $HOME/private/poms-ops", HOST)  # as if poms-ops had never been there
    said = imported.fab("-H", HOST, "deploy", "--yes")
    assert said.code == 1, said.all
    for name in ("program many:many_0", "program many:many_1", "port 127.0.0.1:8891"):
        assert name in said.err, name
    imported.inventory.write_text(text)
