"""The lab itself: hosts like a site's, up and down as often as one likes, and nothing left behind."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import pytest

import lab
from lab import machine, processes
from lab.base.build import ensure_base
from lab.base.table import BASES, DEFAULT
from lab.host import Record, read_records
from lab.place import HERE, Lab
from ops.errors import BadInput, OperatorError
from ops.inventory.loader import read_inventory
from tests.lab.bases import exhaustive

QUIET: Callable[[str], None] = lambda _text: None  # noqa: E731


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab of this module's own, with two hosts."""
    place = Lab(state=tmp_path_factory.mktemp("lab") / "state")
    lab.up(["alpha", "beta"], say=QUIET, lab=place)
    yield place
    lab.down(say=QUIET, lab=place)


def record(place: Lab, name: str) -> Record:
    return next(found for found in read_records(place) if found.name == name)


def run(place: Lab, name: str, command: str) -> tuple[int, str]:
    """Exit code and output (stdout, then stderr) of a command, as poms over SSH, the host's key checked."""
    with paramiko.SSHClient() as client:
        client.load_host_keys(str(place.known_hosts))
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        address, key = record(place, name).address, str(place.identity_file)
        client.connect(address, username="poms", key_filename=key, look_for_keys=False, allow_agent=False)
        _, stdout, stderr = client.exec_command(command, timeout=30)
        said = stdout.read().decode() + stderr.read().decode()
        return stdout.channel.recv_exit_status(), said


def apache_commands(place: Lab) -> tuple[str, str]:
    """Restart and reload of Apache as sudo grants them on the hosts of this base."""
    if BASES[record(place, "alpha").base].systemd:
        return "systemctl restart httpd", "systemctl reload httpd"
    return "service httpd restart", "service httpd graceful"


def tls_certificate(place: Lab) -> str:
    """What the provider shows to browsers."""
    return ssl.get_server_certificate((record(place, "idp").address, 443))


def answer(place: Lab, name: str, path: str) -> str:
    """The head of what the host's Apache answers to a browser on plain HTTP."""
    with socket.create_connection((record(place, name).address, 80), timeout=10) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: {name}.poms.example\r\n\r\n".encode())
        return connection.makefile("rb").read().partition(b"\r\n\r\n")[0].decode("latin-1")


# --- hosts like a site's ------------------------------------------------------------------------------------


def test_each_host_has_its_own_name_processes_and_files(place: Lab) -> None:
    seen = {}
    for name in ("alpha", "beta"):
        code, said = run(place, name, f"touch ~/of-{name}; hostname -s; pgrep -x sshd | wc -l; ls ~")
        assert code == 0
        assert f"\n{name}\n" in said
        seen[name] = said
    assert "of-beta" not in seen["alpha"]
    assert "of-alpha" not in seen["beta"]


def test_lab_status_shows_running_hosts(place: Lab) -> None:
    found = lab.status(lab=place)
    assert [host.name for host in found] == ["alpha", "beta", "idp", "kdc"]
    for host in found:
        assert host.running
        assert host.since is not None
        assert abs(time.time() - host.since) < 600
        services = {"idp": {"idp"}, "kdc": {"krb5kdc"}}.get(host.name, {"sshd", "httpd", "shibd"})
        assert services <= set(host.processes)


def test_the_inventory_is_complete_and_private_keys_are_private(place: Lab) -> None:
    for path in [place.identity_file, *place.certificates.glob("*.key")]:
        assert path.stat().st_mode & 0o077 == 0
    read = read_inventory(place.inventory)
    assert read.fleet.default == "alpha"
    for host in read.hosts.values():
        assert host.address == record(place, host.name).address
        assert host.ssh.known_hosts == str(place.known_hosts)
        assert host.ssh.identity_file == str(place.identity_file)


def test_login_shell_always_prints_greeting(place: Lab) -> None:
    assert "NOTICE TO USERS" in run(place, "alpha", "true")[1]


@pytest.mark.parametrize("option", ["-u", "-e"])
def test_products_setup_aborts_strict_shell(place: Lab, option: str) -> None:
    code, said = run(place, "alpha", f"set {option}; . ~/products/setup; echo reached")
    assert code != 0
    assert "reached" not in said


