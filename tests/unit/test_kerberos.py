"""Whether a login uses Kerberos, and for which name: the inventory's word and ssh_config's."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ops.deploy.releases import new_release
from ops.ssh.kerberos import Initiator, KerberosOptions, Refused, kerberos_options
from ops.ssh.login import route_to
from ops.ssh.operator_identity import local_user
from tests.unit.hosts import host, settings

SSH_CONFIG = """
Host behind
  ProxyJump jump
Host tickets jump
  GSSAPIAuthentication yes
  GSSAPIDelegateCredentials yes
Host named
  GSSAPIAuthentication YES
  GSSAPIServerIdentity its.own.name
  GSSAPIClientIdentity jdoe/root@REALM
  GSSAPITrustDns yes
Host alias
  HostName the.name
  GSSAPIAuthentication yes
  GSSAPITrustDns yes
"""


class ExpiredContextError(Exception):
    """As gssapi has it, which `make unit` does without."""

    maj_code, min_code = 786432, 100001

    def get_all_statuses(self, _code: int, _major: bool) -> list[str]:
        return ["The referenced context has expired"]


class Expired:
    """A security context whose ticket ends just now."""

    @property
    def initiator_name(self) -> str:
        raise ExpiredContextError

    def get_signature(self, _content: bytes) -> bytes:
        raise ExpiredContextError


def test_kerberos_ticket_expiring_during_login_is_reported_as_expired() -> None:
    initiator = Initiator.__new__(Initiator)
    initiator.target, initiator._context, initiator._error = "web1", Expired(), ExpiredContextError
    with pytest.raises(Refused, match="your Kerberos ticket has expired"):
        _ = initiator.principal
    with pytest.raises(Refused, match="your Kerberos ticket has expired"):
        initiator.sign(b"")


def wishes(tmp_path: Path, name: str, **ssh: Any) -> list[KerberosOptions | None]:
    """Of every hop on the way to the host."""
    config = settings(tmp_path / "ssh_config", SSH_CONFIG)
    one = host(name=name, ssh=ssh)
    return [kerberos_options(hop.connection, None if hop.jump else one.ssh) for hop in route_to(one, config)]


@pytest.mark.parametrize(
    ("name", "ssh", "wish"),
    [
        ("plain", {}, None),
        ("plain", {"kerberos_host": "web1.site"}, None),
        ("plain", {"kerberos": True}, KerberosOptions("plain")),
        ("plain", {"kerberos": True, "kerberos_host": "web1.site"}, KerberosOptions("web1.site")),
        ("tickets", {}, KerberosOptions("tickets", delegate=True)),
        ("tickets", {"kerberos": False}, None),
        ("named", {"kerberos_host": "web1.site"}, KerberosOptions("its.own.name", "jdoe/root@REALM")),
        ("alias", {}, KerberosOptions("the.name", ask_dns=True)),
    ],
)
def test_inventory_kerberos_options_override_ssh_config(
    tmp_path: Path, name: str, ssh: dict[str, Any], wish: KerberosOptions | None
) -> None:
    assert wishes(tmp_path, name, **ssh) == [wish]


def test_jump_host_uses_kerberos_options_of_ssh_config_only(tmp_path: Path) -> None:
    jump, last = wishes(tmp_path, "behind", kerberos=True, kerberos_host="web1.site")
    assert (jump, last) == (KerberosOptions("jump", delegate=True), KerberosOptions("web1.site"))
    assert wishes(tmp_path, "behind", kerberos=False) == [KerberosOptions("jump", delegate=True), None]


def test_kerberos_resolves_host_name_by_dns_only_if_enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(name: str) -> tuple[str, list[str], list[str]]:
        if name == "unknown":
            raise OSError
        return f"real-{name}", [], []

    monkeypatch.setattr(socket, "gethostbyaddr", look_up)
    targets = [
        KerberosOptions("alias").target,
        KerberosOptions("alias", ask_dns=True).target,
        KerberosOptions("unknown", ask_dns=True).target,
    ]
    assert targets == ["alias", "real-alias", "unknown"]


def test_lock_owner_names_principal_and_machine() -> None:
    assert new_release("principal jdoe@REALM").lock_owner == f"principal jdoe@REALM ({local_user()})"


def test_login_without_kerberos_does_not_import_its_library() -> None:
    code = "import sys, ops.ssh.session; sys.exit('gssapi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
