"""How supervisord would be started so that it stays, and what starts it at a boot: stand-ins for systemd's tools."""

from pathlib import Path

import pytest

from ops.agent import survival, systemd
from tests.agent.machine import CONF, ME, YES, Machine, in_session

INIT = f"#!/bin/sh\nsu - {ME} -c 'supervisord -c {CONF}'\n"
CRON = f"@reboot {ME} supervisord -c {CONF}\n"
PLACES = {
    "etc/cron.d/poms": CRON,
    "etc/crontab": CRON,
    "etc/init.d/poms": INIT,
    "etc/rc.local": INIT,
}
NO = f'b true\nas 0\nas 1 "{ME}"'  # set, and the account is spared
OTHERS = 'b true\nas 2 "a" "b"\nas 0'  # set for others


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return in_session(tmp_path, monkeypatch)


def start_method(machine: Machine) -> str:
    """How supervisord would be started."""
    machine.write()
    return survival.way_to_start(CONF)


@pytest.mark.parametrize(
    ("kills", "linger", "way"),
    [
        ("b false\nas 0\nas 0", False, "plain"),
        (NO, False, "plain"),
        (OTHERS, False, "plain"),
        ("b true\nas 0\nas 0", False, "refused killed"),
        (YES, False, "refused killed"),
        (YES, True, "scope"),
        ("", False, "plain"),  # not known is not "yes"
        ("", True, "scope"),
    ],
)
def test_start_method_follows_logind_and_linger(machine: Machine, kills: str, linger: bool, way: str) -> None:
    machine.kills, machine.linger = kills, linger
    assert start_method(machine) == way


def test_supervisord_outside_session_starts_plainly(machine: Machine) -> None:
    machine.kills = YES
    (machine.root / "proc/self/cgroup").write_text("0::/system.slice/sshd.service\n")
    assert start_method(machine) == "plain"


@pytest.mark.parametrize(
    ("manager", "enabled", "active", "linger", "way"),
    [
        ("system", "enabled", "inactive", False, "refused system-unit poms.service"),
        ("system", "disabled", "exited", False, "refused system-unit poms.service"),
        ("system", "disabled", "active", False, "await poms.service"),  # bash reads the products, then becomes it
        ("system", "enabled", "activating", False, "await poms.service"),
        ("system", "disabled", "inactive", False, "plain"),
        ("user", "enabled", "inactive", True, "unit poms.service"),
        ("user", "enabled", "inactive", False, "refused lingerless poms.service"),
        ("user", "disabled", "inactive", False, "plain"),
    ],
)
def test_supervisord_unit_is_used_or_left_to_root(
    machine: Machine, manager: str, enabled: str, active: str, linger: bool, way: str
) -> None:
    machine.linger = linger
    machine.unit(manager, enabled, active)
    assert start_method(machine) == way


def test_machine_without_systemd_starts_plainly(machine: Machine) -> None:
    machine.unit("system", "enabled", "active")
    machine.kills = YES
    (machine.root / "run/systemd/system").rmdir()
    assert start_method(machine) == "plain"


def test_unit_of_other_supervisord_is_no_way_to_start(machine: Machine) -> None:
    machine.unit("system", "enabled", "active", ExecStart="{ argv[]=supervisord -n -c /etc/supervisord.conf ; }")
    assert start_method(machine) == "plain"


def started_by(machine: Machine, crontab: str = "", **files: str) -> str:
    """What starts supervisord on a host with that crontab and these files of /etc."""
    for name, text in files.items():
        path = machine.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (machine.root / "table").write_text(crontab)
    machine.write()
    found = survival.boot_facts(CONF).starter
    for name in files:
        (machine.root / name).unlink()
    return found.replace(f"{machine.root}/", "")


def commented(text: str, sign: str) -> str:
    return "".join(f"{sign}{line}\n" for line in text.splitlines())


def test_boot_check_finds_what_starts_supervisord(machine: Machine) -> None:
    for place, text in PLACES.items():
        assert started_by(machine, **{place: text}) == place
    for line in ("@reboot supervisord\n", "# x\n @reboot . setup && supervisord -c x\n"):
        assert started_by(machine, line) == "the account's crontab"


def test_boot_check_ignores_comments(machine: Machine) -> None:
    for place, text in PLACES.items():
        for sign in ("#", "# ", "  # "):
            assert started_by(machine, **{place: commented(text, sign)}) == "nobody", place
    for line in ("#@reboot supervisord\n", "# @reboot supervisord\n", "@reboot true # and not supervisord\n"):
        assert started_by(machine, line) == "nobody", line


def test_crontab_job_must_name_account_and_supervisord_together(machine: Machine) -> None:
    """The account's name and supervisord's have to stand in one job, and a job is no variable."""
    for text in (
        f"# supervisord is started by hand\n@reboot {ME} /bin/true\n",
        f"MAILTO={ME}\n@reboot other supervisord -c /etc/other.conf\n",
        f"MAILTO=supervisord-{ME}\n@daily {ME} /bin/true\n",
        f"@reboot {ME} /bin/true # once: supervisord\n",
    ):
        assert started_by(machine, **{"etc/cron.d/jobs": text}) == "nobody", text


def test_boot_check_ignores_package_backup_files(machine: Machine) -> None:
    for ending in ("~", ".rpmsave", ".rpmnew", ".dpkg-old"):
        assert started_by(machine, **{f"etc/cron.d/poms{ending}": CRON}) == "nobody", ending


@pytest.mark.parametrize(
    ("cgroup", "place"),
    [
        ("0::/system.slice/poms.service\n", "system poms.service"),
        ("9:name=systemd:/\n8:pids:/\n0::/x/system.slice/poms.service\n", "system poms.service"),
        ("2:pids:/\n1:name=systemd:/system.slice/poms.service\n", "system poms.service"),
        ("0::/user.slice/user-1.slice/user@1.service/app.slice/poms.service\n", "manager poms.service"),
        ("0::/user.slice/user-1.slice/session-7.scope\n", "left session-7.scope"),
        ("1:name=systemd:/\n0::/\n", "unknown"),
    ],
)
def test_place_of_a_process_is_that_of_systemds_control_group(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, cgroup: str, place: str
) -> None:
    (machine.root / "cgroup").write_text(cgroup)
    text_of = systemd.text_of
    monkeypatch.setattr(
        survival, "text_of", lambda path: text_of(f"{machine.root}/cgroup" if path.endswith("/cgroup") else path)
    )
    assert survival.place_of(7) == place
