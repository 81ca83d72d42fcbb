"""The transaction's remote half, run here under each shell: the host is changed as a whole or not at all."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.deploy.releases import parse_releases
from tests.scripts.local_agent import probed, read_releases
from tests.scripts.remote import SHELLS, FakeHost, Ran, answer, digest, executable, run, start

OLD, NEW = b"# old\n", b"# new\n"


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


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


def left_over(fake: FakeHost) -> list[str]:
    """Staged files and locks that should not be there after the end."""
    hidden = [path.name for path in fake.conf.parent.iterdir() if path.name.startswith(".")]
    left = hidden + [p.name for p in (fake.root / "state").iterdir() if p.name.startswith(("incoming", "pending"))]
    lock = fake.root / "state/lock"
    return left + (["lock"] if lock.exists() and lock.read_bytes() else [])


def test_commit_writes_files_with_modes_and_backs_up_old_ones(shell: str, fake: FakeHost) -> None:
    ini = fake.root / "home/private/config/u w.ini"
    ran = run(shell, "transaction", [*fake.request((fake.conf, NEW, digest(OLD)), (ini, b"", "absent")), "commit"])
    assert ran.values("ended") == ["committed"], ran
    assert (fake.conf.read_bytes(), ini.read_bytes()) == (NEW, b"")
    assert [path.stat().st_mode & 0o777 for path in (fake.conf, ini)] == [0o644, 0o644]
    assert (fake.root / "reloaded").read_bytes() == NEW
    release = (fake.root / "state/current").resolve()
    assert release.name == "r1"
    assert (release / "manifest").read_text().splitlines()[0] == f"{digest(NEW)} 0644 {fake.conf}"
    assert (release / "old.1").read_bytes() == OLD
    assert left_over(fake) == []
    assert ran.code == 0


def test_failed_configtest_rolls_back_without_reload(shell: str, fake: FakeHost) -> None:
    other = fake.conf.with_name("cert_ssl.conf")
    files = (fake.conf, NEW, digest(OLD)), (other, b"BROKEN\n", "absent")
    ran = run(shell, "transaction", [*fake.request(*files), "commit"])
    assert ran.values("ended") == ["rolled-back"]
    assert ran.values("failed") == ["configtest"]
    assert "Syntax error" in ran.evidence()
    assert fake.conf.read_bytes() == OLD
    assert fake.conf.stat().st_mode & 0o777 == 0o600
    assert not other.exists()
    assert not (fake.root / "reloaded").exists()
    assert left_over(fake) == []
    assert ran.code == 1


def test_failed_reload_rolls_back_and_reloads_old_files(shell: str, fake: FakeHost) -> None:
    executable(
        fake.root / "reload",
        f'#!/bin/sh\ncat "{fake.conf}" >>"{fake.root}/reloaded"\n! grep new "{fake.conf}"\n',
    )
    ran = run(shell, "transaction", [*fake.request((fake.conf, NEW, digest(OLD))), "commit"])
    assert ran.values("ended") == ["rolled-back"]
    assert fake.conf.read_bytes() == OLD
    assert (fake.root / "reloaded").read_bytes() == NEW + OLD


@pytest.mark.parametrize("verdict", [["rollback"], [], ["interrupted by the operator"]])
def test_any_verdict_except_commit_rolls_back(shell: str, fake: FakeHost, verdict: list[str]) -> None:
    ran = answer(shell, "transaction", fake.request((fake.conf, NEW, digest(OLD))), "verdict", verdict)
    assert ran.values("ended") == ["rolled-back"]
    assert ran.values("unwanted") == (verdict or ["the connection to the operator was lost"])
    assert fake.conf.read_bytes() == OLD
    assert (fake.root / "reloaded").read_bytes() == NEW + OLD
    assert not (fake.root / "state/current").exists()


def test_interrupt_before_swap_changes_nothing(shell: str, fake: FakeHost) -> None:
    """Apache is asked for nothing, for an operator who has left cannot want what he has not seen."""
    request = fake.request((fake.conf, NEW, digest(OLD)))
    executable(fake.root / "configtest", f"#!/bin/sh\necho tested >>'{fake.root}/tested'\n")
    for words in (["interrupted by the operator"], []):
        ran = answer(shell, "transaction", request, "step stage", words)
        if ran.values("ended") == ["rolled-back"]:  # it was heard at a later step: then all of it is undone
            assert (fake.root / "reloaded").read_bytes()[-len(OLD) :] == OLD
        else:
            assert ran.values("ended") == ["unchanged"], ran
            assert not (fake.root / "reloaded").exists()
        assert ran.values("unwanted") == (words or ["the connection to the operator was lost"])
        assert fake.conf.read_bytes() == OLD
        assert left_over(fake) == []


def test_incomplete_request_changes_nothing(shell: str, fake: FakeHost) -> None:
    request = fake.request((fake.conf, NEW, digest(OLD)))
    for length in range(1, len(request)):
        ran = run(shell, "transaction", request[:length]) if length in (1, 2, 9, len(request) - 1) else None
        if ran:
            assert ran.code == 1
            assert ran.values("ended") == []
            assert left_over(fake) == []
    assert fake.conf.read_bytes() == OLD


def test_deploy_stops_if_file_changed_since_snapshot(shell: str, fake: FakeHost) -> None:
    ran = run(shell, "transaction", [*fake.request((fake.conf, NEW, digest(b"what was seen"))), "commit"])
    assert ran.values("ended") == ["unchanged"]
    assert "changed by somebody else" in ran.evidence()
    assert fake.conf.read_bytes() == OLD
    assert left_over(fake) == []


def test_held_lock_blocks_deploy_and_names_its_owner(shell: str, fake: FakeHost) -> None:
    lock = fake.root / "state/lock"
    lock.write_text("jane@desk, r0 since today\n")
    with subprocess.Popen(
        ["flock", lock, "sh", "-c", "echo held; exec sleep 60"], stdout=subprocess.PIPE
    ) as lock_owner:
        assert lock_owner.stdout
        lock_owner.stdout.readline()
        ran = run(shell, "transaction", [*fake.request((fake.conf, NEW, digest(OLD))), "commit"])
        subprocess.run(["pkill", "-P", str(lock_owner.pid)], check=True)
    assert ran.values("locked") == ["jane@desk, r0 since today"]
    assert ran.code == 4
    assert fake.conf.read_bytes() == OLD
    assert lock.read_text() == "jane@desk, r0 since today\n"


def test_deploy_acquires_lock_of_dead_task(shell: str, fake: FakeHost) -> None:
    (fake.root / "state/lock").write_text("jane@desk, r0 since today\n")
    ran = run(shell, "transaction", [*fake.request((fake.conf, NEW, digest(OLD))), "commit"])
    assert "lock of a task that died: jane@desk, r0 since today" in ran.values("note")[0]
    assert ran.values("ended") == ["committed"]


def test_deploy_first_rolls_back_killed_deploy(shell: str, fake: FakeHost) -> None:
    pending = fake.root / "state/pending"
    pending.mkdir()
    other = fake.conf.with_name("new.conf")
    (pending / "files").write_text(f"1 0644 {digest(OLD)} x {fake.conf}\n2 0644 absent x {other}\n")
    (pending / "old.1").write_bytes(OLD)
    (pending / "absent.2").touch()
    for name in ("swapping", "meta", "reloads", "listens", "well"):
        (pending / name).touch()
    fake.conf.write_bytes(b"half done\n")
    other.write_bytes(b"half done\n")
    ran = run(shell, "transaction", [*fake.request((fake.conf, NEW, digest(OLD))), "commit"])
    assert any("rolled back a deploy that was killed" in note for note in ran.values("note"))
    assert ran.values("ended") == ["committed"]
    assert fake.conf.read_bytes() == NEW
    assert not other.exists()
    assert ((fake.root / "state/current") / "old.1").read_bytes() == OLD


def staged(fake: FakeHost) -> set[str]:
    return {path.name for path in (fake.root / "state").glob("incoming.*")}


def test_staging_of_dead_deploy_is_removed_but_not_of_running(shell: str, fake: FakeHost) -> None:
    """However old it is: a request that is on its way for an hour is not half of one that nobody sends any more."""
    request = fake.request((fake.conf, NEW, digest(OLD)))
    with start(shell, "transaction", request[:-1]) as dead, start(shell, "transaction", request[:-1]) as living:
        until_staged(fake, 2)
        os.killpg(dead.pid, 9)
        (left,) = [name for name in staged(fake) if f".{dead.pid}-" in name]
        (kept,) = staged(fake) - {left}
        an_hour_ago = time.time() - 3600
        os.utime(fake.root / "state" / kept, (an_hour_ago, an_hour_ago))
        ran = run(shell, "transaction", [*fake.request(name="r2"), "commit"])
        assert ran.values("ended") == ["committed"], ran
        assert staged(fake) == {kept}
        os.killpg(living.pid, 9)
    run(shell, "transaction", [*fake.request(name="r3"), "commit"])
    assert left_over(fake) == []


def test_staging_from_before_boot_or_of_dead_process_is_removed(shell: str, fake: FakeHost) -> None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    start_time = Path("/proc/self/stat").read_text().rpartition(") ")[2].split()[19]
    own = f"incoming.{os.getpid()}-{start_time}-{boot}.aaaaaa"
    for name in (own, own.replace(boot, "another"), own.replace(f"-{start_time}-", "-1-"), "incoming.before"):
        (fake.root / "state" / name).mkdir()
        (fake.root / "state" / name / "files").touch()
    run(shell, "transaction", [*fake.request(name="r2"), "commit"])
    assert staged(fake) == {own, "incoming.before"}, "the last has no name of a process: an earlier version made it"
    an_hour_ago = time.time() - 3600
    os.utime(fake.root / "state/incoming.before", (an_hour_ago, an_hour_ago))
    run(shell, "transaction", [*fake.request(name="r3"), "commit"])
    assert staged(fake) == {own}


def until_staged(fake: FakeHost, count: int) -> None:
    end = time.monotonic() + 20
    while len([name for name in staged(fake) if (fake.root / "state" / name / "files").exists()]) < count:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_file_in_read_only_directory_is_written_in_place(shell: str, open_folder: Path) -> None:
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    command = as_nobody if os.geteuid() == 0 else []
    fake = FakeHost(open_folder)
    fake.conf.write_bytes(OLD)
    for path in (fake.conf, fake.root / "state", fake.root / "home", fake.root):
        path.chmod(0o777)
    fake.conf.parent.chmod(0o555)
    inode = fake.conf.stat().st_ino
    SHELLS["in place"] = [*command, *SHELLS[shell]]
    try:
        ran = run("in place", "transaction", [*fake.request((fake.conf, NEW, digest(OLD))), "commit"])
    finally:
        del SHELLS["in place"]
        fake.conf.parent.chmod(0o755)
    assert ran.values("ended") == ["committed"], ran
    assert fake.conf.read_bytes() == NEW
    assert fake.conf.stat().st_ino == inode


SUDO = """#!/bin/sh
read -r line
printf '%s|%s\\n' "$*" "$line" >>"{root}/sudo.calls"
[ "$*" != "-n -v" ] || exit {ticket}
"""


def sudo_calls(
    shell: str, fake: FakeHost, monkeypatch: pytest.MonkeyPatch, password: list[str], ticket: int
) -> tuple[Ran, list[str]]:
    """Run a transaction whose reload goes through a stand-in for sudo; each call as "ARGUMENTS|STANDARD INPUT"."""
    bin_dir = fake.root / "bin"
    bin_dir.mkdir()
    executable(bin_dir / "sudo", SUDO.format(root=fake.root, ticket=ticket))
    monkeypatch.setenv("PATH", f"{bin_dir}:{os.environ['PATH']}")
    request = [line for line in fake.request((fake.conf, NEW, digest(OLD))) if not line.startswith("apache ")]
    command = ["apache sudo", "apache service", "apache httpd", "apache restart"]
    ran = run(shell, "transaction", [*request[:-1], *command, *password, "end", "commit"])
    return ran, (fake.root / "sudo.calls").read_text().splitlines()


def test_sudo_password_is_sent_only_to_sudo_prompt(
    shell: str, fake: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "s3cret 'x\""
    ran, calls = sudo_calls(shell, fake, monkeypatch, ["password", secret], ticket=0)
    assert ran.values("ended") == ["committed"], ran
    assert calls == [f"-S -p  -v|{secret}", "-n -v|", "-n -- service httpd restart|"]
    kept = [path for path in fake.root.rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()]
    assert kept == [fake.root / "sudo.calls"]
    assert "s3cret" not in "".join(ran.facts) + ran.noise


def test_sudo_without_cached_credentials_gets_password_with_command(
    shell: str, fake: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran, calls = sudo_calls(shell, fake, monkeypatch, ["password", "s3cret"], ticket=1)
    assert ran.values("ended") == ["committed"], ran
    assert calls[-1] == "-S -p  -- service httpd restart|s3cret"


def test_sudo_without_password_checks_permission_first_and_never_prompts(
    shell: str, fake: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran, calls = sudo_calls(shell, fake, monkeypatch, [], ticket=0)
    assert ran.values("ended") == ["committed"], ran
    assert calls == ["-n -l -- service httpd restart|", "-n -- service httpd restart|"]


def test_missing_sudo_rule_is_reported_before_any_change(
    shell: str, fake: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    bin_dir = fake.root / "bin"
    bin_dir.mkdir()
    executable(bin_dir / "sudo", "#!/bin/sh\necho 'a password is required' >&2\nexit 1\n")
    monkeypatch.setenv("PATH", f"{bin_dir}:{os.environ['PATH']}")
    request = [line for line in fake.request((fake.conf, NEW, digest(OLD))) if not line.startswith("apache ")]
    ran = run(shell, "transaction", [*request[:-1], "apache sudo", "apache service", "end", "commit"])
    assert ran.values("ended") == ["unchanged"]
    assert "cannot run 'service' without a password" in ran.evidence()
    assert fake.conf.read_bytes() == OLD


def test_truncated_file_content_is_not_installed(shell: str, fake: FakeHost) -> None:
    request = fake.request((fake.conf, NEW, digest(OLD)))
    broken = [line if not line.startswith("content") else "content IyBu" for line in request]
    ran = run(shell, "transaction", [*broken, "commit"])
    assert (ran.values("failed"), ran.values("ended")) == (["stage"], ["unchanged"])
    assert fake.conf.read_bytes() == OLD


def test_silent_operator_triggers_rollback_unless_heartbeat_arrives(shell: str, fake: FakeHost) -> None:
    request = [*fake.request((fake.conf, NEW, digest(OLD)))[:-1], "limit 1", "end"]
    with start(shell, "transaction", request) as running:
        assert running.stdin
        assert running.stdout
        for line in running.stdout:
            if line == b"verdict\n":
                break
        for _ in range(8):
            running.stdin.write(b"\n")
            running.stdin.flush()
            time.sleep(0.5)
        assert fake.conf.read_bytes() == NEW
        rest = [line.decode().strip() for line in running.stdout]
    assert "unwanted nothing was heard from the operator for 1 seconds" in rest
    assert rest[-1] == "ended rolled-back"
    assert fake.conf.read_bytes() == OLD
    assert left_over(fake) == []


def test_deploy_preserves_symbolic_link(shell: str, fake: FakeHost) -> None:
    real = fake.root / "real.conf"
    fake.conf.rename(real)
    fake.conf.symlink_to(real)
    ran = run(shell, "transaction", [*fake.request((fake.conf, NEW, digest(OLD))), "commit"])
    assert ran.values("ended") == ["committed"], ran
    assert fake.conf.is_symlink()
    assert real.read_bytes() == NEW


def test_service_rejecting_old_and_new_files_has_pending_reload(shell: str, fake: FakeHost) -> None:
    executable(fake.root / "reload", "#!/bin/sh\nexit 1\n")
    ran = run(shell, "transaction", [*fake.request((fake.conf, NEW, digest(OLD))), "commit"])
    assert ran.values("ended") == ["files-back"]
    assert probed(fake.root / "state").owed == ["apache"]
    executable(fake.root / "reload", "#!/bin/sh\nexit 0\n")
    run(shell, "transaction", [*fake.request(name="r2"), "commit"])
    assert probed(fake.root / "state").owed == []


def test_old_releases_are_pruned_with_their_contents(shell: str, fake: FakeHost) -> None:
    for number in range(5):
        before, after = fake.conf.read_bytes(), b"# %d\n" % number
        request = [*fake.request((fake.conf, after, digest(before)), name=f"r{number}")[:-1], "keep 2", "end"]
        assert run(shell, "transaction", [*request, "commit"]).values("ended") == ["committed"]
    state = fake.root / "state"
    assert sorted(path.name for path in (state / "releases").iterdir()) == ["r3", "r4"]
    assert {path.name for path in (state / "objects").iterdir()} == {digest(b"# 3\n"), digest(b"# 4\n")}
    found = read_releases(shell, state, "r3")
    assert found.releases.current == "r4"
    assert [file.content for file in found.contents["r3"].files] == [b"# 3\n"]


def test_probe_reports_state_of_host(fake: FakeHost) -> None:
    same = fake.conf.with_name("cert ssl.conf")
    same.write_bytes(NEW)
    none = fake.root / "none"
    found = probed(fake.root / "state", (fake.conf, digest(NEW)), (same, digest(NEW)), (none, digest(NEW)))
    first, second, third = found.files
    assert (first.digest, first.mode, first.content) == (digest(OLD), "0600", OLD)
    assert (second.path, second.digest, second.content) == (str(same), digest(NEW), None)
    assert (third.path, third.exists) == (str(none), False)
    assert found.supervisord.state == "down"


def test_releases_are_ordered_by_host_counter_not_operator_clock(shell: str, fake: FakeHost) -> None:
    """One whose clock is years ahead, then one whose clock is right: the later is the later, the first is pruned."""
    names = ["20301126T000000Z-aaaa", "20261126T000000Z-bbbb", "20261127T000000Z-cccc"]
    for name in names:
        seen = digest(fake.conf.read_bytes())
        request = fake.request((fake.conf, name.encode(), seen), name=name)
        assert run(shell, "transaction", ["keep 2", *request, "commit"]).values("ended") == ["committed"]
    found = parse_releases(read_releases(shell, fake.root / "state").releases)
    assert [release.name for release in found] == names[1:]
    assert found[-1].current


def test_release_contains_host_values_for_its_rollback_checks(shell: str, fake: FakeHost) -> None:
    for name, port in (("r1", 443), ("r2", 444)):
        seen = digest(fake.conf.read_bytes())
        request = [*fake.request((fake.conf, name.encode(), seen), name=name)[:-1]]
        request += [f'host {{"apache": {{"port": {port}}}}}', "end", "commit"]
        assert run(shell, "transaction", request).values("ended") == ["committed"]
    found = read_releases(shell, fake.root / "state", "r2", "r1").contents
    assert [one.host for one in found.values()] == ['{"apache": {"port": 444}}', '{"apache": {"port": 443}}']
    assert [file.content for one in found.values() for file in one.files] == [b"r2", b"r1"]


def places_of(fake: FakeHost, state: str) -> list[str]:
    """What the probe and the list of releases say of other folders, where the inventory names `state`."""
    uwsgi = f"{fake.root}/u.ini"
    found = [*filter(None, [probed(fake.root / state, home=f"{fake.root}/home", uwsgi_file=uwsgi).elsewhere])]
    listed = read_releases("dash", fake.root / state, home=fake.root / "home", uwsgi=uwsgi)
    assert found == list(filter(None, [listed.releases.elsewhere]))
    return found


def test_probe_reports_releases_in_former_state_dir(shell: str, fake: FakeHost) -> None:
    request = [f"home {fake.root}/home", *fake.request((fake.conf, NEW, digest(OLD)))]
    assert places_of(fake, "other") == []
    assert run(shell, "transaction", [*request, "commit"]).values("ended") == ["committed"]
    assert places_of(fake, "other") == [f"{fake.root}/state"]
    assert places_of(fake, "state") == []


def test_probe_finds_former_state_dir_of_previous_version(shell: str, fake: FakeHost) -> None:
    """It has left no note: the usual place, and the folder that uWSGI's file names."""
    assert run(shell, "transaction", [*fake.request((fake.conf, NEW, digest(OLD))), "commit"]).code == 0
    assert places_of(fake, "other") == []
    (fake.root / "u.ini").write_text(f"[uwsgi]\nzerg-server = {fake.root}/state/uwsgi.zerg\n")
    assert places_of(fake, "other") == [f"{fake.root}/state"]
    (fake.root / "u.ini").unlink()
    (fake.root / "home/private").mkdir(exist_ok=True)
    (fake.root / "state").rename(fake.root / "home/private/poms-ops")
    assert places_of(fake, "other") == [f"{fake.root}/home/private/poms-ops"]


