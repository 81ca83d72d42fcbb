"""What starts supervisord at a boot, and our line in the crontab: stand-ins for systemd's tools."""

from pathlib import Path

import pytest

from ops.agent import boot as agent_boot
from ops.agent import crontab
from ops.agent.apache_messages import LockRefused
from ops.agent.boot_messages import BootChanged, BootRequest
from ops.agent.messages import Message
from ops.services import boot, supervisord_survival
from ops.services.supervisord_survival import Survival, Unit
from ops.ssh.agent_answers import Answer
from tests.agent.held_lock import OWNER, held
from tests.agent.machine import CONF, ME, YES, Machine, in_session
from tests.unit.hosts import host


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return in_session(tmp_path, monkeypatch)


def answered(machine: Machine, **fields: str) -> list[Message]:
    machine.write()
    asked = {"conf": CONF, "unit": boot.UNIT, "state_dir": f"{machine.root}/state", "owner": "jdoe, x"} | fields
    return [*agent_boot.answer(BootRequest(**asked))]


def look(machine: Machine) -> boot.Found:
    return boot.read(host(), Answer("web1", answered(machine), "3"))


def change(machine: Machine, action: str, **fields: str) -> str:
    """The problem of a change; "" if it was done."""
    (found,) = answered(machine, action=action, **fields)
    assert isinstance(found, BootChanged)
    return found.problem


@pytest.mark.parametrize(
    "shown",
    [
        {"ExecStart": "{ path=/x ; argv[]=supervisord -n -c /etc/supervisor/supervisord.conf ; }"},
        {"ExecStart": "{ path=/x ; argv[]=supervisord -n ; }", "User": "other"},
        {"ExecStart": "{ path=/x ; argv[]=supervisord -n ; }", "User": f"{ME}2"},
    ],
)
def test_unit_of_other_supervisord_is_ignored(machine: Machine, shown: dict[str, str]) -> None:
    machine.unit("system", "enabled", "active", **shown)
    assert look(machine).survival.units == ()


def test_units_and_crontab_that_start_supervisord_are_told(machine: Machine) -> None:
    machine.unit("user", "enabled", "inactive")
    machine.unit("system", "disabled", "inactive", "web.service")
    machine.crontab = f"@reboot supervisord -c {CONF}\n"
    found = look(machine)
    assert found.survival == Survival(
        kills="no",
        linger="no",
        cron="yes",
        crontab="yes",
        cron_sessions="no",
        units=(
            Unit("system", "disabled", "inactive", "always", "web.service"),
            Unit("user", "enabled", "inactive", "always", "poms.service"),
        ),
    )
    assert (found.boot, found.lines) == (supervisord_survival.CRONTAB, 1)


def test_host_without_systemd_relies_on_cron_only(machine: Machine) -> None:
    machine.unit("system", "enabled", "active")
    machine.kills = YES
    (machine.root / "run/systemd/system").rmdir()
    found = look(machine)
    assert (found.survival.kills, found.survival.linger, found.survival.units) == ("no", "no", ())
    assert not found.manager


@pytest.mark.parametrize("crontab", ["@reboot supervisord -c /home/poms/other.conf\n", "#@reboot supervisord\n", ""])
def test_crontab_line_of_other_supervisord_is_ignored(machine: Machine, crontab: str) -> None:
    machine.crontab = crontab
    assert look(machine).survival.crontab == "no"


def test_unreadable_crontab_is_unknown_and_left(machine: Machine) -> None:
    machine.tool("crontab", "echo 'You are not allowed to use this program' >&2; exit 1")
    assert look(machine).survival.crontab == "unknown"
    assert "not allowed" in change(machine, "add-line", line="@reboot x")


@pytest.mark.parametrize(
    "before", ["", "# mine\n0 3 * * * job 'a' \"b\" \\% $HOME `x`\n", "0 3 * * * no end of line"]
)
def test_other_crontab_lines_are_preserved(machine: Machine, before: str) -> None:
    machine.crontab = before
    text = "@reboot /bin/bash -c 'a \"b\" \\\\n $x && c'"
    for _ in range(2):
        assert change(machine, "add-line", line=text) == ""
        machine.crontab = ""
    table = (machine.root / "table").read_text()
    whole = before if not before or before.endswith("\n") else before + "\n"
    assert table.startswith(whole)
    assert table.splitlines()[-1] == text
    assert table.count("@reboot") == 1
    assert look(machine).own == text
    assert change(machine, "remove-line") == ""
    if before:
        assert (machine.root / "table").read_text() == whole
    else:
        assert not (machine.root / "table").exists()


