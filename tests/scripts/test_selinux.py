"""What SELinux lets Apache do, asked of STAND-INS that answer from EL9's policy: no host here has SELinux."""

import os
from pathlib import Path

import pytest

from ops.deploy.selinux import Access, parse
from ops.scripts import script
from tests.scripts import remote
from tests.scripts.remote import SHELLS, FakeHost, Ran, digest, executable, run

OLD, NEW = b"# old\n", b"# new\n"
# What EL9's targeted policy allows whatever the booleans are, and what is behind each boolean or command of root's.
ALWAYS = {"httpd_t http_port_t tcp_socket name_bind", "httpd_t httpd_var_run_t sock_file write"}
CONNECT = {f"httpd_t {port}_port_t tcp_socket name_connect" for port in ("http", "unreserved", "websm")}
RELAY = {"httpd_t http_port_t tcp_socket name_connect"}
MODULE = {"httpd_t unconfined_t unix_stream_socket connectto"}

# STAND-IN for the tool of libselinux-utils: the kernel's answer is a line of the table. A permissive one grants all.
CHECKS = """#!/bin/sh
type() { of=${1#*:*:}; echo "${of%%:*}"; }
[ "$(cat @ROOT@/mode)" = Enforcing ] || exit 0
grep -qxF "$(type "$1") $(type "$2") $3 $4" @ROOT@/table && exit 0
echo "selinux_check_access: Permission denied" >&2
exit 255
"""
# STAND-INS for the tools that show labels: one for each path and process, by "WHAT LABEL" in a file.
LABELS = """#!/bin/sh
[ "$1 $2" = "@OPTIONS@" ] || PATH=/usr/bin:/bin exec @TOOL@ "$@"
awk -v what="$3" '$1 == what { print $2; found = 1 } END { exit !found }' @ROOT@/labels
"""
PROCESS = """#!/bin/sh
[ "$1 $2 $3" = "-o label= -p" ] || exit 1
awk -v what="$4" -v other=unconfined_u:unconfined_r:unconfined_t:s0 '
    $1 == what { print $2; found = 1 }
    END { if (!found) print other }' @ROOT@/labels
"""
PGREP = '#!/bin/sh\ncase $* in *httpd*) echo 11 ;; *uwsgi*) [ -e "@ROOT@/app" ] && echo 12 ;; esac\n'


def label(kind: str) -> str:
    return f"system_u:object_r:{kind}:s0"


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Host(FakeHost):
    """A fake host with SELinux's stand-ins."""

    def provision(self) -> None:
        """Its tools, an Apache that runs as process 11 and an app as process 12."""
        (self.root / "bin").mkdir()
        (self.root / "etc/conf.d").mkdir(parents=True)
        self.tool("getenforce", "#!/bin/sh\ncat @ROOT@/mode\n")
        self.tool("selinux_check_access", CHECKS)
        self.tool("stat", LABELS.replace("@OPTIONS@", "-c %C").replace("@TOOL@", "stat"))
        self.tool("ps", PROCESS)
        self.tool("pgrep", PGREP)
        self.tool("unshare", "#!/bin/sh\nexit 1\n")
        (self.root / "app").touch()
        (self.root / "mode").write_text("Enforcing\n")
        self.labels = {"11": "system_u:system_r:httpd_t:s0"}
        self.allow()

    def tool(self, name: str, text: str) -> None:
        executable(self.root / "bin" / name, text.replace("@ROOT@", str(self.root)))

    def allow(self, *more: set[str]) -> None:
        """The policy, with what root has changed in it."""
        (self.root / "table").write_text("".join(f"{line}\n" for line in ALWAYS.union(*more)))

    def _write_labels(self) -> None:
        (self.root / "labels").write_text("".join(f"{what} {text}\n" for what, text in self.labels.items()))

    def doctor(self, shell: str, listen: str, *ports: int) -> dict[str, Access]:
        """What doctor finds, by its kind; one of each."""
        self._write_labels()
        asked = [f"state_dir {self.root}/state", "supervisord_conf /nowhere", f"supervisor_socket {self.root}/s.sock"]
        asked += ["activate :", f"app_listen {listen}", *(f"listens {port}" for port in ports), "end"]
        ran = run(shell, "doctor", asked, str(self.root / "bin"))
        assert ran.facts[-1] == "end", ran
        found = [parse(fact.removeprefix("selinux ")) for fact in ran.values("fact") if fact.startswith("selinux ")]
        assert len({one.kind for one in found}) == len(found)
        return {one.kind: one for one in found}

    def deploy(self, shell: str, listen: str, *more: str) -> Ran:
        """Deploy a file of Apache's."""
        self._write_labels()
        self.conf.write_bytes(OLD)
        request = self.request((self.conf, NEW, digest(OLD)))[:-1]
        request += [f"app listen {listen}", *more, "end", "commit"]
        return run(shell, "transaction", request, path=str(self.root / "bin"))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path)
    made.provision()
    return made