def test_default_state_dir_leaves_no_note(shell: str, fake: FakeHost) -> None:
    note, usual = fake.root / "home/.poms-ops-state-dir", f"state_dir {fake.root}/home/private/poms-ops"
    note.write_text("a former one\n")
    request = fake.request((fake.conf, NEW, digest(OLD)))
    request[0] = usual
    assert run(shell, "transaction", [*request[:-1], f"home {fake.root}/home", "end", "commit"]).code == 0
    assert not note.exists()


def test_release_record_contains_smoke_check_results(shell: str, fake: FakeHost) -> None:
    request = fake.request((fake.conf, NEW, digest(OLD)))
    ran = answer(shell, "transaction", request, "verdict", ["meta check ok from outside", "commit"])
    assert ran.values("ended") == ["committed"], ran
    (past,) = parse_releases(read_releases(shell, fake.root / "state").releases)
    assert past.checks == ["ok from outside"]


def test_releases_list_hand_edit_backed_up_by_rollback(shell: str, fake: FakeHost) -> None:
    edit = f"#!/bin/sh\nprintf edited >'{fake.conf}'\n"
    executable(fake.root / "reload", edit)
    answer(shell, "transaction", fake.request((fake.conf, NEW, digest(OLD))), "verdict", ["rollback"])
    (past,) = parse_releases(read_releases(shell, fake.root / "state").releases)
    ((path, where),) = past.edits
    assert (path, Path(where).read_bytes()) == (str(fake.conf), b"edited")


