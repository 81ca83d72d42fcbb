"""`deploy` and `diff` against a real host."""

import socket
import threading
import time
from pathlib import Path

import pytest

from ops.inventory.loader import read_inventory
from ops.project import PROJECT
from ops.rendering.renderer import render
from tests.lab.messages import NOT_VALID, NOT_WRITABLE, NOTHING_TO_DO, UNTOUCHED
from tests.lab.site import Site, until

INI = "/home/poms/private/config/poms/uwsgi-service.ini"
SSL, CERT_SSL = "/etc/httpd/conf.d/ssl.conf", "/etc/httpd/conf.d/cert_ssl.conf"


@pytest.fixture
def new_host(site: Site) -> str:
    """A host as the lab made it: an earlier test file may have deployed to it."""
    name, theirs = "fermicloud045", (PROJECT / "lab/rootfs/etc/httpd/conf.d/ssl.conf").read_text()
    socket = "unix:///home/poms/supervisor.sock"
    site.poms(f"[ ! -S $HOME/supervisor.sock ] || supervisorctl -s {socket} shutdown || :", name)
    until(lambda: site.processes("supervisord", name) + site.processes("uwsgi", name) == 0, 40, "its programs end")
    site.root(f"rm -rf /home/poms/private /home/poms/supervisor* {CERT_SSL}", name)
    site.root(f"cat >{SSL} <<'END_OF_FILE'\n{theirs}END_OF_FILE\nservice httpd restart", name)
    return name


def test_first_deploy_makes_host_serve_and_second_changes_nothing(site: Site, new_host: str) -> None:
    host = new_host
    assert site.fab("-H", host, "diff").code == 2
    first = site.fab("-H", host, "deploy", "--yes")
    assert first.code == 0, first.all
    assert "take over" in first.out
    assert "/etc/httpd/conf.d/ssl.conf" in first.out
    for file in render(read_inventory(site.lab.inventory).hosts[host]):
        assert site.read(file.path, host).encode() == file.content
        assert site.root(f"stat -c %a '{file.path}'", host).strip().zfill(4) == file.mode
    code, body = site.ask("https://HOST:8443/poms", *site.certificate("jdoe"), host=host)
    assert code == 200
    assert "X-Shib-Userid: jdoe" in body
    assert site.ask("https://HOST/poms", host=host)[0] == 302

    stamps = site.root(f"stat -c '%n %Y %i' {SSL} {CERT_SSL} /home/poms/supervisord.conf {INI}", host)
    started = site.root("pgrep -u poms -f 'uwsgi --ini' -o", host)
    second = site.fab("-H", host, "deploy", "--yes")
    assert (second.code, NOTHING_TO_DO in second.out) == (0, True), second.all
    assert site.root(f"stat -c '%n %Y %i' {SSL} {CERT_SSL} /home/poms/supervisord.conf {INI}", host) == stamps
    assert site.root("pgrep -u poms -f 'uwsgi --ini' -o", host) == started
    assert site.fab("-H", host, "diff").code == 0


def test_deploy_without_h_uses_default_host_and_diff_all(deployed: Site) -> None:
    said = deployed.fab("deploy", "--yes")
    assert said.code == 0
    assert "pomsgpvm01: nothing to do" in said.out
    assert "fermicloud045" not in said.all
    listed = deployed.fab("diff")
    (same,) = [line for line in listed.out.splitlines() if line.endswith("no difference")]  # of one host, or of both
    assert "pomsgpvm01" in same
    assert "fermicloud045" in listed.all


def test_uwsgi_change_updates_only_its_file_and_reloads_only_uwsgi(deployed: Site, tmp_path: Path) -> None:
    apache, spawned, master = deployed.apache(), deployed.last_spawn(), deployed.workers()["pid"]
    agents = deployed.root("pgrep -u poms -f poms_agent.py")
    time.sleep(1.1)  # uWSGI tells spawn times in whole seconds
    said = deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, ("threads = 10", "threads = 12")))
    assert said.code == 0, said.all
    assert "+threads = 12" in said.out.replace("  +", "+")
    assert SSL not in said.out
    assert deployed.last_spawn() > spawned
    assert len(deployed.workers()["workers"][0]["cores"]) == 12
    assert deployed.workers()["pid"] == master
    assert deployed.apache() == apache
    assert deployed.root("pgrep -u poms -f poms_agent.py") == agents


def test_apache_change_updates_only_its_file_and_reloads_only_apache(deployed: Site, tmp_path: Path) -> None:
    (pid, generation, started), spawned = deployed.apache(), deployed.last_spawn()
    ssl = deployed.root(f"stat -c %i:%Y {SSL}")
    inventory = deployed.changed(tmp_path, ("[defaults.apache]\n", "[defaults.apache]\nverify_depth = 7\n"))
    said = deployed.fab("deploy", "--yes", inventory=inventory)
    assert said.code == 0, said.all
    assert "SSLVerifyDepth 7" in deployed.read(CERT_SSL)
    assert deployed.root(f"stat -c %i:%Y {SSL}") == ssl
    assert deployed.apache() == (pid, generation + 1, started)
    assert deployed.last_spawn() == spawned


