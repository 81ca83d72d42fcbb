"""The way back: judged by a release's own values, never to what was rolled back from, and seen before it is gone."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ops.project import PROJECT
from tests.lab.bases import exhaustive
from tests.lab.faults import Bench, ended
from tests.lab.site import Site

HOST = "pomsgpvm01"
STATE = "/home/poms/private/poms-ops"
APACHE = "[defaults.apache]\n"
CHANGES = {
    "port": (APACHE, f"{APACHE}port = 444\n"),
    "cert_port": (APACHE, f"{APACHE}cert_port = 8444\n"),
    "listen": ("[defaults.uwsgi]\n", '[defaults.app]\nlisten = "127.0.0.1:9999"\n\n[defaults.uwsgi]\n'),
    "path": ("[defaults.uwsgi]\n", '[defaults.app]\npath = "/other"\n\n[defaults.uwsgi]\n'),
}


def depth(number: int) -> tuple[str, str]:
    return APACHE, f"{APACHE}verify_depth = {number}\n"


def serves(site: Site) -> None:
    code, body = site.ask("https://HOST:8443/poms", *site.certificate("jdoe"))
    assert (code, "X-Shib-Userid: jdoe" in body) == (200, True), (code, body)
    assert site.ask("https://HOST/poms")[0] == 302


def releases(site: Site, **settings: Any) -> list[dict[str, Any]]:
    said = site.fab("-H", HOST, "releases", "--json", check=True, **settings)
    listed: list[dict[str, Any]] = json.loads(said.out)[HOST]
    return listed


def folder(tmp_path: Path, name: str) -> Path:
    (tmp_path / name).mkdir(exist_ok=True)
    return tmp_path / name


@pytest.mark.exhaustive
@pytest.mark.parametrize("key", ["path", *exhaustive("port", "cert_port", "listen")])
def test_rollback_checks_use_port_and_path_of_release(deployed: Site, tmp_path: Path, key: str) -> None:
    """The inventory has the new value still: nobody has had the time to take it back."""
    inventory = deployed.changed(tmp_path, CHANGES[key])
    deployed.fab("deploy", "--yes", inventory=inventory, check=True)
    said = deployed.fab("rollback", "--yes", inventory=inventory)
    assert said.code == 0, said.all
    serves(deployed)
    last = releases(deployed)[-1]
    assert {line.split()[0] for line in last["checks"]} == {"ok"}, last["checks"]


@pytest.mark.exhaustive
def test_recovery_checks_use_ports_recorded_before_killed_deploy(bench: Bench, tmp_path: Path) -> None:
    site = bench.site
    bench.deploy("old")
    inventory = site.changed(tmp_path, CHANGES["port"], CHANGES["path"])
    with bench.held("check", inventory, "--remove") as running:
        bench.agent_killed(running)
    ended(running)
    said = site.fab("recover", inventory=inventory)
    assert said.code == 0, said.all
    serves(site)


def test_releases_of_previous_version_can_be_listed_and_restored(deployed: Site, tmp_path: Path) -> None:
    """They have no values of their own; today's are taken."""
    deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, depth(5)), check=True)
    deployed.poms(f"rm -f {STATE}/releases/*/host")
    deployed.poms(rf"sed -i -E '/^(repository|inventory|toolkit|toolkit_tree|check) /d' {STATE}/releases/*/meta")
    name = releases(deployed)[-1]["name"]
    assert name in deployed.fab("-H", HOST, "releases", name, check=True).out
    deployed.fab("rollback", "--yes", check=True)
    assert "SSLVerifyDepth 5" not in deployed.read("/etc/httpd/conf.d/cert_ssl.conf")
    deployed.poms(f"mkdir {STATE}/pending; echo 'release r0' >{STATE}/pending/meta")
    deployed.fab("recover", check=True)
    serves(deployed)


@pytest.mark.exhaustive
def test_changed_state_dir_is_refused_and_advice_moves_releases(deployed: Site, tmp_path: Path) -> None:
    deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, depth(5)), check=True)
    before = releases(deployed)
    other = "/home/poms/private/elsewhere"
    moved = "[defaults.ssh]", f'[defaults]\nstate_dir = "{other}"\n\n[defaults.ssh]'
    inventory = deployed.changed(tmp_path, depth(5), moved)
    try:
        for words in (("deploy", "--yes"), ("rollback", "--yes"), ("recover",), ("-H", HOST, "releases")):
            said = deployed.fab(*words, inventory=inventory)
            assert (said.code, STATE in said.err) == (1, True), said.all
        assert STATE in deployed.fab("-H", HOST, "diff", inventory=inventory).err
        advised = said.err.partition("on the host as poms: ")[2].partition("   (")[0]
        deployed.poms(advised)
        assert releases(deployed, inventory=inventory) == before
        deployed.fab("deploy", "--yes", inventory=inventory, check=True)
        serves(deployed)
        # A third folder: the second is not the usual one, and was noted.
        third = deployed.changed(
            folder(tmp_path, "third"), depth(5), (moved[0], moved[1].replace("elsewhere", "third"))
        )
        said = deployed.fab("deploy", "--yes", inventory=third)
        assert (said.code, other in said.err) == (1, True), said.all
        deployed.fab("rollback", "--yes", inventory=inventory, check=True)
        serves(deployed)
    finally:
        deployed.root(f"rm -rf {other} /home/poms/private/third /home/poms/.poms-ops-state-dir")
        deployed.fab("deploy", "--yes", "--force", check=True)


