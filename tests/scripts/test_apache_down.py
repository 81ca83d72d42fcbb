"""A reload that ends Apache: whatever starts it brings it back, with files that are good."""

from pathlib import Path

import pytest

from tests.scripts.remote import SHELLS, FakeHost, Ran, digest, executable, run

OLD, NEW = b"# old\n", b"# new\n"
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


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Apache(FakeHost):
    """A fake host whose Apache runs as long as the file `up` is there; stand-ins reload, restart and list it."""

    def provision(self, before: bytes, reload: str) -> None:
        """What lies there before a deploy, and what a reload does."""
        self.conf.write_bytes(before)
        self.up.touch()
        (self.root / "bin").mkdir()
        # STAND-IN for pgrep: Apache's first process is the shell that runs the test's script.
        executable(self.root / "bin/pgrep", f'#!/bin/sh\n[ -e "{self.up}" ] && echo $PPID\n')
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

    def deploy(self, shell: str, before: bytes, *, reload: str = "reload", start: bool = True) -> Ran:
        """Deploy new files over `before`."""
        request = self.request((self.conf, NEW, digest(before)), reload=reload)
        commands = [f"apache_start {self.root}/restart"] * start
        return run(shell, "transaction", [*request[:-1], *commands, "end", "commit"], path=str(self.root / "bin"))


@pytest.fixture
def fake(tmp_path: Path) -> Apache:
    return Apache(tmp_path)


def test_reload_that_kills_apache_is_rolled_back_by_restart(shell: str, fake: Apache) -> None:
    fake.provision(OLD, ENDS)
    ran = fake.deploy(shell, OLD)
    assert ran.values("failed") == ["reload-apache"], ran
    assert ran.values("ended") == ["rolled-back"], ran
    assert (fake.up.exists(), fake.conf.read_bytes()) == (True, OLD)
    assert fake.asked() == ["reload", "restart"]
    assert (fake.root / "state/owed").read_bytes() == b""


def test_rollback_to_broken_hand_edit_keeps_apache_running(shell: str, fake: Apache) -> None:
    """Where only a restart is granted, one with these files would end it for good."""
    fake.provision(BROKEN, FAILS)
    (fake.root / "restart").write_text(f"#!/bin/sh\necho restart >>'{fake.root}/asked'; exit 1\n")
    ran = fake.deploy(shell, BROKEN, reload="restart")
    assert ran.values("ended") == ["files-back"], ran
    assert (fake.up.exists(), fake.conf.read_bytes()) == (True, BROKEN)
    assert fake.asked() == ["restart"]
    assert (fake.root / "state/owed").read_text() == "apache\n"


def test_apache_stopped_by_broken_hand_edit_is_reported_down(shell: str, fake: Apache) -> None:
    fake.provision(BROKEN, ENDS)
    ran = fake.deploy(shell, BROKEN)
    assert ran.values("ended") == ["files-back"], ran
    assert [note for note in ran.values("note") if "Apache is down" in note and "Syntax error" in note], ran
    assert not fake.up.exists()


def test_deploy_starts_stopped_apache(shell: str, fake: Apache) -> None:
    fake.provision(OLD, ENDS)
    fake.up.unlink()
    ran = fake.deploy(shell, OLD)
    assert ran.values("ended") == ["committed"], ran
    assert (fake.up.exists(), fake.asked()) == (True, ["restart"])


@pytest.mark.parametrize("before", [OLD, BROKEN])
def test_recover_starts_apache_that_killed_deploy_left_down(shell: str, fake: Apache, before: bytes) -> None:
    """The deploy that was killed, of an earlier version, has noted no such command: today's request names it."""
    fake.provision(before, ENDS)
    fake.up.unlink()
    pending = fake.root / "state/pending"
    pending.mkdir()
    (pending / "files").write_text(f"1 0644 {digest(before)} {digest(NEW)} {fake.conf}\n")
    (pending / "old.1").write_bytes(before)
    (pending / "reloads").write_text("apache\n")
    (pending / "apache").write_text(f"{fake.root}/reload\n")
    (pending / "configtest").write_text(f"{fake.root}/configtest\n")
    for name in ("swapping", "reloading", "meta", "listens", "well"):
        (pending / name).touch()
    fake.conf.write_bytes(NEW)
    empty = [line for line in fake.request(name="r2") if not line.startswith(("apache ", "reload "))]
    request = [*empty[:-1], f"apache_start {fake.root}/restart", "end", "commit"]
    ran = run(shell, "transaction", request, path=str(fake.root / "bin"))
    assert ran.values("ended") == ["committed"], ran
    assert fake.conf.read_bytes() == before
    assert (fake.up.exists(), fake.asked()) == ((True, ["restart"]) if before == OLD else (False, []))


def test_rollback_reloads_remaining_services_after_one_fails(shell: str, fake: Apache) -> None:
    fake.provision(BROKEN, FAILS)
    (fake.root / "reload").write_text("#!/bin/sh\n")
    for tool in ("supervisord", "supervisorctl"):
        executable(fake.root / "bin" / tool, "#!/bin/sh\n")
    request = fake.request((fake.conf, NEW, digest(BROKEN)))
    request[-1:] = ["reload program restart nobody", "end", "commit"]
    ran = run(shell, "transaction", request, path=str(fake.root / "bin"))
    assert ran.values("ended") == ["files-back"], ran
    steps = ran.values("step")
    assert "reload-nobody" in steps[steps.index("put-back") :], ran