@pytest.fixture
def sock(host: Host) -> str:
    """A socket in a folder of its own, with the label that it has in a home."""
    path = host.root / "home/run/app.sock"
    path.parent.mkdir()
    os.mkfifo(path)
    host.labels[str(path)] = label("user_home_t")
    return str(path)


def test_socket_in_home_is_denied_twice_despite_booleans(shell: str, host: Host, sock: str) -> None:
    host.allow(CONNECT, RELAY)
    found = host.doctor(shell, sock)
    file, peer = found["socket-file"], found["socket-peer"]
    assert (file.verdict, file.source, file.target, file.how) == ("denied", "httpd_t", "user_home_t", "found")
    assert (peer.verdict, peer.target, peer.how) == ("denied", "unconfined_t", "found")
    assert (file.subject, peer.subject) == (sock, sock)


def test_socket_is_allowed_after_advised_root_commands(shell: str, host: Host, sock: str) -> None:
    host.allow(MODULE)
    host.labels[sock] = label("httpd_var_run_t")
    found = host.doctor(shell, sock)
    assert {one.verdict for one in found.values()} == {"allowed"}


def test_missing_socket_is_checked_with_type_of_its_directory(shell: str, host: Host) -> None:
    (host.root / "app").unlink()
    host.labels[str(host.root / "home")] = label("user_home_dir_t")
    found = host.doctor(shell, f"{host.root}/home/run/app.sock")
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
def test_app_port_verdict_follows_booleans(shell: str, host: Host, more: set[str], verdict: str, how: str) -> None:
    host.allow(more)
    found = host.doctor(shell, "127.0.0.1:8888")["app-port"]
    assert (found.verdict, found.target, found.how) == (verdict, "unreserved_port_t", how)


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        ("sepolicy", 'echo "8888: tcp unreserved_port_t 1024-32767"; echo "8888: tcp http_port_t 8888"'),
        ("seinfo", 'echo "   portcon tcp 8888 $T:http_port_t:s0"; echo "   portcon tcp 1024-32767 $T:x_port_t:s0"'),
    ],
)
def test_port_type_is_read_from_policy_by_available_tool(shell: str, host: Host, tool: str, text: str) -> None:
    host.tool(tool, f"#!/bin/sh\nT=system_u:object_r\n{text}\n")
    host.allow(RELAY)
    found = host.doctor(shell, "127.0.0.1:8888")["app-port"]
    assert (found.verdict, found.target, found.how) == ("allowed", "http_port_t", "found")
    host.allow()
    assert host.doctor(shell, "127.0.0.1:8888")["app-port"].verdict == "denied"


def test_port_outside_apache_ports_is_unknown_without_policy_tool(shell: str, host: Host) -> None:
    assert host.doctor(shell, "127.0.0.1:8888", 8443)["listen-port"].verdict == "allowed"
    found = host.doctor(shell, "127.0.0.1:8888", 10443)["listen-port"]
    assert (found.verdict, found.target, found.how) == ("unknown", "unreserved_port_t", "port-type")
    host.tool("sepolicy", '#!/bin/sh\necho "$3: tcp unreserved_port_t 1024-32767"\n')
    found = host.doctor(shell, "127.0.0.1:8888", 10443)["listen-port"]
    assert (found.verdict, found.how) == ("denied", "found")


def test_verdict_is_unknown_without_selinux_tool(shell: str, host: Host, sock: str) -> None:
    (host.root / "bin/selinux_check_access").unlink()
    found = host.doctor(shell, sock, 443)
    assert {(one.verdict, one.how) for one in found.values()} == {("unknown", "no-tool")}