def test_the_products_are_real_and_only_there_after_setup(place: Lab) -> None:
    wanted = "uwsgi --version && supervisord --version"
    assert run(place, "alpha", wanted)[0] == 127
    code, said = run(place, "alpha", f". ~/products/setup && setup poms && {wanted}")
    assert code == 0
    assert "\n2.0.31\n4.3.0\n" in said


def test_products_uwsgi_reloads_on_sighup(place: Lab) -> None:
    script = """
        . ~/products/setup && setup poms && cd ~/poms
        uwsgi --socket 127.0.0.1:8888 --module poms_app:application --master --workers 2 --need-app \
            --pidfile /tmp/app.pid --daemonize /tmp/app.log
        sleep 0.5; kill -HUP "$(cat /tmp/app.pid)"; sleep 1.5
        kill -0 "$(cat /tmp/app.pid)" && grep -c 'spawned uWSGI worker' /tmp/app.log
        kill -INT "$(cat /tmp/app.pid)"
    """
    assert run(place, "alpha", script)[1].rstrip().endswith("\n4")


def test_sudo_allows_only_apache_restart_and_reload(place: Lab) -> None:
    restart, reload = apache_commands(place)
    assert run(place, "alpha", f"sudo -n {reload}")[0] == 0
    assert run(place, "alpha", f"sudo -n {restart}")[0] == 0
    stop, other = restart.replace("restart", "stop"), restart.replace("httpd", "sshd")
    for more in (stop, f"{restart} now", other, "httpd -t", "true"):
        assert run(place, "alpha", f"sudo -n {more}")[0] != 0


def test_apache_has_red_hat_layout_and_writable_conf_d(place: Lab) -> None:
    code, said = run(place, "beta", "/usr/sbin/httpd -t && /usr/sbin/httpd -V && readlink /etc/httpd/logs")
    assert code == 0
    assert '-D HTTPD_ROOT="/etc/httpd"' in said
    assert "/var/log/httpd" in said
    assert run(place, "beta", "cd /etc/httpd/conf.d && touch a && mv a b && rm b")[0] == 0
    assert run(place, "beta", ": >>/etc/httpd/conf.d/ssl.conf")[0] != 0
    assert run(place, "beta", "cat /etc/grid-security/hostkey.pem")[0] != 0


def test_a_failed_start_of_apache_shows_its_message_and_fails(place: Lab) -> None:
    bad = "/etc/httpd/conf.d/bad.conf"
    restart, _ = apache_commands(place)
    code, said = run(place, "beta", f"echo Nonsense >{bad}; sudo -n {restart}; c=$?; rm {bad}; exit $c")
    assert code == 1
    assert ("systemctl status httpd" if "systemctl" in restart else "Invalid command 'Nonsense'") in said
    assert run(place, "beta", f"sudo -n {restart}")[0] == 0


def test_shibboleth_redirects_visitor_to_identity_provider(place: Lab) -> None:
    head = answer(place, "alpha", "/secure")
    assert head.startswith("HTTP/1.1 302")
    assert "Location: https://idp.poms.example/sso?SAMLRequest=" in head


def test_identity_provider_has_no_capabilities_and_no_default_route(place: Lab) -> None:
    pid = str(record(place, "idp").pid)
    status = (processes.PROC / pid / "status").read_text()
    for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb"):
        assert f"Cap{kind}:\t0000000000000000\n" in status
    inside = ["nsenter", "--net", "--target", pid, "ip", "-json"]
    routes = json.loads(subprocess.run([*inside, "route"], capture_output=True, check=True).stdout)
    assert [route["dst"] for route in routes] == [record(place, "idp").address.rpartition(".")[0] + ".0/24"]
    assert subprocess.run([*inside, "-6", "route", "show", "default"], capture_output=True).stdout in (b"", b"[]\n")


def test_lab_explains_how_to_open_it_in_browser(place: Lab, tmp_path: Path) -> None:
    told = lab.by_hand(place)
    shown_to_browsers = [found for found in read_records(place) if found.name != "kdc"]
    assert "https://alpha.poms.example/poms" in told[0]
    for found in shown_to_browsers:
        assert f"    {found.address} {found.server_name}" in told
    assert told[-1] == f"Log in as jdoe or zoe or nora; the password of all is {place.password.read_text().strip()}"
    shown = tmp_path / "chromium"
    shown.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    shown.chmod(0o755)
    environment = os.environ | {"BROWSER": str(shown)}
    words = subprocess.run([place.browser], env=environment, capture_output=True, text=True, check=True).stdout
    for found in shown_to_browsers:
        assert f"MAP {found.server_name} {found.address}," in words
    assert words.endswith("\nhttps://alpha.poms.example/poms\n")


