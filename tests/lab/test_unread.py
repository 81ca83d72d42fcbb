"""A file that was edited on the host, and is as wanted since: what runs is compared with it, and reloaded."""

import json
from pathlib import Path

import pytest

from tests.lab.site import Site, until

HOST, WEB = "pomsgpvm01", "poms_webservice"
INI = "/home/poms/private/config/poms/uwsgi-service.ini"
CONF = "/home/poms/supervisord.conf"
SSL = "/etc/httpd/conf.d/ssl.conf"


def threads(site: Site) -> set[int]:
    """How many threads uWSGI's workers have."""
    return {len(worker["cores"]) for worker in site.workers()["workers"]}


def planned(site: Site, inventory: Path) -> list[str]:
    """What diff says would be done with services."""
    found = json.loads(site.fab("-H", HOST, "diff", "--json", inventory=inventory).out)[HOST]
    assert not [one for one in found["files"] if one["change"] != "unchanged"], found
    then: list[str] = found["then"]
    return then


@pytest.mark.exhaustive
def test_uwsgi_reads_an_edit_that_was_adopted(deployed: Site, tmp_path: Path) -> None:
    adopted = deployed.changed(tmp_path, ("threads = 10", "threads = 7"))
    assert threads(deployed) == {10}
    deployed.poms(f"sed -i 's/^threads = 10/threads = 7/' {INI}")
    assert [one.partition(":")[0] for one in planned(deployed, adopted)] == [WEB]
    findings = json.loads(deployed.fab("-H", HOST, "status", "--json", inventory=adopted).out)[HOST]["findings"]
    assert [one["what"] for one in findings] == ["drift"]
    deployed.fab("-H", HOST, "deploy", "--yes", inventory=adopted, check=True)
    assert threads(deployed) == {7}
    assert planned(deployed, adopted) == []


@pytest.mark.exhaustive
def test_what_was_reloaded_by_hand_is_not_reloaded_again(deployed: Site, tmp_path: Path) -> None:
    adopted = deployed.changed(tmp_path, ("threads = 10", "threads = 7"))
    deployed.poms(f"sed -i 's/^threads = 10/threads = 7/' {INI}")
    deployed.poms(f"supervisorctl -s unix:///home/poms/supervisor.sock signal HUP {WEB}")
    until(lambda: threads(deployed) == {7}, 60, "it has read it")
    until(lambda: planned(deployed, adopted) == [], 30, "it serves, and has said so")


def test_apache_reads_a_file_that_came_to_be_as_wanted(deployed: Site, tmp_path: Path) -> None:
    adopted = deployed.changed(tmp_path, ("[defaults.apache]", "[defaults.apache]\nupload_limit = 77"))
    text = deployed.fab("-H", HOST, "render", f"--out={tmp_path}/files", inventory=adopted, check=True)
    made = (tmp_path / f"files/{HOST}{SSL}").read_text()
    other = (tmp_path / f"files/{HOST}/etc/httpd/conf.d/cert_ssl.conf").read_text()
    for path, content in ((SSL, made), ("/etc/httpd/conf.d/cert_ssl.conf", other)):
        deployed.root(f"cat >{path} <<'END_OF_FILE'\n{content}END_OF_FILE")
    generation = deployed.apache()[1]
    assert [one.partition(":")[0] for one in planned(deployed, adopted)] == ["Apache"], text.all
    deployed.fab("-H", HOST, "deploy", "--yes", inventory=adopted, check=True)
    assert deployed.apache()[1] == generation + 1
    assert planned(deployed, adopted) == []


@pytest.mark.exhaustive
def test_supervisord_takes_in_a_section_that_was_adopted(deployed: Site, tmp_path: Path) -> None:
    adopted = deployed.changed(tmp_path, ("poms_agent.py joblog", "poms_agent.py joblog7"))
    deployed.poms(f"sed -i 's/poms_agent.py joblog/poms_agent.py joblog7/' {CONF}")
    master = deployed.workers()["pid"]
    assert [one.partition(":")[0] for one in planned(deployed, adopted)] == ["supervisord"]
    deployed.fab("-H", HOST, "deploy", "--yes", inventory=adopted, check=True)
    assert deployed.root("pgrep -u poms -f 'poms_agent.py joblog7'").strip()
    assert deployed.workers()["pid"] == master, "the others go on"
    assert planned(deployed, adopted) == []
