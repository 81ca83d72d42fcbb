"""What is said of SELinux's answers, and what root is told to run."""

import msgspec
import pytest

from ops.agent.doctor_messages import SelinuxAccess
from ops.agent.transaction_messages import ChangeEnded, ChangeFailed, StepBegun
from ops.deploy.selinux import Access, read
from ops.deploy.transcript import Transcript, failed
from ops.errors import HostError
from tests.unit.hosts import host

SOCKET = "/home/poms/private/run/app.sock"


def told(kind: str, target: str, subject: str, verdict: str = "denied", how: str = "found") -> SelinuxAccess:
    return SelinuxAccess(
        mode="Enforcing", verdict=verdict, kind=kind, source="httpd_t", target=target, how=how, subject=subject
    )


def answer(kind: str, target: str, subject: str, verdict: str = "denied", how: str = "found") -> Access:
    return read(told(kind, target, subject, verdict, how))


FILE = told("socket-file", "user_home_t", SOCKET)
PEER = told("socket-peer", "unconfined_t", SOCKET)


@pytest.mark.parametrize(
    ("found", "commands"),
    [
        (
            read(FILE),
            [
                "semanage fcontext -a -t httpd_var_run_t '/home/poms/private/run(/.*)?'",
                "restorecon -R -i /home/poms/private/run",
            ],
        ),
        (
            read(PEER),
            [
                "'allow httpd_t unconfined_t:unix_stream_socket connectto;' >poms_httpd_t_unconfined_t.te",
                "checkmodule -M -m -o poms_httpd_t_unconfined_t.mod poms_httpd_t_unconfined_t.te",
                "semodule_package -o poms_httpd_t_unconfined_t.pp -m poms_httpd_t_unconfined_t.mod",
                "semodule -i poms_httpd_t_unconfined_t.pp",
            ],
        ),
        (
            answer("app-port", "unreserved_port_t", "127.0.0.1:8888"),
            [
                "semanage port -a -t http_port_t -p tcp 8888 && setsebool -P httpd_can_network_relay on",
                "setsebool -P httpd_can_network_connect on",
            ],
        ),
        (answer("app-port", "websm_port_t", "127.0.0.1:9090"), ["semanage port -m -t http_port_t -p tcp 9090"]),
        (answer("listen-port", "unreserved_port_t", "10443"), ["semanage port -a -t http_port_t -p tcp 10443"]),
    ],
)
def test_selinux_advice_lists_exact_root_commands(found: Access, commands: list[str]) -> None:
    assert [command for command in commands if command not in found.to_do()] == [], found.to_do()


def test_selinux_advice_omits_irrelevant_boolean() -> None:
    assert "setsebool" not in read(FILE).to_do() + read(PEER).to_do()
    assert "network_connect" not in answer("listen-port", "unreserved_port_t", "10443").to_do()


def test_a_port_of_apaches_own_type_needs_no_other_type() -> None:
    advice = answer("app-port", "http_port_t", "127.0.0.1:9000").to_do()
    assert ("semanage" in advice, "httpd_can_network_relay" in advice) == (False, True)


@pytest.mark.parametrize("path", ["/tmp/app.sock", "/home/poms/app.sock", "/run/app.sock"])
def test_selinux_advice_never_relabels_shared_folder(path: str) -> None:
    assert "semanage" not in answer("socket-file", "user_home_t", path).to_do()


def test_selinux_module_name_is_valid_for_compiler() -> None:
    """Which takes a letter, then letters, digits and _ (and dots, which are left out)."""
    assert "poms_httpd_t_init_x_t.te" in answer("socket-peer", "init-x_t", "/x/y/z/s").to_do()


def test_a_denial_stops_the_deploy_with_the_commands() -> None:
    transcript = Transcript(host(), lambda _: None)
    for message in (StepBegun(step="prove"), FILE, PEER, ChangeFailed(step="prove"), ChangeEnded(how="unchanged")):
        transcript.read(message)
    error = failed(transcript, "", interrupted=False)
    assert isinstance(error, HostError)
    assert (error.outcome, error.left) == ("SELinux denies it", "nothing was modified")
    for command in ("semanage fcontext", "semodule -i"):
        assert command in error.next_step


@pytest.mark.parametrize("verdict", ["denied-already", "unknown"])
def test_what_stops_no_deploy_is_not_named_as_what_failed(verdict: str) -> None:
    transcript = Transcript(host(), lambda _: None)
    wrong = ChangeFailed(step="prove", evidence="Syntax error")
    for message in (msgspec.structs.replace(FILE, verdict=verdict), wrong, ChangeEnded(how="unchanged")):
        transcript.read(message)
    assert "Syntax error" in str(failed(transcript, "", interrupted=False))


def test_an_odd_answer_is_refused() -> None:
    for kind, verdict in (("socket-file", "maybe"), ("x", "denied")):
        with pytest.raises(ValueError, match=r"."):
            read(told(kind, "a", "b", verdict))
