"""A reload that ends Apache: whatever starts it brings it back, with files that are good."""

import os
from pathlib import Path
from typing import Any

import pytest

from ops.agent import apache_renewal, service_reloads
from tests.agent.shells import executable
from tests.agent.transactions import NEW, OLD, FakeHost, Ran, carry_out, digest, write

BROKEN = b"BROKEN by hand\n"
# As `systemctl reload`: it needs an Apache that runs. This one ends of the new files.
ENDS = """echo reload >>"@ROOT@/asked"
[ -e "@ROOT@/up" ] || { echo not active; exit 3; }
if grep -q new @CONF@; then rm "@ROOT@/up"; exit 1; fi
"""
FAILS = 'echo reload >>"@ROOT@/asked"; ! grep -q new @CONF@\n'  # Apache goes on
STARTS = """echo restart >>"@ROOT@/asked"
rm -f "@ROOT@/up"
if grep -q BROKEN @CONF@; then exit 1; fi
: >"@ROOT@/up"
"""


class Apache(FakeHost):
    """A fake host whose Apache runs as long as the file `up` is there; stand-ins reload and restart it."""

    def provision(self, before: bytes, reload: str) -> None:
        """What lies there before a deploy, and what a reload does."""
        self.conf.write_bytes(before)
        self.up.touch()
        for name, text in (("reload", reload), ("restart", STARTS)):
            text = text.replace("@ROOT@", str(self.root)).replace("@CONF@", str(self.conf))
            executable(self.root / name, f"#!/bin/sh\n{text}")

    @property
    def up(self) -> Path:
        """There as long as Apache runs."""
        return self.root / "up"

    def asked(self) -> list[str]:
        """What was asked of Apache, in turn."""
        path = self.root / "asked"
        return path.read_text().split() if path.exists() else []

    def deploy(self, reload: str = "reload", **fields: Any) -> Ran:
        """Deploy new files."""
        fields = {"commands": self.commands(reload, "restart")} | fields
        return carry_out(self.request(write(self.conf, NEW), **fields))


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Apache:
    made = Apache(tmp_path)
    # STAND-IN for a look at Apache's processes.
    monkeypatch.setattr(service_reloads, "has_ended", lambda _: not made.up.exists())
    monkeypatch.setattr(apache_renewal, "has_ended", lambda _: not made.up.exists())
    return made


def pending_reloads(fake: FakeHost) -> str:
    return (fake.state / "owed").read_text()


def test_reload_that_kills_apache_is_rolled_back_by_restart(fake: Apache) -> None:
    fake.provision(OLD, ENDS)
    ran = fake.deploy()
    assert (ran.failed.step, ran.ended) == ("reload-apache", "rolled-back"), ran
    assert (fake.up.exists(), fake.conf.read_bytes()) == (True, OLD)
    assert fake.asked() == ["reload", "restart"]
    assert pending_reloads(fake) == ""


def test_rollback_to_broken_hand_edit_keeps_apache_running(fake: Apache) -> None:
    """Where only a restart is granted, one with these files would end it for good."""
    fake.provision(BROKEN, FAILS)
    (fake.root / "restart").write_text(f"#!/bin/sh\necho restart >>'{fake.root}/asked'; exit 1\n")
    ran = fake.deploy(reload="restart")
    assert ran.ended == "files-back", ran
    assert (fake.up.exists(), fake.conf.read_bytes()) == (True, BROKEN)
    assert fake.asked() == ["restart"]
    assert pending_reloads(fake) == "apache\n"


def test_apache_stopped_by_broken_hand_edit_is_reported_down(fake: Apache) -> None:
    fake.provision(BROKEN, ENDS)
    ran = fake.deploy()
    assert ran.ended == "files-back", ran
    assert [note for note in ran.notes if "Apache is down" in note and "Syntax error" in note], ran
    assert not fake.up.exists()


def test_deploy_starts_stopped_apache(fake: Apache) -> None:
    fake.provision(OLD, ENDS)
    fake.up.unlink()
    ran = fake.deploy()
    assert ran.ended == "committed", ran
    assert (fake.up.exists(), fake.asked()) == (True, ["restart"])


@pytest.mark.parametrize("before", [OLD, BROKEN])
def test_recover_starts_apache_that_killed_deploy_left_down(fake: Apache, before: bytes) -> None:
    """The deploy that was killed, of an earlier version, has noted no such command: today's request names it."""
    fake.provision(before, ENDS)
    fake.up.unlink()
    pending = fake.state / "pending"
    pending.mkdir()
    (pending / "files").write_text(f"1 0644 {digest(before)} {digest(NEW)} {fake.conf}\n")
    (pending / "old.1").write_bytes(before)
    (pending / "reloads").write_text("apache\n")
    (pending / "apache").write_text(f"{fake.root}/reload\n")
    (pending / "configtest").write_text(f"{fake.root}/configtest\n")
    for name in ("swapping", "reloading", "meta", "listens", "well"):
        (pending / name).touch()
    fake.conf.write_bytes(NEW)
    commands = fake.commands(start="restart")
    commands.reload = []
    ran = carry_out(fake.request(name="r2", commands=commands, reloads=[]))
    assert ran.ended == "committed", ran
    assert fake.conf.read_bytes() == before
    assert (fake.up.exists(), fake.asked()) == ((True, ["restart"]) if before == OLD else (False, []))


def test_rollback_reloads_remaining_services_after_one_fails(fake: Apache, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.provision(BROKEN, FAILS)
    (fake.root / "reload").write_text("#!/bin/sh\n")
    for tool in ("supervisord", "supervisorctl"):
        executable(fake.root / "bin" / tool, "#!/bin/sh\n")
    monkeypatch.setenv("PATH", f"{fake.root}/bin:{os.environ['PATH']}")
    activate = f"PATH={fake.root}/bin:$PATH"
    ran = fake.deploy(reloads=["apache", "program restart nobody"], activate=activate)
    assert ran.ended == "files-back", ran
    assert "reload-nobody" in ran.steps[ran.steps.index("put-back") :], ran