def test_deploy_restarts_apache_if_sudo_allows_only_restart(deployed: Site, tmp_path: Path) -> None:
    _, generation, started = deployed.apache()
    depth = "[defaults.apache]\n", "[defaults.apache]\nverify_depth = 6\n"
    inventory = deployed.changed(tmp_path, (deployed.reload_line(), ""), depth)
    said = deployed.fab("deploy", "--yes", inventory=inventory)
    assert said.code == 0, said.all
    _, after, started_after = deployed.apache()
    assert started_after > started
    assert after <= generation + 1
    assert deployed.ask("https://HOST:8443/poms", *deployed.certificate("jdoe"))[0] == 200


def test_configuration_rejected_by_apache_changes_nothing(deployed: Site, tmp_path: Path) -> None:
    before, apache = deployed.read(SSL), deployed.apache()
    inventory = deployed.changed(
        tmp_path, ("[defaults.apache]\n", '[defaults.apache]\ncertificate = "/no/cert.pem"\n')
    )
    said = deployed.fab("deploy", "--yes", inventory=inventory)
    assert said.code == 1
    assert NOT_VALID in said.err
    assert "SSLCertificateFile: file '/no/cert.pem' does not exist" in said.err
    assert "unchanged: " in said.err
    assert deployed.read(SSL) == before
    assert deployed.apache() == apache
    assert deployed.fab("diff", "-H", "pomsgpvm01").code == 0


def test_program_that_cannot_start_is_rolled_back(deployed: Site, tmp_path: Path) -> None:
    before = deployed.read("/home/poms/supervisord.conf")
    webservice = "[defaults.programs.poms_webservice]"
    broken = '[defaults.programs.broken]\ncommand = "/no/such/command"\nstartretries = 0\n\n'
    inventory = deployed.changed(tmp_path, (webservice, broken + webservice))
    said = deployed.fab("deploy", "--yes", inventory=inventory)
    assert said.code == 1
    assert "broken" in said.err
    assert deployed.read("/home/poms/supervisord.conf") == before
    assert set(deployed.program_states().values()) == {"RUNNING"}
    assert "broken" not in deployed.program_states()


def test_deploy_leaves_program_stopped_and_next_start_uses_new_settings(deployed: Site, tmp_path: Path) -> None:
    deployed.fab("stop-programs", "--programs=poms_status_agent", check=True)
    change = 'poms_agent.py status"', 'poms_agent.py status2"'
    inventory = deployed.changed(tmp_path, change)
    said = deployed.fab("deploy", "--yes", inventory=inventory)
    assert said.code == 0, said.all
    assert "left stopped" in said.out
    assert deployed.program_states()["poms_status_agent"] == "STOPPED"
    deployed.fab("start-programs", "--programs=poms_status_agent", inventory=inventory, check=True)
    assert deployed.root("pgrep -u poms -f 'poms_agent.py status2'").strip()


def test_hand_edit_stops_deploy_and_is_shown(deployed: Site) -> None:
    deployed.root(f"echo '# by hand' >> {CERT_SSL}")
    said = deployed.fab("deploy", "--yes")
    assert said.code == 1
    assert "-# by hand" in said.out.replace("  -", "-")
    assert "edited on the host since the last deploy" in said.err
    assert "# by hand" in deployed.read(CERT_SSL)
    assert deployed.fab("deploy", "--yes", "--force").code == 0
    assert "# by hand" not in deployed.read(CERT_SSL)
    assert "# by hand" in deployed.root("cat /home/poms/private/poms-ops/current/old.*")


def test_deploy_without_terminal_requires_yes_flag(deployed: Site) -> None:
    said = deployed.fab("deploy")
    assert said.code == 3
    assert "--yes" in said.err


def test_deploy_is_refused_while_another_holds_lock(deployed: Site, tmp_path: Path) -> None:
    lock = "/home/poms/private/poms-ops/lock"
    deployed.poms(
        f"echo 'jane@desk, deploy r1 since noon' > {lock}; flock {lock} sleep 60 </dev/null >/dev/null 2>&1 &"
    )
    try:
        inventory = deployed.changed(tmp_path, ("threads = 10", "threads = 11"))
        said = deployed.fab("deploy", "--yes", inventory=inventory)
        assert (said.code, "jane@desk, deploy r1 since noon" in said.err) == (4, True), said.all
    finally:
        deployed.root("pkill -u poms -x sleep")


@pytest.fixture
def counted_port() -> "tuple[int, list[str]]":
    """A port of this machine, and who connected to it."""
    server = socket.create_server(("127.0.0.1", 0))
    callers: list[str] = []

    def accept() -> None:
        while True:
            try:
                connection, caller = server.accept()
            except OSError:
                return
            callers.append(str(caller))
            connection.close()

    threading.Thread(target=accept, daemon=True).start()
    return server.getsockname()[1], callers