@pytest.mark.parametrize(
    "before",
    [b"# a \x0c b\x0b c\r d\n", "# a\u2028b\u0085c\n".encode(), b"# \xe4\n", b"# %0100d\n" % 0 * 20_000],
    ids=["controls", "unicode", "latin-1", "long"],
)
def test_odd_crontab_is_preserved_byte_for_byte(machine: Machine, before: bytes) -> None:
    """Only a line feed ends a line, and it may be longer than what the agent keeps of a command's output."""
    table = machine.root / "table"
    table.write_bytes(before)
    assert change(machine, "add-line", line="@reboot x") == ""
    assert table.read_bytes().startswith(before)
    assert (look(machine).lines, look(machine).own) == (before.count(b"\n") + 2, "@reboot x")
    assert change(machine, "remove-line") == ""
    assert table.read_bytes() == before


def test_warning_of_crontab_does_not_become_part_of_it(machine: Machine) -> None:
    text = (machine.root / "bin/crontab").read_text()
    machine.tool("crontab", f"echo the password expires soon >&2\n{text}")
    machine.crontab = "0 3 * * * job\n"
    assert change(machine, "add-line", line="@reboot x") == ""
    machine.crontab = ""
    assert change(machine, "remove-line") == ""
    assert (machine.root / "table").read_text() == "0 3 * * * job\n"


def test_crontab_that_hangs_is_ended(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crontab, "SECONDS", 0.1)
    machine.tool("crontab", "exec sleep 60")
    assert "has not ended" in change(machine, "add-line", line="@reboot x")


def test_crontab_that_does_not_take_our_line_is_restored(machine: Machine) -> None:
    """STAND-IN for a crontab that drops what it does not like."""
    machine.crontab = "0 3 * * * job\n"
    table = machine.root / "table"
    machine.tool(
        "crontab",
        f'case $1 in -l) cat "{table}" ;; *) grep -v poms-ops >"{table}.new"; mv "{table}.new" "{table}" ;; esac',
    )
    assert "differs" in change(machine, "add-line", line="@reboot x")
    assert table.read_text() == "0 3 * * * job\n"


def test_user_unit_is_written_enabled_and_removed(machine: Machine) -> None:
    path = machine.root / "home/.config/systemd/user" / boot.UNIT
    machine.tool("systemctl", f'echo "$@" >>{machine.root}/asked; echo Version=1')
    assert change(machine, "add-unit", text="[Unit]\n") == ""
    assert path.read_text() == "[Unit]\n"
    assert (look(machine).has_unit, look(machine).manager) == (True, True)
    assert change(machine, "remove-unit") == ""
    assert not path.exists()
    asked = (machine.root / "asked").read_text()
    for words in ("daemon-reload", f"enable {boot.UNIT}", f"disable {boot.UNIT}"):
        assert words in asked


def test_user_unit_that_cannot_be_enabled_is_a_problem(machine: Machine) -> None:
    machine.tool("systemctl", "echo 'Failed to connect to bus'; exit 1")
    assert "connect to bus" in change(machine, "add-unit", text="[Unit]\n")


def test_action_that_is_not_known_is_a_problem(machine: Machine) -> None:
    assert "dance" in change(machine, "dance")


def test_held_lock_keeps_crontab(machine: Machine) -> None:
    with held(machine.root / "state"):
        assert answered(machine, action="add-line", line="@reboot x") == [LockRefused(owner=OWNER)]
    assert not (machine.root / "table").exists()


def test_cron_that_opens_sessions_is_detected(machine: Machine) -> None:
    (machine.root / "etc/pam.d").mkdir()
    (machine.root / "etc/pam.d/crond").write_text("session include password-auth\n")
    (machine.root / "etc/pam.d/password-auth").write_text("# session x pam_systemd.so\n")
    assert look(machine).survival.cron_sessions == "no"
    (machine.root / "etc/pam.d/password-auth").write_text("-session optional pam_systemd.so\n")
    assert look(machine).survival.cron_sessions == "yes"
