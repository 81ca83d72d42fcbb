"""A deploy cannot leave a real host half-done: it is validated first, and undone whatever happens to the operator."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab.messages import NOT_VALID, NOTHING_TO_DO, UNTOUCHED
from tests.lab.site import Site

CERT_SSL, SSL = "/etc/httpd/conf.d/cert_ssl.conf", "/etc/httpd/conf.d/ssl.conf"
STATE = "/home/poms/private/poms-ops"
DEPTH = "[defaults.apache]\n", "[defaults.apache]\nverify_depth = 5\n"


def serves(site: Site) -> None:
    code, body = site.ask("https://HOST:8443/poms", *site.certificate("jdoe"))
    assert (code, "X-Shib-Userid: jdoe" in body) == (200, True), (code, body)


def test_configuration_that_cannot_start_is_rejected_before_going_live(deployed: Site, tmp_path: Path) -> None:
    """A key that anybody may read and that is none: httpd -t passes, and a restart would say fine and die."""
    deployed.root("echo garbage > /etc/grid-security/garbage.pem; chmod 644 /etc/grid-security/garbage.pem")
    apache, before = deployed.apache(), deployed.root(f"stat -c '%i %Y' {SSL} {CERT_SSL}")
    key = "[defaults.apache]\n", '[defaults.apache]\nkey = "/etc/grid-security/garbage.pem"\n'
    said = deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, key))
    assert said.code == 1
    assert NOT_VALID in said.err
    assert UNTOUCHED in said.err
    assert deployed.root(f"stat -c '%i %Y' {SSL} {CERT_SSL}") == before
    assert deployed.apache() == apache


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("change", "said_text"),
    [
        (("need-app = true", "need-app = true\nzzqqy = true"), "zzqqy"),
        (("[defaults.uwsgi]\n", '[defaults.app]\nlisten = "127.0.0.1:22222"\n[defaults.uwsgi]\n'), ""),
    ],
)
def test_uwsgi_parser_validates_options_before_going_live(
    deployed: Site, tmp_path: Path, change: tuple[str, str], said_text: str
) -> None:
    spawned = deployed.last_spawn()
    said = deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, change))
    if said_text:
        assert (said.code, said_text in said.err) == (1, True), said.all
        assert deployed.last_spawn() == spawned
    else:
        assert said.code == 0, said.all
        serves(deployed)


@pytest.mark.exhaustive
def test_deploy_reports_validation_level(deployed: Site, tmp_path: Path) -> None:
    said = deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, DEPTH))
    assert "validated (identity-probe)" in said.out
    assert [proof.split()[0] for proof in releases(deployed)[-1]["proofs"]] == ["identity-probe"]


@pytest.mark.exhaustive
def test_deploy_without_namespaces_validates_by_configtest_of_copy(deployed: Site, tmp_path: Path) -> None:
    deployed.root("chmod 700 /usr/bin/unshare")
    lower = (
        "[defaults.ssh]",
        '[defaults.deploy]\nvalidation = "configtest"\nvalidation_reason = "x"\n\n[defaults.ssh]',
    )
    try:
        said = deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, DEPTH, lower))
        assert (said.code, "validated (configtest)" in said.out) == (0, True), said.all
        broken = "[defaults.apache]\n", '[defaults.apache]\ncertificate = "/no/such.pem"\n'
        said = deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, broken))
        assert (said.code, "/no/such.pem" in said.err) == (1, True), said.all
        assert UNTOUCHED in said.err
    finally:
        deployed.root("chmod 755 /usr/bin/unshare")
    serves(deployed)


@pytest.mark.exhaustive
def test_deploy_performs_pending_reload_although_no_file_differs(deployed: Site, tmp_path: Path) -> None:
    with deployed.broken_reload("service is broken"):
        said = deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, DEPTH))
        assert said.code == 1
        assert "a service was not reloaded after the rollback; its reload is pending" in said.all
        assert "service is broken" in said.err
    generation = deployed.apache()[1]
    plan = deployed.fab("-H", "pomsgpvm01", "diff")
    assert (plan.code, "then Apache: reload" in plan.out) == (2, True), plan.all
    assert deployed.fab("deploy", "--yes").code == 0
    assert deployed.apache()[1] == generation + 1
    assert NOTHING_TO_DO in deployed.fab("deploy", "--yes").out


def test_releases_show_operator_and_changes_and_rollback_restores_files(deployed: Site, tmp_path: Path) -> None:
    before = deployed.read(CERT_SSL)
    deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, DEPTH), check=True)
    last = releases(deployed)[-1]
    assert last["current"]
    assert last["facts"]["ended"] == "committed"
    fingerprint = subprocess.run(
        ["ssh-keygen", "-l", "-f", deployed.lab.identity_file], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    assert last["facts"]["by"].startswith(f"key {fingerprint}")
    assert last["facts"]["operator"].count("@") == 1
    assert last["changed"] == [f"update {CERT_SSL}"]
    shown = deployed.fab("-H", "pomsgpvm01", "releases").out
    assert last["name"] in shown
    assert "cert_ssl.conf" in shown

    said = deployed.fab("rollback", "--yes")
    assert said.code == 0, said.all
    assert deployed.read(CERT_SSL) == before
    assert releases(deployed)[-1]["facts"]["for"].startswith("rollback to ")
    assert deployed.fab("rollback", "--yes", f"--to={last['name']}").code == 0
    assert "SSLVerifyDepth 5" in deployed.read(CERT_SSL)
    assert deployed.fab("rollback", "--yes", "--to=nonsense").code == 1
    serves(deployed)


@pytest.mark.exhaustive
def test_a_rollback_works_when_the_live_configuration_is_broken(deployed: Site, tmp_path: Path) -> None:
    before = deployed.read(CERT_SSL)
    deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, DEPTH), check=True)
    deployed.root(f"echo 'Nonsense on' >> {CERT_SSL}")
    said = deployed.fab("rollback", "--yes", "--force")
    assert said.code == 0, said.all
    assert deployed.read(CERT_SSL) == before
    serves(deployed)


@pytest.mark.exhaustive
def test_old_releases_are_pruned_but_never_the_running_one(deployed: Site, tmp_path: Path) -> None:
    keep = "[defaults.identity]", "[defaults.deploy]\nkeep = 2\n[defaults.identity]"
    for depth in (3, 4, 5):
        change = "[defaults.apache]\n", f"[defaults.apache]\nverify_depth = {depth}\n"
        deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, keep, change), check=True)
    found = releases(deployed)
    live = [entry["current"] for entry in found if entry["facts"]["ended"] == "committed"]
    assert live == [False, True]
    assert len(found) <= len(live) + 5, "attempts that failed have a few places of their own"
    assert deployed.fab("rollback", "--yes").code == 0
    assert "SSLVerifyDepth 4" in deployed.read(CERT_SSL)


@pytest.mark.exhaustive
def test_deploy_repairs_dead_program(deployed: Site, tmp_path: Path) -> None:
    deployed.poms("echo 'raise SystemExit' > $HOME/poms/poms_app.py.new; cp $HOME/poms/poms_app.py $HOME/kept.py")
    deployed.poms("mv $HOME/poms/poms_app.py.new $HOME/poms/poms_app.py")
    try:
        deployed.poms("supervisorctl -s unix://$HOME/supervisor.sock restart poms_webservice || :")
        assert deployed.program_states()["poms_webservice"] != "RUNNING"
        assert deployed.program_states()["poms_joblog_agent"] == "RUNNING"
    finally:
        deployed.poms("mv $HOME/kept.py $HOME/poms/poms_app.py")
    said = deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, ("threads = 10", "threads = 9")))
    assert said.code == 0, said.all
    assert set(deployed.program_states().values()) == {"RUNNING"}
    serves(deployed)


def releases(site: Site) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(site.fab("-H", "pomsgpvm01", "releases", "--json").out)["pomsgpvm01"]
    return listed


@pytest.mark.exhaustive
def test_smoke_checks_go_through_ssh_if_nothing_else_connects(deployed: Site, tmp_path: Path) -> None:
    with proxy(deployed.address(), 22) as port:
        address = f'address = "{deployed.address()}"', f'address = "127.0.0.1"\nport = {port}'
        inventory = deployed.changed(tmp_path, address, DEPTH)
        line = next(line for line in deployed.lab.known_hosts.read_text().splitlines() if deployed.address() in line)
        (tmp_path / "known").write_text(f"[127.0.0.1]:{port} {line.split(maxsplit=1)[1]}\n")
        text = inventory.read_text().replace(str(deployed.lab.known_hosts), str(tmp_path / "known"))
        inventory.write_text(text)
        said = deployed.fab("deploy", "--yes", inventory=inventory)
    assert said.code == 0, said.all
    checks = releases(deployed)[-1]["checks"]
    assert [one.partition(" ")[0] for one in checks] == ["ok"] * len(checks), (
        "both doors were well, asked through SSH"
    )
    assert len(checks) > 1, checks


@contextmanager
def proxy(address: str, port: int) -> Iterator[int]:
    """A port of this machine that leads to one of the host's, and to no other."""
    with subprocess.Popen(
        ["socat", "-d", "-d", "TCP-LISTEN:0,bind=127.0.0.1,fork,reuseaddr", f"TCP:{address}:{port}"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stderr
        said = next(line for line in running.stderr if "listening on" in line)
        try:
            yield int(said.rpartition(":")[2])
        finally:
            os.killpg(running.pid, signal.SIGTERM)


def test_a_stale_checkout_does_not_undo_a_colleagues_deploy(deployed: Site, tmp_path: Path) -> None:
    deployed.root(f"sed -i -E 's/^(commit|toolkit) .*/\\1 {'0' * 40}/' {STATE}/current/meta")
    inventory = deployed.changed(tmp_path, DEPTH)
    said = deployed.fab("deploy", "--yes", inventory=inventory)
    assert (said.code, "not in this checkout" in said.err) == (1, True), said.all
    assert "SSLVerifyDepth 5" not in deployed.read(CERT_SSL)
    assert deployed.fab("deploy", "--yes", "--force", inventory=inventory).code == 0


def test_app_failing_to_start_is_rejected_before_going_live(deployed: Site, tmp_path: Path) -> None:
    spawned, ini = deployed.last_spawn(), deployed.root("stat -c '%i %Y' /home/poms/private/config/poms/*.ini")
    change = 'module = "poms_app:application"', 'module = "nosuch:application"'
    said = deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, change))
    assert said.code == 1
    assert "No module named 'nosuch'" in said.err
    assert UNTOUCHED in said.err
    assert deployed.last_spawn() == spawned
    assert deployed.root("stat -c '%i %Y' /home/poms/private/config/poms/*.ini") == ini


