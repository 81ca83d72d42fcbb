"""What SELinux lets Apache do, asked of stand-ins."""

import os
from pathlib import Path

import pytest

from ops.agent import selinux, selinux_kernel, selinux_labels
from ops.agent.doctor_messages import SelinuxAccess
from ops.agent.host_processes import Process
from tests.agent.selinux_host import CONNECT, MODULE, RELAY, SelinuxHost, label


class Host(SelinuxHost):
    """The same, asked here."""

    def found(self, listen: str, *ports: int) -> dict[str, SelinuxAccess]:
        """What is found, by its kind; one of each."""
        self.write_labels()
        found = list(selinux.accesses([listen] if listen else [], ports, 0))
        assert len({one.kind for one in found}) == len(found)
        return {one.kind: one for one in found}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path)
    made.provision()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setattr(selinux_labels, "apache_parent", lambda: 11)
    app = made.root / "app"
    uwsgi = Process(12, "uwsgi", ["S", *["0"] * 19])
    monkeypatch.setattr(selinux_labels, "processes", lambda: [uwsgi] if app.exists() else [])
    monkeypatch.setattr(selinux_labels, "is_own", lambda _: True)
    return made


@pytest.fixture
def sock(host: Host) -> str:
    """A socket in a folder of its own, with the label that it has in a home."""
    path = host.root / "home/run/app.sock"
    path.parent.mkdir()
    os.mkfifo(path)
    host.labels[str(path)] = label("user_home_t")
    return str(path)


def test_socket_in_home_is_denied_twice_despite_booleans(host: Host, sock: str) -> None:
    host.allow(CONNECT, RELAY)
    found = host.found(sock)
    file, peer = found["socket-file"], found["socket-peer"]
    assert (file.verdict, file.source, file.target, file.how) == ("denied", "httpd_t", "user_home_t", "found")
    assert (peer.verdict, peer.target, peer.how) == ("denied", "unconfined_t", "found")
    assert (file.subject, peer.subject) == (sock, sock)


def test_socket_is_allowed_after_advised_root_commands(host: Host, sock: str) -> None:
    host.allow(MODULE)
    host.labels[sock] = label("httpd_var_run_t")
    found = host.found(sock)
    assert {one.verdict for one in found.values()} == {"allowed"}


def test_missing_socket_is_checked_with_type_of_its_directory(host: Host) -> None:
    (host.root / "app").unlink()
    host.labels[str(host.root / "home")] = label("user_home_dir_t")
    found = host.found(f"{host.root}/home/run/app.sock")
    file, peer = found["socket-file"], found["socket-peer"]
    assert (file.verdict, file.target, file.how) == ("denied", "user_home_t", "expected")
    assert (peer.verdict, peer.target, peer.how) == ("denied", "unconfined_t", "expected")


@pytest.mark.parametrize(
    ("more", "verdict", "how"),
    [
        (set(), "denied", "expected"),
        (CONNECT, "allowed", "expected"),
        (RELAY, "unknown", "port-type"),  # root may have given the port Apache's type
    ],
)
def test_app_port_verdict_follows_booleans(host: Host, more: set[str], verdict: str, how: str) -> None:
    host.allow(more)
    found = host.found("127.0.0.1:8888")["app-port"]
    assert (found.verdict, found.target, found.how) == (verdict, "unreserved_port_t", how)


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        ("sepolicy", 'echo "8888: tcp unreserved_port_t 1024-32767"; echo "8888: tcp http_port_t 8888"'),
        ("seinfo", 'echo "   portcon tcp 8888 $T:http_port_t:s0"; echo "   portcon tcp 1024-32767 $T:x_port_t:s0"'),
    ],
)
def test_port_type_is_read_from_policy_by_available_tool(host: Host, tool: str, text: str) -> None:
    host.tool(tool, f"#!/bin/sh\nT=system_u:object_r\n{text}\n")
    host.allow(RELAY)
    found = host.found("127.0.0.1:8888")["app-port"]
    assert (found.verdict, found.target, found.how) == ("allowed", "http_port_t", "found")
    host.allow()
    assert host.found("127.0.0.1:8888")["app-port"].verdict == "denied"


def test_port_outside_apache_ports_is_unknown_without_policy_tool(host: Host) -> None:
    assert host.found("127.0.0.1:8888", 8443)["listen-port"].verdict == "allowed"
    found = host.found("127.0.0.1:8888", 10443)["listen-port"]
    assert (found.verdict, found.target, found.how) == ("unknown", "unreserved_port_t", "port-type")
    host.tool("sepolicy", '#!/bin/sh\necho "$3: tcp unreserved_port_t 1024-32767"\n')
    found = host.found("127.0.0.1:8888", 10443)["listen-port"]
    assert (found.verdict, found.how) == ("denied", "found")


def test_verdict_is_unknown_without_selinux_tool(host: Host, sock: str) -> None:
    (host.root / "bin/selinux_check_access").unlink()
    found = host.found(sock, 443)
    assert {(one.verdict, one.how) for one in found.values()} == {("unknown", "no-tool")}


@pytest.mark.parametrize("mode", ["Disabled", ""])
def test_nothing_is_reported_if_selinux_is_disabled(host: Host, mode: str) -> None:
    (host.root / "mode").write_text(mode)
    if not mode:
        (host.root / "bin/getenforce").unlink()
    assert host.found("127.0.0.1:8888", 443) == {}


def test_permissive_kernel_is_queried_for_real_decision(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """STAND-IN for the kernel's file: what is read there was written before. 400 allows the 11th permission alone."""
    (host.root / "mode").write_text("Permissive\n")
    kernel = host.root / "kernel"
    for name, text in (("index", "6"), ("perms/name_connect", "2"), ("perms/name_bind", "11")):
        path = kernel / "class/tcp_socket" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    os.mkfifo(kernel / "access")
    monkeypatch.setattr(selinux_kernel, "FOLDER", str(kernel))
    held = os.open(kernel / "access", os.O_RDWR | os.O_NONBLOCK)
    try:
        os.write(held, b"400 ffffffff 0 ffffffff 1 0".ljust(selinux_kernel.ANSWER) * 3)
        found = host.found("127.0.0.1:8888", 443)
        asked = os.read(held, 4096).decode()
    finally:
        os.close(held)
    assert {kind: (one.mode, one.verdict) for kind, one in found.items()} == {
        "app-port": ("Permissive", "denied"),
        "listen-port": ("Permissive", "allowed"),
    }
    assert asked.startswith(f"system_u:system_r:httpd_t:s0 {label('unreserved_port_t')} 6")
