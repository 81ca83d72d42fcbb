"""Taking over a host that was set up by hand: nothing that runs goes unnamed, and what is equal in effect stays."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.inventory.loader import read_inventory
from ops.project import PROJECT
from tests.lab.messages import NOTHING_TO_DO
from tests.lab.site import Site, until

HOST = "fermicloud045"
CONF, SSL = "/home/poms/supervisord.conf", "/etc/httpd/conf.d/ssl.conf"
CERT_SSL = "/etc/httpd/conf.d/cert_ssl.conf"
SOCKET = "unix:///home/poms/supervisor.sock"
BY_HAND = """\
; set up by hand
[unix_http_server]
file=%(here)s/supervisor.sock
chmod = 700

[supervisord]
logfile=/home/poms/by-hand.log
pidfile = %(here)s/supervisord.pid

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix:///home/poms/supervisor.sock

[program:legacy]
command=sleep 1000

[program:spare]
command=sleep 1001
autostart=false

[include]
files = extra/*.conf
"""
INCLUDED = "[program:hidden]\ncommand=sleep 1002\nnumprocs=2\nprocess_name=hidden_%(process_num)d\n"
VHOST = """
Listen 9443 https
<VirtualHost _default_:9443>
    ServerName old.poms.example
    SSLEngine on
    SSLCertificateFile /etc/pki/tls/certs/localhost.crt
    SSLCertificateKeyFile /etc/pki/tls/private/localhost.key
    Redirect 404 /
</VirtualHost>
"""
DROPPED = (
    *("program legacy", "program spare", "program hidden:hidden_0", "program hidden:hidden_1"),
    *("port 9443", "virtual host old.poms.example:9443"),
)


def bare(site: Site) -> None:
    """The host as the lab made it."""
    theirs = (PROJECT / "lab/rootfs/etc/httpd/conf.d/ssl.conf").read_text()
    site.poms(f"[ ! -S $HOME/supervisor.sock ] || supervisorctl -s {SOCKET} shutdown || :", HOST)
    until(lambda: site.processes("supervisord", HOST) + site.processes("uwsgi", HOST) == 0, 40, "its programs end")
    site.root(f"rm -rf /home/poms/private /home/poms/supervisor* /home/poms/extra {CERT_SSL}", HOST)
    site.root(f"cat >{SSL} <<'END_OF_FILE'\n{theirs}END_OF_FILE\nservice httpd restart", HOST)


def states(site: Site) -> dict[str, str]:
    text = site.poms(f"supervisorctl -s {SOCKET} status || :", HOST)
    return {line.split()[0]: line.split()[1] for line in text.splitlines() if line.strip()}


def pids(site: Site) -> dict[str, str]:
    """supervisord and its programs, each with its pid."""
    text = site.poms(f"supervisorctl -s {SOCKET} status; supervisorctl -s {SOCKET} pid", HOST)
    return {line.split()[0]: line.partition("pid ")[2].partition(",")[0] or line for line in text.splitlines()}


def open_port(site: Site, port: int) -> bool:
    return f":{port} " in site.root("ss -ltn", HOST)


@pytest.fixture
def by_hand(site: Site) -> Iterator[Site]:
    """A host on which somebody runs programs and a virtual host of their own."""
    bare(site)
    site.poms(f"mkdir -p $HOME/extra; cat >$HOME/extra/hidden.conf <<'END'\n{INCLUDED}END", HOST)
    site.poms(f"cat >{CONF} <<'END'\n{BY_HAND}END\nsupervisord -c {CONF}", HOST)
    site.root(f"cat >>{SSL} <<'END'\n{VHOST}END\nservice httpd restart", HOST)
    until(lambda: list(states(site).values()).count("RUNNING") == 3, 30, "the programs run")
    assert open_port(site, 9443)
    yield site
    bare(site)


def test_first_deploy_names_what_it_drops_and_requires_remove_flag(by_hand: Site) -> None:
    site, before = by_hand, states(by_hand)
    files = site.root(f"cat {CONF} {SSL} | sha256sum", HOST)
    said = site.fab("-H", HOST, "deploy", "--yes")
    assert said.code == 1, said.all
    for name in DROPPED:
        assert name in said.err, name
        assert name in said.out, f"the plan itself: {name}"
    assert "--remove" in said.err
    assert "unchanged: " in said.err
    assert states(site) == before
    assert site.root(f"cat {CONF} {SSL} | sha256sum", HOST) == files
    assert not site.root("ls /home/poms/private 2>/dev/null || :", HOST)

    diff = site.fab("-H", HOST, "diff", "--json")
    facts = json.loads(diff.out)[HOST]
    assert {f"{one['kind']} {one['name']}" for one in facts["removes"]} == set(DROPPED)
    assert not any(one["planned"] for one in facts["removes"])

    said = site.fab("-H", HOST, "deploy", "--yes", "--remove")
    assert said.code == 0, said.all
    result = said.out.partition("what")[2]
    for name in DROPPED:
        assert name in result, f"the result: {name}"
    assert set(states(site)) == {"poms_webservice", "poms_joblog_agent", "poms_status_agent"}
    assert not open_port(site, 9443)
    assert site.ask("https://HOST:8443/poms", *site.certificate("jdoe"), host=HOST)[0] == 200
    releases = json.loads(site.fab("-H", HOST, "releases", "--json").out)[HOST]
    assert set(releases[-1]["removed"]) == set(DROPPED)
    assert NOTHING_TO_DO in site.fab("-H", HOST, "deploy", "--yes").out


@pytest.mark.exhaustive
def test_rollback_to_original_restores_files_found_by_first_deploy(by_hand: Site, tmp_path: Path) -> None:
    site = by_hand
    look = f"sha256sum {CONF} {SSL}; stat -c %a {CONF} {SSL}; ls {CERT_SSL} 2>&1 || :"
    before, ran = site.root(look, HOST), states(site)
    site.fab("-H", HOST, "deploy", "--yes", "--remove", check=True)
    for depth in (3, 4):  # until the release that took over is kept no more
        change = "[defaults.apache]\n", f"[defaults.deploy]\nkeep = 1\n[defaults.apache]\nverify_depth = {depth}\n"
        site.fab("-H", HOST, "deploy", "--yes", inventory=site.changed(tmp_path, change), check=True)
    assert site.fab("-H", HOST, "diff", "--to=original").code == 2
    said = site.fab("-H", HOST, "rollback", "--yes", "--to=original")
    assert said.code == 0, said.all
    assert site.root(look, HOST) == before
    assert set(states(site)) == set(ran)
    assert open_port(site, 9443)
    assert site.fab("-H", HOST, "deploy", "--yes", "--remove").code == 0
    assert site.ask("https://HOST:8443/poms", *site.certificate("jdoe"), host=HOST)[0] == 200


@pytest.mark.exhaustive
def test_rollback_to_original_is_refused_on_originally_empty_host(served: Site) -> None:
    said = served.fab("-H", HOST, "rollback", "--yes", "--to=original")
    assert (said.code, CONF in said.err, "unchanged: " in said.err) == (1, True, True), said.all


@pytest.fixture
def served(site: Site) -> Iterator[Site]:
    """The host deployed to as the inventory has it."""
    bare(site)
    site.fab("-H", HOST, "deploy", "--yes", check=True)
    yield site
    bare(site)


def rewritten(site: Site) -> str:
    """The host's own file as somebody would have written it: every default left out, the rest spelled otherwise."""
    left_out = (
        *("chmod=", "minfds=", "loglevel=", "autostart=", "autorestart=", "startretries=", "exitcodes="),
        *("stopasgroup=", "killasgroup=", "stdout_logfile_backups=", "stdout_logfile_maxbytes=50MB"),
    )
    lines = [line for line in site.read(CONF, HOST).splitlines() if line and not line.startswith((";", *left_out))]
    text = "\n".join(lines).replace("redirect_stderr=true", "Redirect_Stderr = YES\nuser=poms")
    text = text.replace("pidfile=/home/poms/", "pidfile = %(here)s/").replace("stopsignal=INT", "stopsignal = SIGINT")
    return text.replace("[supervisord]\n", "[supervisord]\nuser=poms\nchildlogdir=/tmp\n", 1) + "\n"


def test_install_over_equivalent_file_keeps_every_process(served: Site) -> None:
    site, wanted = served, served.read(CONF, HOST)
    text = rewritten(site)
    site.poms(f"cat >{CONF} <<'END'\n{text}END\nsupervisorctl -s {SOCKET} reload", HOST)
    until(lambda: list(states(site).values()) == ["RUNNING"] * 3, 60, "the programs run")
    site.root("rm -rf /home/poms/private/poms-ops", HOST)  # this project was never here
    before = pids(site)
    said = site.fab("-H", HOST, "deploy", "--yes")
    assert said.code == 0, said.all
    assert "take over" in said.out
    assert "supervisord: restart" not in said.out
    assert (site.read(CONF, HOST), pids(site)) == (wanted, before)


@pytest.mark.exhaustive
def test_only_the_program_that_differs_in_effect_is_restarted(served: Site) -> None:
    site = served
    text = rewritten(site).replace("poms_agent.py status", "poms_agent.py other")
    site.poms(f"cat >{CONF} <<'END'\n{text}END\nsupervisorctl -s {SOCKET} reload", HOST)
    until(lambda: list(states(site).values()) == ["RUNNING"] * 3, 60, "the programs run")
    site.root("rm -rf /home/poms/private/poms-ops", HOST)
    before = pids(site)
    said = site.fab("-H", HOST, "deploy", "--yes")
    assert said.code == 0, said.all
    changed = {name for name, pid in pids(site).items() if before.get(name) != pid}
    assert changed == {"poms_status_agent"}


@pytest.mark.exhaustive
def test_deploy_requires_remove_flag_only_for_program_started_by_hand(served: Site, tmp_path: Path) -> None:
    site = served
    host = read_inventory(site.lab.inventory).hosts[HOST]
    agent = site.lab.inventory.read_text().partition("[defaults.programs.poms_status_agent]")[2].partition("\n\n")[0]
    fewer = site.changed(tmp_path, (f"[defaults.programs.poms_status_agent]{agent}\n", ""))
    assert "poms_status_agent" in host.programs

    added = "\n[program:by_hand]\ncommand=sleep 1003\n"
    site.poms(f"cp {CONF} $HOME/kept; cat >>{CONF} <<'END'\n{added}END\nsupervisorctl -s {SOCKET} update", HOST)
    site.poms(f"mv $HOME/kept {CONF}", HOST)
    until(lambda: states(site).get("by_hand") == "RUNNING", 30, "it runs")
    said = site.fab("-H", HOST, "deploy", "--yes", inventory=fewer)
    assert (said.code, "program by_hand" in said.err, "program poms_status_agent" in said.out) == (1, True, True)
    assert "poms_status_agent" not in said.err, "the inventory says so itself"
    assert {"by_hand", "poms_status_agent"} <= set(states(site))

    site.poms(f"supervisorctl -s {SOCKET} update", HOST)
    said = site.fab("-H", HOST, "deploy", "--yes", inventory=fewer)
    assert (said.code, "program poms_status_agent" in said.out) == (0, True), said.all
    assert set(states(site)) == {"poms_webservice", "poms_joblog_agent"}
