"""What starts supervisord at a boot and what it outlives, judged from what a host tells."""

import pytest

from ops.deploy.snapshot import Snapshot
from ops.errors import HostError
from ops.services import boot
from ops.services.boot import ADD, LINE, OWN_UNIT, Found
from ops.services.supervisord_survival import (
    CRONTAB,
    Survival,
    Unit,
    assess_boot,
    assess_place,
    cron_line,
    parse,
    refusal,
)
from tests.unit.hosts import host

OURS, THEIRS = (Unit(manager, "enabled", "active", "always", f"{manager}.service") for manager in ("user", "system"))
OFF = Unit("system", "disabled", "inactive", "no", "off.service")
LINGER = "loginctl enable-linger poms"


def test_missing_survival_facts_are_unknown() -> None:
    assert parse([]) == Survival()
    told = [
        "kills yes",
        "linger no",
        "cron unknown",
        "unit system enabled active always a b.service",
        "lives manager x",
    ]
    unit = Unit("system", "enabled", "active", "always", "a b.service")
    assert parse(told) == Survival(kills="yes", linger="no", units=(unit,), lives="manager x")


@pytest.mark.parametrize("line", ["", "kills perhaps", "unit x", "units yes"])
def test_an_odd_fact_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse([line])


@pytest.mark.parametrize(
    ("found", "files", "ok", "words"),
    [
        (Survival(units=(OFF, THEIRS)), "nobody", True, "system.service"),
        (Survival(units=(OURS,), linger="yes"), "nobody", True, "user.service"),
        (Survival(units=(OURS,), linger="no"), "nobody", False, LINGER),
        (Survival(units=(OURS,)), "nobody", False, "unknown"),
        (Survival(units=(OURS,), linger="no", cron="yes"), CRONTAB, True, CRONTAB),
        (Survival(units=(OFF,)), "nobody", False, "root: systemctl enable off.service"),
        (Survival(cron="yes"), CRONTAB, True, CRONTAB),
        (Survival(cron="yes"), "/etc/cron.d/poms", True, "/etc/cron.d/poms"),
        (Survival(cron="no"), CRONTAB, False, "no cron daemon runs"),
        (Survival(), CRONTAB, False, "unknown"),
        (Survival(cron="yes", kills="yes", cron_sessions="yes"), CRONTAB, False, LINGER),
        (Survival(cron="yes", kills="yes", cron_sessions="no"), CRONTAB, True, CRONTAB),
        (Survival(cron="no"), "/etc/rc.local", True, "/etc/rc.local"),
        (Survival(cron="yes", crontab="no", linger="no"), "nobody", False, "start-at-boot"),
        (Survival(cron="no", crontab="no", linger="no"), "nobody", False, "no cron daemon runs"),
        (Survival(crontab="unknown"), "nobody", False, "unknown"),
    ],
)
def test_boot_finding_names_what_starts_supervisord(found: Survival, files: str, ok: bool, words: str) -> None:
    judged = assess_boot(host(), found, files)
    assert judged.ok == ok, judged
    assert words in f"{judged.found} {judged.advice}"
    assert bool(judged.advice) != ok


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (Survival(lives="manager poms.service", linger="no"), "only while somebody is logged in"),
        (Survival(lives="manager poms.service", linger="yes"), ""),
        (Survival(lives="manager poms.service"), ""),
        (Survival(lives="session session-3.scope", kills="yes", linger="no"), "KillUserProcesses"),
        (Survival(lives="session session-3.scope", kills="no"), ""),
        (Survival(lives="left session-3.scope", kills="yes"), ""),
        (Survival(lives="system cron.service", kills="yes"), ""),
    ],
)
def test_finding_warns_if_supervisord_dies_at_logout(found: Survival, words: str) -> None:
    judged = assess_place(host(), found)
    assert (judged is None) == (not words)
    assert judged is None or (words in judged.found and LINGER in judged.advice)


@pytest.mark.parametrize(
    ("way", "command"),
    [
        ("refused killed", f"root: {LINGER}"),
        ("refused lingerless a.service", f"root: {LINGER}"),
        ("refused system-unit a.service", "root: systemctl start a.service"),
        ("refused brought-back a.service", "root: systemctl stop a.service"),
        ("refused of late", "doctor"),
    ],
)
def test_a_refusal_has_the_command_that_helps(way: str, command: str) -> None:
    refused = refusal(host(), way)
    assert refused
    assert command in refused[1]


@pytest.mark.parametrize("way", ["", "plain", "scope", "unit a.service", "await a.service"])
def test_start_method_that_survives_logout_is_accepted(way: str) -> None:
    assert refusal(host(), way) is None
    assert Snapshot({}, {}, None, None, "down", None, None, start=way).start == way


def test_cron_line_escapes_percent_signs() -> None:
    line = cron_line(host(activate="export D=$(date +%F) && it's=1"))
    assert line.startswith("@reboot /bin/bash -c '")
    assert line.replace("\\%", "").count("%") == 0


def test_unit_passes_activate_text_to_bash_unchanged() -> None:
    text = boot.unit_text(host(activate='. "$HOME/x y" && a \\% b'))
    (command,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    assert '. \\"$$HOME/x y\\" && a \\\\%% b && exec supervisord -n -c ' in command


CRON = Survival(cron="yes", crontab="no", linger="no", kills="no", cron_sessions="no")
ALONE = Survival(cron="no", crontab="no", linger="yes", kills="no", cron_sessions="no")


def test_start_at_boot_adds_only_missing_cron_line() -> None:
    line = cron_line(host())
    one = boot.choose(host(), Found(CRON))
    assert one
    assert (one.does, one.what, one.text) == (ADD, LINE, line)
    there = Survival(cron="yes", crontab="yes")
    assert boot.choose(host(), Found(there, CRONTAB, 2, own=line)) is None
    other = boot.choose(host(), Found(Survival(cron="yes", crontab="yes", kills="no"), CRONTAB, 2, own="@reboot old"))
    assert other
    assert other.text == line, "activate has changed"
    unit = boot.choose(host(), Found(ALONE, manager=True))
    assert unit
    assert unit.what == OWN_UNIT
    with pytest.raises(HostError, match=LINGER):
        boot.choose(host(), Found(ALONE))
    with pytest.raises(HostError, match=LINGER):
        boot.choose(host(), Found(Survival(cron="yes", kills="yes", cron_sessions="yes", linger="no")))