def test_the_account_can_make_namespaces_of_its_own(place: Lab) -> None:
    binds = "mount --bind /tmp /etc/httpd/conf.d && mount -t tmpfs none /run"
    inside = f"{binds} && /usr/sbin/ip link set lo up && ls /etc/httpd/conf.d"
    assert run(place, "alpha", f"unshare -Urmn --map-root-user sh -c '{inside}'")[0] == 0
    assert "shib.conf" in run(place, "alpha", "ls /etc/httpd/conf.d")[1]


# --- up, as often as one likes ------------------------------------------------------------------------------


def test_second_up_keeps_running_hosts_and_edited_inventory(place: Lab) -> None:
    before = [found.pid for found in read_records(place)]
    place.inventory.write_text(place.inventory.read_text() + "# edited\n")
    report = lab.up(["alpha", "beta"], say=QUIET, lab=place)
    assert report.started == []
    assert report.already_running == ["alpha", "beta", "idp", "kdc"]
    assert [found.pid for found in read_records(place)] == before
    assert place.inventory.read_text().endswith("# edited\n")


def test_dead_host_is_restarted_with_its_files_and_address(place: Lab) -> None:
    run(place, "beta", "echo kept >~/note")
    before = record(place, "beta")
    os.kill(before.pid, signal.SIGKILL)
    wait_for(lambda: not before.running)
    assert [host.running for host in lab.status(lab=place)] == [True, False, True, True]
    assert lab.up(["alpha", "beta"], say=QUIET, lab=place).started == ["beta"]
    assert record(place, "beta").address == before.address
    assert "kept" in run(place, "beta", "cat ~/note")[1]


def test_dead_identity_provider_is_restarted_with_same_certificate(place: Lab) -> None:
    before, known = record(place, "idp"), tls_certificate(place)
    os.kill(before.pid, signal.SIGKILL)
    wait_for(lambda: not before.running)
    assert lab.up(["alpha", "beta"], say=QUIET, lab=place).started == ["idp"]
    assert record(place, "idp").address == before.address
    assert tls_certificate(place) == known


def test_dead_kdc_is_restarted_and_host_keytabs_remain_valid(place: Lab, tmp_path: Path) -> None:
    before = record(place, "kdc")
    os.kill(before.pid, signal.SIGKILL)
    wait_for(lambda: not before.running)
    assert lab.up(["alpha", "beta"], say=QUIET, lab=place).started == ["kdc"]
    assert record(place, "kdc").address == before.address
    keytab = f"/proc/{record(place, 'alpha').pid}/root/etc/krb5.keytab"
    environment = os.environ | {"KRB5_CONFIG": str(place.krb5_conf), "KRB5CCNAME": f"FILE:{tmp_path}/tickets"}
    subprocess.run(["kinit", "-k", "-t", keytab, "host/alpha.poms.example"], env=environment, check=True)
    assert run(place, "alpha", "cat /etc/krb5.keytab")[0] == 1, "it is root's alone"


@pytest.mark.exhaustive
def test_hosts_of_one_lab_may_have_different_bases(tmp_path: Path) -> None:
    """A host keeps the base that it was made with, over a restart too; `down` takes the cgroup of systemd's away."""
    place = Lab(state=tmp_path / "state")
    try:
        lab.up(["alpha"], base="trixie-systemd", say=QUIET, lab=place)
        lab.up(["beta"], base="el8-like", say=QUIET, lab=place)
        assert {
            host.name: host.base for host in lab.status(say=QUIET, lab=place) if host.name not in ("idp", "kdc")
        } == {
            "alpha": "trixie-systemd",
            "beta": "el8-like",
        }
        code, said = run(place, "alpha", "systemctl is-active httpd sshd shibd cron; systemctl --failed --no-legend")
        assert (code, said.endswith("active\n" * 4)) == (0, True), said
        code, said = run(place, "beta", "command -v python python3 || /usr/libexec/platform-python -V")
        assert "Python 3.9" in said, said
        with pytest.raises(BadInput):
            lab.up(["alpha"], base="el8-like", say=QUIET, lab=place)
        killed = record(place, "alpha")
        os.kill(killed.pid, signal.SIGKILL)
        wait_for(lambda: not killed.running)
        assert lab.up(["alpha", "beta"], say=QUIET, lab=place).started == ["alpha"]
        assert record(place, "alpha").base == "trixie-systemd"
        assert any("cgroup" in trace for trace in traces(place))
    finally:
        lab.down(say=QUIET, lab=place)
    assert_nothing_left(place)


