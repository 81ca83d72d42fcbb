"""A deploy where SELinux denies Apache something, by stand-ins for its tools."""

import os
from pathlib import Path

import pytest

from ops.deploy.selinux import parse
from tests.scripts.remote import SHELLS, Ran, digest, run
from tests.scripts.selinux_host import MODULE, SelinuxHost, label

OLD, NEW = b"# old\n", b"# new\n"


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Host(SelinuxHost):
    """The same, for a deploy."""

    def deploy(self, shell: str, listen: str, *more: str) -> Ran:
        """Deploy a file of Apache's."""
        self.write_labels()
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