@pytest.mark.parametrize("mode", ["Disabled", ""])
def test_nothing_is_reported_if_selinux_is_disabled(shell: str, host: Host, mode: str) -> None:
    (host.root / "mode").write_text(mode)
    if not mode:
        (host.root / "bin/getenforce").unlink()
    assert host.doctor(shell, "127.0.0.1:8888", 443) == {}


def test_permissive_kernel_is_queried_for_real_decision(
    shell: str, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """STAND-IN for the kernel's file: what is read there was written before. 400 allows the 11th permission alone."""
    (host.root / "mode").write_text("Permissive\n")
    kernel = host.root / "kernel"
    for name, text in (("index", "6"), ("perms/name_connect", "2"), ("perms/name_bind", "11")):
        path = kernel / "class/tcp_socket" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    os.mkfifo(kernel / "access")
    text = script("doctor")
    assert "=/sys/fs/selinux\n" in text
    monkeypatch.setattr(remote, "script", lambda _: text.replace("=/sys/fs/selinux\n", f"={kernel}\n"))
    held = os.open(kernel / "access", os.O_RDWR | os.O_NONBLOCK)
    try:
        os.write(held, b"400 ffffffff 0 ffffffff 1 0\n" * 3)
        found = host.doctor(shell, "127.0.0.1:8888", 443)
        asked = os.read(held, 4096).decode()
    finally:
        os.close(held)
    assert {kind: (one.mode, one.verdict) for kind, one in found.items()} == {
        "app-port": ("Permissive", "denied"),
        "listen-port": ("Permissive", "allowed"),
    }
    assert asked.startswith(f"system_u:system_r:httpd_t:s0 {label('unreserved_port_t')} 6")


# ---- a deploy ----------------------------------------------------------------------------------------------------


def test_deploy_to_address_denied_to_apache_changes_nothing(shell: str, host: Host, sock: str) -> None:
    ran = host.deploy(shell, sock, "minimum none")
    assert (ran.values("failed"), ran.values("ended")) == (["prove"], ["unchanged"]), ran
    denied = [parse(line) for line in ran.values("selinux")]
    assert [(one.kind, one.verdict) for one in denied] == [("socket-file", "denied"), ("socket-peer", "denied")]
    assert host.conf.read_bytes() == OLD


def test_allowed_socket_is_deployed_without_message(shell: str, host: Host, sock: str) -> None:
    host.allow(MODULE)
    host.labels[sock] = label("httpd_var_run_t")
    ran = host.deploy(shell, sock, "minimum none")
    assert ran.values("ended") == ["committed"], ran
    assert (ran.values("selinux"), [text for text in ran.values("unvalidated") if "SELinux" in text]) == ([], [])


def test_earlier_denial_does_not_block_deploy(shell: str, host: Host) -> None:
    (host.root / "etc/conf.d/ssl.conf").write_text("ProxyPass uwsgi://127.0.0.1:8888\n")
    ran = host.deploy(shell, "127.0.0.1:8888", "minimum none")
    assert ran.values("ended") == ["committed"], ran
    assert [parse(line).verdict for line in ran.values("selinux")] == ["denied-already"]


@pytest.mark.parametrize("words", [(), ("minimum none", "waived yes")])
def test_rollback_and_unvalidated_deploy_report_selinux_denial(
    shell: str, host: Host, words: tuple[str, ...]
) -> None:
    ran = host.deploy(shell, "127.0.0.1:8888", *words)
    assert ran.values("ended") == ["committed"], ran
    assert [text for text in ran.values("unvalidated") if "SELinux denies" in text], ran


def test_unknown_verdict_is_reported_as_unvalidated(shell: str, host: Host, sock: str) -> None:
    (host.root / "bin/selinux_check_access").unlink()
    ran = host.deploy(shell, sock, "minimum none")
    assert ran.values("ended") == ["committed"], ran
    told = [text for text in ran.values("unvalidated") if "SELinux" in text]
    assert len([text for text in told if sock in text and "no-tool" in text]) == 2, ran


def test_permissive_selinux_does_not_block_deploy(shell: str, host: Host) -> None:
    (host.root / "mode").write_text("Permissive\n")
    assert host.deploy(shell, "127.0.0.1:8888", "minimum none").values("ended") == ["committed"]