def test_a_base_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="bookworm, trixie-systemd"):
        lab.up(["good"], base="el7", say=QUIET, lab=Lab(state=tmp_path / "state"))
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("name", ["", "../x", "Alpha", "a b", "-a", "a" * 64, "a\n"])
def test_invalid_host_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput):
        lab.up(["good", name], say=QUIET, lab=Lab(state=tmp_path / "state"))
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("name", ["idp", "kdc"])
def test_host_named_like_service_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match=f"{name} is the name of a service that every lab has"):
        lab.up(["good", name], say=QUIET, lab=Lab(state=tmp_path / "state"))
    assert not (tmp_path / "state").exists()


def test_lab_uses_sudo_for_unprivileged_account(place: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "is_root", lambda: False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OperatorError, match="needs root, and there is no sudo here"):
        lab.status(say=QUIET, lab=place)
    sudo = tmp_path / "sudo"  # lets everybody in; these tests are root's already
    sudo.write_text(
        f'#!/bin/sh\nPATH={os.defpath}:/usr/sbin\n[ "$1" != -n ] || shift\nshift\nexec /usr/bin/env "$@"\n'
    )
    sudo.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.defpath}:/usr/sbin:/sbin")
    said: list[str] = []
    assert [host.name for host in lab.status(say=said.append, lab=place)] == ["alpha", "beta", "idp", "kdc"]
    assert lab.up(["beta", "alpha"], say=said.append, lab=place).already_running == ["beta", "alpha", "idp", "kdc"]
    with pytest.raises(BadInput):
        lab.up(["Beta"], say=said.append, lab=place)
    assert "sudo" in said[0]


# --- nothing left behind ------------------------------------------------------------------------------------


def test_down_leaves_nothing_on_the_machine(tmp_path: Path) -> None:
    place, keytab = Lab(state=tmp_path / "state"), Path("/etc/krb5.keytab")
    had_one = keytab.exists()
    lab.up(["alpha", "beta"], say=QUIET, lab=place)
    namespaces = {inode for found in read_records(place) for inode in namespaces_of(found.pid)}
    namespaces -= set(namespaces_of(os.getpid()))  # the provider has some of the machine's
    assert len(namespaces) == 3 * 5 + 2
    assert traces(place)
    ending = time.time()
    assert lab.down(say=QUIET, lab=place) == ["alpha", "beta", "idp", "kdc"]
    assert_nothing_left(place)
    assert not namespaces & namespaces_of_older(ending)
    assert keytab.exists() == had_one
    assert lab.down(say=QUIET, lab=place) == []


def test_down_stops_hosts_whose_state_was_deleted(tmp_path: Path) -> None:
    place = Lab(state=tmp_path / "state")
    lab.up(["alpha"], say=QUIET, lab=place)
    shutil.rmtree(place.state)
    lab.down(say=QUIET, lab=place)
    assert_nothing_left(place)


def recorded(count: int) -> Callable[[Lab], bool]:
    """So many hosts have a first process."""
    return lambda place: sum(found.pid != 0 for found in read_records(place)) >= count


KILLED_WHEN: dict[str, Callable[[Lab], bool]] = {
    "the first folder is made": lambda place: place.state.exists(),
    "the bridge is there": lambda place: Path("/sys/class/net", place.bridge).exists(),
    "a host has an address": lambda place: len(read_records(place)) > 0,
    "files are written": lambda place: any(place.hosts.glob("*/files")),
    "a host's first process waits": lambda place: any(place.hosts.glob("*/console.log")),
    "one host is started": recorded(1),
    "both are started": recorded(2),
    "the provider is started": recorded(3),
    "the KDC is started": recorded(4),
    "the inventory is written": lambda place: place.inventory.exists(),
}


