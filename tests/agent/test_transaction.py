"""A change of the host: as a whole or not at all."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops.agent import durable
from ops.agent.apache_messages import LockRefused
from ops.agent.messages import Alive, Message
from ops.agent.narration import narrated
from ops.agent.transaction import change_host
from ops.agent.transaction_messages import ChangeFailed, StepBegun, Verdict, VerdictWanted
from ops.deploy.releases import parse_releases
from ops.ssh.agent_start import package, packed_requests, start_text
from ops.ssh.agent_start import running as running_text
from tests.agent import local_agent
from tests.agent.held_lock import OWNER, held
from tests.agent.interpreters import interpreters
from tests.agent.local_agent import probed, read_releases
from tests.agent.shells import SHELLS, executable
from tests.agent.transactions import (
    NEW,
    OLD,
    FakeHost,
    Ran,
    ScriptedWords,
    carry_out,
    copied,
    digest,
    keep,
    messages_of,
    removal,
    say,
    started,
    write,
)

INTERRUPTED = Verdict(reason="interrupted by the operator")
NO = Verdict(reason="no")


@pytest.fixture
def fake(tmp_path: Path) -> FakeHost:
    made = FakeHost(tmp_path)
    made.conf.write_bytes(OLD)
    made.conf.chmod(0o600)
    return made


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A temporary folder that other accounts may enter, unlike pytest's."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


# ---- the whole change ------------------------------------------------------------------------------------------


def test_commit_writes_files_with_modes_and_backs_up_old_ones(fake: FakeHost) -> None:
    ini = fake.root / "home/private/config/u w.ini"
    ran = carry_out(fake.request(write(fake.conf, NEW), write(ini, b"")))
    assert ran.ended == "committed", ran
    assert (fake.conf.read_bytes(), ini.read_bytes()) == (NEW, b"")
    assert [path.stat().st_mode & 0o777 for path in (fake.conf, ini)] == [0o644, 0o644]
    assert (fake.root / "reloaded").read_bytes() == NEW
    release = (fake.state / "current").resolve()
    assert release.name == "r1"
    assert (release / "manifest").read_text().splitlines()[0] == f"{digest(NEW)} 0644 {fake.conf}"
    assert (release / "old.1").read_bytes() == OLD
    assert fake.left_over() == []


def test_release_has_only_what_a_rollback_to_it_needs(fake: FakeHost) -> None:
    carry_out(fake.request(write(fake.conf, NEW)))
    names = {path.name for path in (fake.state / "current/").iterdir()}
    assert names - {"log"} == {"meta", "manifest", "host", "journal", "old.1"}


def test_file_that_is_not_wanted_any_more_is_removed_and_comes_back(fake: FakeHost) -> None:
    gone = fake.conf.with_name("gone.conf")
    for verdict, ended in ((NO, "rolled-back"), (Verdict(), "committed")):
        gone.write_bytes(OLD)
        request = fake.request(write(fake.conf, NEW), name=ended)
        request.files.append(removal(gone))
        assert carry_out(request, verdict).ended == ended
        assert gone.exists() == (verdict is NO)
    assert fake.left_over() == []


def test_failed_configtest_rolls_back_without_reload(fake: FakeHost) -> None:
    other = fake.conf.with_name("cert_ssl.conf")
    ran = carry_out(fake.request(write(fake.conf, NEW), write(other, b"BROKEN\n")))
    assert (ran.ended, ran.failed.step) == ("rolled-back", "configtest")
    assert "Syntax error" in ran.failed.evidence
    assert fake.conf.read_bytes() == OLD
    assert fake.conf.stat().st_mode & 0o777 == 0o600
    assert not other.exists()
    assert not (fake.root / "reloaded").exists()
    assert fake.left_over() == []


def test_failed_reload_rolls_back_and_reloads_old_files(fake: FakeHost) -> None:
    executable(
        fake.root / "reload",
        f'#!/bin/sh\ncat "{fake.conf}" >>"{fake.root}/reloaded"\n! grep new "{fake.conf}"\n',
    )
    ran = carry_out(fake.request(write(fake.conf, NEW)))
    assert ran.ended == "rolled-back"
    assert fake.conf.read_bytes() == OLD
    assert (fake.root / "reloaded").read_bytes() == NEW + OLD


def test_truncated_file_content_is_not_installed(fake: FakeHost) -> None:
    ran = carry_out(fake.request(write(fake.conf, b"# n", wanted=digest(NEW))))
    assert (ran.failed.step, ran.ended) == ("stage", "unchanged")
    assert fake.conf.read_bytes() == OLD


def test_deploy_stops_if_file_changed_since_snapshot(fake: FakeHost) -> None:
    ran = carry_out(fake.request(write(fake.conf, NEW, digest(b"what was seen"))))
    assert (ran.failed.step, ran.ended) == ("keep", "unchanged")
    assert str(fake.conf) in ran.failed.evidence
    assert fake.conf.read_bytes() == OLD
    assert fake.left_over() == []


def test_fault_of_ours_does_not_leave_host_between_old_and_new(
    fake: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise LookupError("a fault of ours")

    monkeypatch.setattr("ops.agent.change_checks.look_after", fails)
    ran = carry_out(fake.request(write(fake.conf, NEW)))
    assert (ran.failed.step, ran.ended) == ("check", "rolled-back")
    assert "a fault of ours" in ran.failed.evidence
    assert fake.conf.read_bytes() == OLD


def test_deploy_preserves_symbolic_link(fake: FakeHost) -> None:
    real = fake.root / "real.conf"
    fake.conf.rename(real)
    fake.conf.symlink_to(real)
    assert carry_out(fake.request(write(fake.conf, NEW))).ended == "committed"
    assert fake.conf.is_symlink()
    assert real.read_bytes() == NEW


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
def test_file_in_read_only_directory_is_written_in_place(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeHost(open_folder)
    fake.conf.write_bytes(OLD)
    for path in (fake.conf, fake.state, fake.root / "home", fake.root):
        path.chmod(0o777)
    fake.conf.parent.chmod(0o555)
    inode = fake.conf.stat().st_ino
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    monkeypatch.setitem(SHELLS, "dash", [*as_nobody, "dash"])
    ran = started(fake.request(write(fake.conf, NEW)), keep)
    fake.conf.parent.chmod(0o755)
    assert ran.ended == "committed", ran
    assert fake.conf.read_bytes() == NEW
    assert fake.conf.stat().st_ino == inode


# ---- the operator's side ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("verdict", "at"), [(NO, "verdict"), (INTERRUPTED, "check"), (INTERRUPTED, "nowhere")])
def test_any_verdict_except_commit_rolls_back(fake: FakeHost, verdict: Verdict, at: str) -> None:
    ran = carry_out(fake.request(write(fake.conf, NEW)), verdict, at)
    assert ran.ended == "rolled-back"
    assert ran.failed.unwanted == (verdict.reason if at != "nowhere" else "the connection to the operator was lost")
    assert fake.conf.read_bytes() == OLD
    assert (fake.root / "reloaded").read_bytes() == NEW + OLD
    assert not (fake.state / "current").exists()


@pytest.mark.parametrize("step", ["stage", "directories", "keep", "prove", "look"])
def test_interrupt_before_swap_changes_nothing(fake: FakeHost, step: str) -> None:
    """Apache is asked for nothing, for an operator who has left cannot want what he has not seen."""
    ran = carry_out(fake.request(write(fake.conf, NEW)), INTERRUPTED, step)
    assert (ran.ended, ran.failed.unwanted) == ("unchanged", INTERRUPTED.reason)
    assert ran.steps[-1] == step
    assert not (fake.root / "reloaded").exists()
    assert fake.conf.read_bytes() == OLD
    assert fake.left_over() == []


def test_interrupt_in_the_last_moment_before_swap_owes_no_reload(
    fake: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = durable.mark
    words = ScriptedWords(INTERRUPTED, "")

    def mark_then_interrupt(path: str) -> None:
        mark(path)
        if path.endswith("/swapping"):
            words.begun("")

    monkeypatch.setattr(durable, "mark", mark_then_interrupt)
    told: list[Message] = []
    change_host(fake.request(write(fake.conf, NEW)), words, told.append)  # type: ignore[arg-type] # a stand-in
    assert Ran(told).ended == "unchanged", told
    assert probed(fake.state).owed == []
    assert fake.left_over() == []


@pytest.mark.parametrize("step", ["swap", "configtest", "reload-apache"])
def test_interrupt_after_swap_restores_all(fake: FakeHost, step: str) -> None:
    ran = carry_out(fake.request(write(fake.conf, NEW)), INTERRUPTED, step)
    assert (ran.ended, ran.failed.unwanted) == ("rolled-back", INTERRUPTED.reason)
    assert fake.conf.read_bytes() == OLD
    assert fake.left_over() == []


def test_verdict_travels_to_started_agent(fake: FakeHost) -> None:
    ran = started(fake.request(write(fake.conf, NEW)), keep)
    assert ran.ended == "committed", ran
    assert fake.conf.read_bytes() == NEW


@pytest.mark.parametrize("python", interpreters())
def test_host_is_changed_under_every_interpreter(fake: FakeHost, python: str) -> None:
    (fake.root / "python").mkdir()
    (fake.root / "python/python3").symlink_to(python)
    other, gone = fake.conf.with_name("new.conf"), fake.conf.with_name("gone.conf")
    gone.write_bytes(OLD)
    request = fake.request(write(fake.conf, NEW), write(other, NEW), removal(gone))
    ran = started(request, keep, path=f"{fake.root}/python:/usr/bin:/bin")
    assert ran.ended == "committed", ran
    assert (fake.conf.read_bytes(), other.read_bytes(), gone.exists()) == (NEW, NEW, False)


def test_lost_connection_rolls_back(fake: FakeHost) -> None:
    def hang_up(running: "subprocess.Popen[bytes]", message: Message) -> None:
        if isinstance(message, VerdictWanted):
            assert running.stdin
            running.stdin.close()

    ran = started(fake.request(write(fake.conf, NEW)), hang_up)
    assert (ran.ended, ran.failed.unwanted) == ("rolled-back", "the connection to the operator was lost")
    assert fake.conf.read_bytes() == OLD


def test_change_is_rolled_back_although_nobody_reads_its_answer(fake: FakeHost) -> None:
    request = fake.request(write(fake.conf, NEW))
    with local_agent.start("dash", request) as running:
        assert running.stdout
        for message in messages_of(running):
            if isinstance(message, VerdictWanted):
                break
        assert fake.conf.read_bytes() == NEW
        running.stdout.close()
        say(running, NO)
    assert fake.conf.read_bytes() == OLD
    assert fake.left_over() == []


@pytest.mark.parametrize("name", ["TERM", "HUP", "INT"])
def test_signal_to_agent_rolls_back(fake: FakeHost, name: str) -> None:
    def end(running: "subprocess.Popen[bytes]", message: Message) -> None:
        if isinstance(message, VerdictWanted):
            subprocess.run(["pkill", f"-{name}", "-P", str(running.pid)], check=True)

    ran = started(fake.request(write(fake.conf, NEW)), end)
    assert ran.ended == "rolled-back", ran
    assert fake.conf.read_bytes() == OLD
    assert fake.left_over() == []


def test_what_is_no_verdict_rolls_back(fake: FakeHost) -> None:
    def babble(running: "subprocess.Popen[bytes]", message: Message) -> None:
        if isinstance(message, VerdictWanted):
            assert running.stdin
            running.stdin.write(b'{"type":"Verdict","commit":true}\n')
            running.stdin.flush()

    ran = started(fake.request(write(fake.conf, NEW)), babble)
    assert ran.ended == "rolled-back"
    assert fake.conf.read_bytes() == OLD


def test_silent_operator_triggers_rollback_unless_heartbeat_arrives(fake: FakeHost) -> None:
    beats = []

    def beat_for_a_while(running: "subprocess.Popen[bytes]", message: Message) -> None:
        if isinstance(message, VerdictWanted):
            assert running.stdin
            for _ in range(8):
                running.stdin.write(b"\n")
                running.stdin.flush()
                time.sleep(0.5)
                beats.append(fake.conf.read_bytes())

    ran = started(fake.request(write(fake.conf, NEW), limit=1), beat_for_a_while)
    assert set(beats) == {NEW}
    assert (ran.ended, ran.failed.unwanted) == ("rolled-back", "nothing was heard from the operator for 1 seconds")
    assert fake.conf.read_bytes() == OLD
    assert fake.left_over() == []


@pytest.mark.parametrize("part", [0.0, 0.5, 0.99])
def test_incomplete_request_changes_nothing(fake: FakeHost, part: float) -> None:
    request = fake.request(write(fake.conf, NEW))
    sent = package(type(request), whole=True)
    text = local_agent.with_path(start_text(len(sent)), os.environ["PATH"])
    packed = packed_requests(request)
    given = b"".join((text.encode(), b":\n", sent, packed[: int(len(packed) * part)]))
    ran = subprocess.run(
        ["dash", "-c", running_text(text)], input=given, capture_output=True, timeout=30, check=False
    )
    assert b"StepBegun" not in ran.stdout
    assert fake.conf.read_bytes() == OLD
    assert fake.left_over() == []


def test_signs_of_life_come_while_a_step_takes_long() -> None:
    def work(tell: Callable[[Message], None]) -> None:
        time.sleep(0.3)
        tell(StepBegun(step="x"))

    *alive, last = narrated(work, every=0.1)
    assert last == StepBegun(step="x")
    assert {type(message) for message in alive} == {Alive}


# ---- the lock --------------------------------------------------------------------------------------------------


def test_held_lock_blocks_deploy_and_names_its_owner(fake: FakeHost) -> None:
    with held(fake.state):
        ran = carry_out(fake.request(write(fake.conf, NEW)))
    assert ran.messages == [LockRefused(owner=OWNER)]
    assert fake.conf.read_bytes() == OLD


def test_deploy_acquires_lock_of_dead_task(fake: FakeHost) -> None:
    (fake.state / "lock").write_text("jane@desk, r0 since today\n")
    ran = carry_out(fake.request(write(fake.conf, NEW)))
    assert "jane@desk, r0 since today" in ran.notes[0]
    assert ran.ended == "committed"


# ---- sudo ------------------------------------------------------------------------------------------------------

SUDO = """#!/bin/sh
read -r line
printf '%s|%s\\n' "$*" "$line" >>"{root}/sudo.calls"
[ "$*" != "-n -v" ] || exit {ticket}
"""
SECRET = "s3cret 'x\""


def sudo_calls(
    fake: FakeHost, monkeypatch: pytest.MonkeyPatch, password: str, ticket: int
) -> tuple[str, str, list[str]]:
    """Run a change whose reload goes through a stand-in for sudo; each call as "ARGUMENTS|STANDARD INPUT"."""
    executable(fake.root / "bin/sudo", SUDO.format(root=fake.root, ticket=ticket))
    monkeypatch.setenv("PATH", f"{fake.root}/bin:{os.environ['PATH']}")
    request = fake.request(write(fake.conf, NEW), sudo_password=password)
    request.commands.reload = ["sudo", "service", "httpd", "restart"]
    ran = carry_out(request)
    return ran.ended, str(ran.messages), (fake.root / "sudo.calls").read_text().splitlines()


def test_sudo_password_is_sent_only_to_sudo_prompt(fake: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    ended, told, calls = sudo_calls(fake, monkeypatch, SECRET, ticket=0)
    assert ended == "committed", told
    assert calls == [f"-S -p  -v|{SECRET}", "-n -v|", "-n -- service httpd restart|"]
    kept = [path for path in fake.root.rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()]
    assert kept == [fake.root / "sudo.calls"]
    assert "s3cret" not in told


def test_sudo_without_cached_credentials_gets_password_with_command(
    fake: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, told, calls = sudo_calls(fake, monkeypatch, SECRET, ticket=1)
    assert ended == "committed", told
    assert calls[-1] == f"-S -p  -- service httpd restart|{SECRET}"


def test_sudo_without_password_checks_permission_first_and_never_prompts(
    fake: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, told, calls = sudo_calls(fake, monkeypatch, "", ticket=0)
    assert ended == "committed", told
    assert calls == ["-n -l -- service httpd restart|", "-n -- service httpd restart|"]


def test_missing_sudo_rule_is_reported_before_any_change(fake: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    executable(fake.root / "bin/sudo", "#!/bin/sh\necho 'a password is required' >&2\nexit 1\n")
    monkeypatch.setenv("PATH", f"{fake.root}/bin:{os.environ['PATH']}")
    request = fake.request(write(fake.conf, NEW))
    request.commands.reload = ["sudo", "service"]
    ran = carry_out(request)
    assert (ran.ended, ran.failed.step) == ("unchanged", "prove")
    assert "cannot run 'service' without a password" in ran.failed.evidence
    assert fake.conf.read_bytes() == OLD


# ---- pending reloads -------------------------------------------------------------------------------------------


def test_service_rejecting_old_and_new_files_has_pending_reload(fake: FakeHost) -> None:
    executable(fake.root / "reload", "#!/bin/sh\nexit 1\n")
    ran = carry_out(fake.request(write(fake.conf, NEW)))
    assert ran.ended == "files-back"
    assert probed(fake.state).owed == ["apache"]
    executable(fake.root / "reload", "#!/bin/sh\nexit 0\n")
    assert carry_out(fake.request(name="r2")).ended == "committed"
    assert probed(fake.state).owed == []


# ---- releases --------------------------------------------------------------------------------------------------


def test_old_releases_are_pruned_with_their_contents(fake: FakeHost) -> None:
    for number in range(5):
        request = fake.request(write(fake.conf, b"# %d\n" % number), name=f"r{number}", keep=2)
        assert carry_out(request).ended == "committed"
    assert sorted(path.name for path in (fake.state / "releases").iterdir()) == ["r3", "r4"]
    assert {path.name for path in (fake.state / "objects").iterdir()} == {digest(b"# 3\n"), digest(b"# 4\n")}
    found = read_releases("dash", fake.state, "r3")
    assert found.releases.current == "r4"
    assert [file.content for file in found.contents["r3"].files] == [b"# 3\n"]


def test_releases_are_ordered_by_host_counter_not_operator_clock(fake: FakeHost) -> None:
    """One whose clock is years ahead, then one whose clock is right: the later is the later, the first is pruned."""
    names = ["20301126T000000Z-aaaa", "20261126T000000Z-bbbb", "20261127T000000Z-cccc"]
    for name in names:
        assert carry_out(fake.request(write(fake.conf, name.encode()), name=name, keep=2)).ended == "committed"
    found = parse_releases(read_releases("dash", fake.state).releases)
    assert [release.name for release in found] == names[1:]
    assert found[-1].current


def test_release_contains_host_values_for_its_rollback_checks(fake: FakeHost) -> None:
    for name, port in (("r1", 443), ("r2", 444)):
        values = f'{{"apache": {{"port": {port}}}}}'
        assert carry_out(fake.request(write(fake.conf, name.encode()), name=name, host=values)).ended == "committed"
    found = read_releases("dash", fake.state, "r2", "r1").contents
    assert [one.host for one in found.values()] == ['{"apache": {"port": 444}}', '{"apache": {"port": 443}}']
    assert [file.content for one in found.values() for file in one.files] == [b"r2", b"r1"]


def test_release_record_contains_smoke_check_results(fake: FakeHost) -> None:
    ran = carry_out(fake.request(write(fake.conf, NEW)), Verdict(checks=["ok from outside"]))
    assert ran.ended == "committed", ran
    (past,) = parse_releases(read_releases("dash", fake.state).releases)
    assert past.checks == ["ok from outside"]


def test_releases_list_hand_edit_backed_up_by_rollback(fake: FakeHost) -> None:
    executable(fake.root / "reload", f"#!/bin/sh\nprintf edited >'{fake.conf}'\n")
    carry_out(fake.request(write(fake.conf, NEW)), NO)
    (past,) = parse_releases(read_releases("dash", fake.state).releases)
    ((path, where),) = past.edits
    assert (path, Path(where).read_bytes()) == (str(fake.conf), b"edited")


def test_failed_deploys_do_not_push_out_live_releases(fake: FakeHost) -> None:
    """A night of failures pushes no way back out."""
    for name in ("a1", "a2", "a3"):
        carry_out(fake.request(write(fake.conf, name.encode()), name=name, keep=2))
    for name in ("b1", "b2", "b3", "b4", "b5", "b6", "b7"):
        carry_out(fake.request(write(fake.conf, name.encode()), name=name, keep=2), NO)
    carry_out(fake.request(write(fake.conf, b"a4"), name="a4", keep=2))
    left = sorted(path.name for path in (fake.state / "releases").iterdir())
    assert left == ["a3", "a4", "b3", "b4", "b5", "b6", "b7"]


def test_original_files_and_hand_edits_survive_pruning_of_releases(fake: FakeHost) -> None:
    for number, kind in enumerate(("take-over", "update", "edited-by-hand", "update", "update")):
        if kind == "edited-by-hand":
            fake.conf.write_bytes(b"by hand\n")
        meta = [f"changed {kind} {fake.conf}"]
        request = fake.request(write(fake.conf, b"# %d\n" % number), name=f"r{number}", meta=meta, keep=1)
        assert carry_out(request).ended == "committed"
    assert [path.name for path in (fake.state / "releases").iterdir()] == ["r4"]
    kept = {path.parent.name: path.read_bytes() for path in fake.state.glob("kept/*/old.1")}
    assert kept == {"r0": OLD, "r2": b"by hand\n"}
    assert f"changed take-over {fake.conf}" in (fake.state / "kept/r0/meta").read_text()


def test_hand_edit_survives_pruning_of_failed_deploy(fake: FakeHost) -> None:
    executable(fake.root / "reload", f"#!/bin/sh\nprintf edited >'{fake.conf}'\n")
    carry_out(fake.request(write(fake.conf, NEW), name="b0"), NO)
    executable(fake.root / "reload", "#!/bin/sh\n")
    for number in range(1, 6):
        carry_out(fake.request(write(fake.conf, NEW), name=f"b{number}"), NO)
    carry_out(fake.request(write(fake.conf, NEW), name="a"))
    assert not (fake.state / "releases/b0").exists()
    assert (fake.state / "kept/b0/edited.1").read_bytes() == b"edited"


# ---- the state folder ------------------------------------------------------------------------------------------


def test_probe_reports_state_of_host(fake: FakeHost) -> None:
    same = fake.conf.with_name("cert ssl.conf")
    same.write_bytes(NEW)
    none = fake.root / "none"
    found = probed(fake.state, (fake.conf, digest(NEW)), (same, digest(NEW)), (none, digest(NEW)))
    first, second, third = found.files
    assert (first.digest, first.mode, first.content) == (digest(OLD), "0600", OLD)
    assert (second.path, second.digest, second.content) == (str(same), digest(NEW), None)
    assert (third.path, third.exists) == (str(none), False)
    assert found.supervisord.state == "down"


def places_of(fake: FakeHost, state: str) -> list[str]:
    """What the probe and the list of releases say of other folders, where the inventory names `state`."""
    uwsgi = f"{fake.root}/u.ini"
    asked = probed(fake.root / state, home=f"{fake.root}/home", uwsgi_files={"service": uwsgi})
    found = [*filter(None, [asked.elsewhere])]
    listed = read_releases("dash", fake.root / state, home=fake.root / "home", uwsgi=uwsgi)
    assert found == list(filter(None, [listed.releases.elsewhere]))
    return found


def test_probe_reports_releases_in_former_state_dir(fake: FakeHost) -> None:
    assert places_of(fake, "other") == []
    assert carry_out(fake.request(write(fake.conf, NEW), home=f"{fake.root}/home")).ended == "committed"
    assert places_of(fake, "other") == [str(fake.state)]
    assert places_of(fake, "state") == []


def test_probe_finds_former_state_dir_of_previous_version(fake: FakeHost) -> None:
    """It has left no note: the usual place, and the folder that uWSGI's file names."""
    assert carry_out(fake.request(write(fake.conf, NEW))).ended == "committed"
    assert places_of(fake, "other") == []
    (fake.root / "u.ini").write_text(f"[uwsgi]\nzerg-server = {fake.state}/uwsgi.zerg\n")
    assert places_of(fake, "other") == [str(fake.state)]
    (fake.root / "u.ini").unlink()
    (fake.root / "home/private").mkdir(exist_ok=True)
    fake.state.rename(fake.root / "home/private/poms-ops")
    assert places_of(fake, "other") == [f"{fake.root}/home/private/poms-ops"]