def test_second_rollback_goes_further_back_and_diff_shows_it(deployed: Site, tmp_path: Path) -> None:
    def deploy(number: int) -> str:
        deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, depth(number)), check=True)
        return str(releases(deployed)[-1]["name"])

    first, second = deploy(5), deploy(6)
    deploy(7)
    deployed.fab("rollback", "--yes", check=True)
    assert "SSLVerifyDepth 6" in deployed.read("/etc/httpd/conf.d/cert_ssl.conf")
    seen = deployed.fab("-H", HOST, "diff", f"--to={first}")
    assert (seen.code, "+    SSLVerifyDepth 5" in seen.out, "-    SSLVerifyDepth 6" in seen.out) == (2, True, True), (
        seen.all
    )
    deployed.fab("rollback", "--yes", check=True)
    assert "SSLVerifyDepth 5" in deployed.read("/etc/httpd/conf.d/cert_ssl.conf")
    left = [one["name"] for one in releases(deployed) if one["rolled_back_from"]]
    assert second in left
    deployed.fab("rollback", second, "--yes", check=True)
    assert "SSLVerifyDepth 6" in deployed.read("/etc/httpd/conf.d/cert_ssl.conf")
    serves(deployed)


@pytest.mark.exhaustive
def test_rollback_to_release_never_live_is_refused(deployed: Site, tmp_path: Path) -> None:
    deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, depth(5)), check=True)
    check = '[[defaults.checks]]\nname = "none"\nport = 443\npath = "/"\nstatus = [302]\n\n[defaults.ssh]'
    with deployed.broken_reload():
        changed = deployed.changed(tmp_path, depth(6), ("[defaults.ssh]", check))
        assert deployed.fab("deploy", "--yes", inventory=changed).code == 1
    deployed.fab("recover", check=True)
    failed = next(one["name"] for one in reversed(releases(deployed)) if one["facts"]["ended"] != "committed")
    said = deployed.fab("rollback", "--yes", f"--to={failed}")
    assert (said.code, "never live" in said.err) == (1, True), said.all
    offered = subprocess.run(
        [sys.executable, "-I", "tasks/_completion.py", "-H", HOST, "rollback", "--to", "=", ""],
        cwd=PROJECT,
        env=deployed.environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    live = [one["name"] for one in releases(deployed) if one["facts"]["ended"] == "committed" and not one["current"]]
    assert offered == [*live, "original"]


def test_release_shows_files_diff_backups_and_checks(deployed: Site, tmp_path: Path) -> None:
    path = "/etc/httpd/conf.d/cert_ssl.conf"
    deployed.root(f"echo '# by hand' >>{path}")
    inventory = deployed.changed(tmp_path, depth(5))
    subprocess.run(["git", "-C", tmp_path, "init", "-q"], check=True)
    deployed.fab("deploy", "--yes", "--force", inventory=inventory, check=True)
    name = releases(deployed)[-1]["name"]
    said = deployed.fab("-H", HOST, "releases", name, "--json", check=True)
    shown = json.loads(said.out)[HOST]
    assert path in [one["path"] for one in shown["files"]]
    (difference,) = [one for one in shown["differences"] if one["path"] == path]
    assert "+    SSLVerifyDepth 5" in difference["diff"]
    (kept,) = [one for one in shown["kept"] if one["path"] == path]
    assert deployed.read(kept["kept"]).endswith("# by hand\n")
    assert (shown["facts"]["repository"], shown["facts"]["commit"]) == (str(tmp_path), "none")
    assert (shown["facts"]["inventory"], shown["facts"]["tree"]) == ("hosts.toml", "with uncommitted changes")
    assert shown["validation"] == "identity-probe"
    assert {line.split()[0] for line in shown["checks"]} == {"ok"}
    text = deployed.fab("releases", name, check=True).out  # of all hosts those that have it
    for part in (name, path, kept["kept"], "+    SSLVerifyDepth 5", "identity-probe"):
        assert part in text
    assert deployed.fab("diff", f"--to={name}").code == 0, "the other host has no such release, and is left out"
    for words in (("releases", "no-such-release"), ("diff", "--to=no-such-release")):
        said = deployed.fab(*words)
        assert (said.code, "No host has" in said.err) == (1, True), said.all