def test_validation_touches_no_live_file(deployed: Site, tmp_path: Path) -> None:
    """Hooks, daemons, crons, pid, stats and touch files are left out, and the socket is not the live one."""
    live = "/home/poms/live"
    deployed.poms(f"mkdir -p {live}; echo untouched > {live}/pid; echo untouched > {live}/log; touch {live}/reload")
    options = "".join(
        f"{line}\n"
        for line in (
            "vacuum = true",
            f'pidfile = "{live}/pid"',
            f'hook-asap = "exec:touch {live}/hooked"',
            f'exec-pre-app = "touch {live}/executed"',
            f'attach-daemon = "touch {live}/daemon"',
            f'touch-reload = "{live}/reload"',
            f'master-fifo = "{live}/fifo"',
            'cron = "-1 -1 -1 -1 -1 touch ' + f'{live}/cron"',
        )
    )
    broken = 'module = "poms_app:application"', 'module = "nosuch:application"'
    # The trial fails, so the new file never goes live: whatever appears now, the trial made.
    change = "need-app = true\n", "need-app = true\n" + options.replace("vacuum = true\n", "")
    stats = deployed.root("stat -c %i /home/poms/private/uwsgi-stats.sock")
    said = deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, broken, change))
    assert said.code == 1
    assert "No module named 'nosuch'" in said.err, said.all
    assert deployed.root(f"cat {live}/pid {live}/log; ls {live}").split() == [
        "untouched",
        "untouched",
        "log",
        "pid",
        "reload",
    ]
    assert deployed.root("stat -c %i /home/poms/private/uwsgi-stats.sock") == stats
    assert deployed.processes("uwsgi") == int(deployed.root("pgrep -c -u poms -f 'uwsgi --ini'"))
    serves(deployed)