@pytest.mark.parametrize("moment", KILLED_WHEN)
def test_down_cleans_up_killed_up(tmp_path: Path, moment: str) -> None:
    place = Lab(state=tmp_path / "state")
    kill_up(place, KILLED_WHEN[moment])
    lab.down(say=QUIET, lab=place)
    assert_nothing_left(place)


@pytest.mark.parametrize("moment", ["files are written", *exhaustive("a host has an address", "one host is started")])
def test_next_up_completes_killed_up(tmp_path: Path, moment: str) -> None:
    place = Lab(state=tmp_path / "state")
    kill_up(place, KILLED_WHEN[moment])
    try:
        report = lab.up(["alpha", "beta"], say=QUIET, lab=place)
        assert sorted(report.started + report.already_running) == ["alpha", "beta", "idp", "kdc"]
        assert all(run(place, name, "true")[0] == 0 for name in ("alpha", "beta"))
    finally:
        lab.down(say=QUIET, lab=place)
    assert_nothing_left(place)


@pytest.mark.exhaustive
def test_killed_root_file_system_build_starts_over(tmp_path: Path) -> None:
    place = Lab(state=tmp_path / "state", cache=tmp_path / "cache")
    unpacked = "*.partial/root/usr/bin"
    kill_up(place, lambda place: any(place.cache.glob(unpacked)))
    wait_for(lambda: not traces(place))
    left = next(place.cache.glob("*.partial")) / "left"
    left.touch()
    kill_up(place, lambda place: not left.exists() and any(place.cache.glob("*.partial")))
    wait_for(lambda: not traces(place))
    assert not any(path.is_dir() and "partial" not in path.name for path in place.cache.iterdir())


def kill_up(place: Lab, moment: Callable[[Lab], bool]) -> None:
    """Start `up` of two hosts in a process of its own and kill it, with -9, as soon as `moment` has come."""
    if place.cache == Lab().cache:
        ensure_base(place, BASES[DEFAULT], QUIET)
    command = [sys.executable, "-m", "lab", "up", "alpha", "beta"]
    command += ["--state", str(place.state), "--cache", str(place.cache)]
    up = subprocess.Popen(command, cwd=HERE.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: moment(place) or up.poll() is not None, every=0.001)
    finally:
        up.kill()
        up.wait()


def assert_nothing_left(place: Lab) -> None:
    wait_for(lambda: not traces(place))  # a host that waits for the word of a killed `up` ends by itself
    assert not place.state.exists()


def traces(place: Lab) -> list[str]:
    """All that shows a lab on the machine: interfaces, mounts, and processes by their arguments or open files."""
    links = json.loads(subprocess.run(["ip", "-json", "link"], capture_output=True, check=True).stdout)
    found = [f"interface {link['ifname']}" for link in links if link["ifname"].startswith(place.bridge)]
    marks = [str(place.state)] + ([str(place.cache)] if place.cache != Lab().cache else [])
    mounts = Path("/proc/mounts").read_text().splitlines()
    found += [f"mount {mount}" for mount in mounts if any(mark in mount for mark in marks)]
    for process in processes.PROC.iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            seen = [(process / "cmdline").read_text(errors="replace")]
            seen += [str(descriptor.readlink()) for descriptor in (process / "fd").iterdir()]
        except OSError:
            continue
        if any(mark in text for mark in marks for text in seen):
            found.append(f"process {process.name}: {seen[0]}")
    return found + [f"cgroup {path}" for path in Path("/sys/fs/cgroup").rglob(f"{place.bridge}-*")]


def namespaces_of(pid: int) -> tuple[str, ...]:
    kinds = ("mnt", "net", "pid", "uts", "ipc")
    return tuple(str((processes.PROC / str(pid) / "ns" / kind).readlink()) for kind in kinds)


def namespaces_of_older(moment: float) -> set[str]:
    """Every namespace that some process which is older lives in: the kernel gives the numbers to new ones, too."""
    found = set()
    for process in processes.PROC.iterdir():
        if process.name.isdigit():
            try:
                ticks = processes.start_ticks(int(process.name))
                if ticks is not None and processes.started_at(ticks) < moment:
                    found |= set(namespaces_of(int(process.name)))
            except OSError:
                continue
    return found


def wait_for(condition: Callable[[], bool], *, every: float = 0.02) -> None:
    end = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(every)