def test_failed_deploys_do_not_push_out_live_releases(shell: str, fake: FakeHost) -> None:
    """A night of failures pushes no way back out."""

    def deploy(name: str, word: str) -> None:
        seen = digest(fake.conf.read_bytes())
        request = [*fake.request((fake.conf, name.encode(), seen), name=name)[:-1], "keep 2", "end"]
        answer(shell, "transaction", request, "verdict", [word])

    for name in ("a1", "a2", "a3"):
        deploy(name, "commit")
    for name in ("b1", "b2", "b3", "b4", "b5", "b6", "b7"):
        deploy(name, "rollback")
    deploy("a4", "commit")
    left = sorted(path.name for path in (fake.root / "state/releases").iterdir())
    assert left == ["a3", "a4", "b3", "b4", "b5", "b6", "b7"]


def test_original_files_and_hand_edits_survive_pruning_of_releases(shell: str, fake: FakeHost) -> None:
    for number, kind in enumerate(("take-over", "update", "edited-by-hand", "update", "update")):
        before = b"by hand\n" if kind == "edited-by-hand" else fake.conf.read_bytes()
        fake.conf.write_bytes(before)
        request = fake.request((fake.conf, b"# %d\n" % number, digest(before)), name=f"r{number}")[:-1]
        request += [f"meta changed {kind} {fake.conf}", "keep 1", "end", "commit"]
        assert run(shell, "transaction", request).values("ended") == ["committed"]
    state = fake.root / "state"
    assert [path.name for path in (state / "releases").iterdir()] == ["r4"]
    kept = {path.parent.name: path.read_bytes() for path in state.glob("kept/*/old.1")}
    assert kept == {"r0": OLD, "r2": b"by hand\n"}
    assert f"changed take-over {fake.conf}" in (state / "kept/r0/meta").read_text()


def test_hand_edit_survives_pruning_of_failed_deploy(shell: str, fake: FakeHost) -> None:
    executable(fake.root / "reload", f"#!/bin/sh\nprintf edited >'{fake.conf}'\n")
    answer(shell, "transaction", fake.request((fake.conf, NEW, digest(OLD)), name="b0"), "verdict", ["rollback"])
    executable(fake.root / "reload", "#!/bin/sh\n")
    for number in range(1, 6):
        seen = digest(fake.conf.read_bytes())
        answer(shell, "transaction", fake.request((fake.conf, NEW, seen), name=f"b{number}"), "verdict", ["no"])
    run(shell, "transaction", [*fake.request((fake.conf, NEW, digest(fake.conf.read_bytes())), name="a"), "commit"])
    state = fake.root / "state"
    assert not (state / "releases/b0").exists()
    assert (state / "kept/b0/edited.1").read_bytes() == b"edited"