@pytest.mark.exhaustive
def test_deploy_removes_unmanaged_file_and_rollback_restores_it(deployed: Site, tmp_path: Path) -> None:
    old, new = (f"/home/poms/private/config/{name}/uwsgi-service.ini" for name in ("poms", "other"))
    before = deployed.read(old)
    inventory = deployed.changed(
        tmp_path,
        ("[defaults.ssh]", '[defaults]\nconfig_dir = "/home/poms/private/config/other"\n\n[defaults.ssh]'),
        (old, new),
    )
    plan = deployed.fab("-H", "pomsgpvm01", "diff", inventory=inventory)
    assert f"{old}  (no longer managed: remove)" in plan.out, plan.all
    said = deployed.fab("deploy", "--yes", inventory=inventory)
    assert said.code == 0, said.all
    assert deployed.root(f"ls {old} {new} 2>/dev/null || :").split() == [new]
    serves(deployed)
    said = deployed.fab("rollback", "--yes")
    assert said.code == 0, said.all
    assert deployed.root(f"ls {old} {new} 2>/dev/null || :").split() == [old]
    assert deployed.read(old) == before
    serves(deployed)
    deployed.root(f"rm -rf {new.rpartition('/')[0]}")


@pytest.mark.exhaustive
def test_rollback_restores_identical_files(deployed: Site, tmp_path: Path) -> None:
    """Its owner, time and inode too, of a file of another account whose folder may be written."""
    deployed.root(f"chown root:root {SSL}; chmod 644 {SSL}")
    look = f"stat -c '%n %i %U %a %Y' {SSL} {CERT_SSL}"
    before = deployed.root(look)
    protocols = "[defaults.apache]\n", '[defaults.apache]\nprotocols = ["TLSv1.3"]\n'
    with deployed.broken_reload():
        said = deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, protocols))
    assert said.code == 1, said.all
    assert deployed.root(look) == before
    deployed.fab("recover", check=True)
    serves(deployed)