def test_bad_input_connects_to_nothing(site: Site, tmp_path: Path, counted_port: tuple[int, list[str]]) -> None:
    port, callers = counted_port
    reachable = (f'address = "{site.address()}"', f'address = "127.0.0.1"\nport = {port}')
    for words, change, said_text in (
        (("deploy", "--yes"), ("workers = 6", 'workers = "six"'), "must be a whole number"),
        (("diff",), ("threads = 10", "thraeds = 10"), "unknown key; nearest: threads"),
        (("-H", "pomsgpvm01,gpvm9", "deploy", "--yes"), ("threads = 10", "threads = 10"), "nearest: pomsgpvm01"),
        (
            ("-H", "pomsgpvm01", "tail-logs", "--programs=webservice"),
            ("[fleet]", "[fleet]"),
            "nearest: poms_webservice",
        ),
    ):
        said = site.fab(*words, inventory=site.changed(tmp_path, reachable, change))
        assert (said.code, said_text in said.err) == (3, True), said.all
    assert callers == []
    good = site.fab("-H", "pomsgpvm01", "diff", inventory=site.changed(tmp_path, reachable))
    assert good.code == 1
    assert callers, "the counter itself counts"


def test_a_wrong_or_unknown_host_key_is_refused(site: Site, tmp_path: Path) -> None:
    address, other = site.address(), site.address("fermicloud045")
    lines = site.lab.known_hosts.read_text().splitlines()
    keys = {name: line.split(maxsplit=1)[1] for line in lines for name in line.split()[0].split(",")}
    for text, message in (
        (f"{address} {keys[other]}\n", "NOT the one in known_hosts"),
        (f"{other} {keys[other]}\n", "its host key is not known"),
    ):
        (tmp_path / "known").write_text(text)
        inventory = site.changed(tmp_path)
        inventory.write_text(inventory.read_text().replace(str(site.lab.known_hosts), str(tmp_path / "known")))
        said = site.fab("-H", "pomsgpvm01", "diff", inventory=inventory)
        assert (said.code, message in said.err) == (1, True), said.all


def test_supervisord_change_restarts_programs_except_stopped_ones(deployed: Site, tmp_path: Path) -> None:
    deployed.fab("stop-programs", "--programs=poms_joblog_agent", check=True)
    supervisord, master = deployed.read("/home/poms/supervisord.pid"), deployed.workers()["pid"]
    inventory = deployed.changed(
        tmp_path, ("[defaults.identity]", '[defaults.supervisor]\nloglevel = "warn"\n[defaults.identity]')
    )
    said = deployed.fab("deploy", "--yes", inventory=inventory)
    assert said.code == 0, said.all
    assert "supervisord: restart with ALL programs" in said.out
    assert deployed.read("/home/poms/supervisord.pid") == supervisord
    assert deployed.workers()["pid"] != master
    states = deployed.program_states()
    assert states.pop("poms_joblog_agent") == "STOPPED"
    assert set(states.values()) == {"RUNNING"}


@pytest.mark.exhaustive
def test_deploy_runs_one_command_without_changes_and_two_with(deployed: Site, tmp_path: Path) -> None:
    """Counted on the host: the login shell reads .bashrc once for each command that sshd starts."""
    deployed.poms("cp $HOME/.bashrc $HOME/.bashrc.kept; echo 'echo x >> $HOME/commands' >> $HOME/.bashrc")
    try:
        deployed.fab("deploy", "--yes", check=True)
        assert deployed.poms("wc -l < $HOME/commands").strip() == "1"
        deployed.poms("rm $HOME/commands")
        inventory = deployed.changed(tmp_path, ("threads = 10", "threads = 8"))
        deployed.fab("deploy", "--yes", inventory=inventory, check=True)
        assert deployed.poms("wc -l < $HOME/commands").strip() == "2"
    finally:
        deployed.poms("mv $HOME/.bashrc.kept $HOME/.bashrc; rm -f $HOME/commands")


@pytest.mark.exhaustive
def test_second_deploy_into_read_only_directory_changes_nothing(deployed: Site, tmp_path: Path) -> None:
    deployed.root(f"chown root:root /etc/httpd/conf.d; chmod 755 /etc/httpd/conf.d; chmod 666 {SSL} {CERT_SSL}")
    try:
        inventory = deployed.changed(tmp_path, ("[defaults.apache]\n", "[defaults.apache]\nverify_depth = 8\n"))
        inode = deployed.root(f"stat -c %i {CERT_SSL}")
        said = deployed.fab("deploy", "--yes", inventory=inventory)
        assert said.code == 0, said.all
        assert "SSLVerifyDepth 8" in deployed.read(CERT_SSL)
        assert deployed.root(f"stat -c %i {CERT_SSL}") == inode
        assert NOTHING_TO_DO in deployed.fab("deploy", "--yes", inventory=inventory).out
        deployed.root(f"chmod 644 {CERT_SSL}; chown root {CERT_SSL}")
        said = deployed.fab("deploy", "--yes")
        assert (said.code, NOT_WRITABLE in said.err) == (1, True), said.all
        assert UNTOUCHED in said.err
    finally:
        deployed.root(f"chown root:poms /etc/httpd/conf.d; chmod 2775 /etc/httpd/conf.d; chmod 644 {SSL} {CERT_SSL}")