def test_default_state_dir_leaves_no_note(fake: FakeHost) -> None:
    note, usual = fake.root / "home/.poms-ops-state-dir", f"{fake.root}/home/private/poms-ops"
    note.write_text("a former one\n")
    request = fake.request(write(fake.conf, NEW), home=f"{fake.root}/home")
    request.supervisord.state_dir = usual
    assert carry_out(request).ended == "committed"
    assert not note.exists()


def test_received_and_never_begun_changes_of_an_earlier_version_are_removed(fake: FakeHost) -> None:
    """But for those that are still being received; one of an early version has no name of a process."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    start_time = Path("/proc/self/stat").read_text().rpartition(") ")[2].split()[19]
    own = f"incoming.{os.getpid()}-{start_time}-{boot}.aaaaaa"
    for name in (own, own.replace(boot, "another"), own.replace(f"-{start_time}-", "-1-"), "incoming.before"):
        (fake.state / name).mkdir()
        (fake.state / name / "files").touch()
    assert carry_out(fake.request()).ended == "committed"
    assert {path.name for path in fake.state.glob("incoming.*")} == {own, "incoming.before"}
    an_hour_ago = time.time() - 3600
    for name in (own, "incoming.before"):
        os.utime(fake.state / name, (an_hour_ago, an_hour_ago))
    assert carry_out(fake.request(name="r2")).ended == "committed"
    assert [path.name for path in fake.state.glob("incoming.*")] == [own]


def test_request_survives_its_way_to_the_host(fake: FakeHost) -> None:
    request = fake.request(write(fake.conf, bytes(range(256))))
    assert copied(request) == request


def test_failures_name_step_or_reason(fake: FakeHost) -> None:
    assert ChangeFailed(step="swap").unwanted == ""
    ran = carry_out(fake.request(write(fake.conf, NEW)), NO)
    assert (ran.failed.step, ran.failed.unwanted) == ("", "no")