def test_recover_removes_staging_from_before_power_cut(deployed: Site) -> None:
    """And nothing that a living deploy is being sent; no service is touched."""
    spawned, apache = deployed.last_spawn(), deployed.apache()
    deployed.poms(f"""
        mkdir -p {STATE}/incoming.77-88-before-the-boot.aaaaaa
        sleep 100 >/dev/null 2>&1 &
        start=$(cut -d ' ' -f 22 /proc/$!/stat)
        mkdir {STATE}/incoming.$!-$start-$(cat /proc/sys/kernel/random/boot_id).bbbbbb; echo $! >{STATE}/sleeper
    """)
    deployed.fab("recover", check=True)
    left = deployed.poms(f"cd {STATE} && ls -d incoming.*").split()
    assert [name.rpartition(".")[2] for name in left] == ["bbbbbb"]
    deployed.poms(f"kill $(cat {STATE}/sleeper); rm {STATE}/sleeper")
    deployed.fab("recover", check=True)
    assert "incoming" not in deployed.poms(f"ls {STATE}")
    assert "nothing to recover" in deployed.fab("recover", check=True).out
    assert (deployed.last_spawn(), deployed.apache()) == (spawned, apache)


def test_deploy_follows_rolling_order_and_reports_each_host(deployed: Site, tmp_path: Path) -> None:
    for host in ("pomsgpvm01", "fermicloud045"):
        deployed.fab("-H", host, "deploy", "--yes", "--force", check=True)
    good = deployed.changed(tmp_path, ("threads = 10", "threads = 9"))
    said = deployed.fab("-H", "lab", "deploy", "--yes", "--parallel=2", inventory=good)
    assert said.code == 0, said.all
    assert [line.split()[:2] for line in said.out.splitlines()[-2:]] == [
        ["pomsgpvm01", "committed:"],
        ["fermicloud045", "committed:"],
    ]
    bad = deployed.changed(tmp_path, ("need-app = true", "need-app = true\nzzqqy = true"))
    said = deployed.fab("-H", "lab", "deploy", "--yes", inventory=bad)
    assert said.code == 1
    assert [line.split(maxsplit=1) for line in said.out.splitlines()[-2:]] == [
        ["pomsgpvm01", "nothing changed"],
        ["fermicloud045", "not tried"],
    ]
    said = deployed.fab("-H", "lab", "rollback", "--yes")
    assert said.code == 0, said.all
    assert deployed.fab("-H", "lab", "drift").code == 0
