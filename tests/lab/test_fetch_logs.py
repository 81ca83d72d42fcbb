"""`fetch-logs` on real hosts, and output that nobody reads to its end."""

import os
import signal
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.lab.bases import exhaustive
from tests.lab.site import FAB, PYTHON, Site, until

LOGS = "/home/poms/private/logs/poms"
AGENT = f"{LOGS}/poms_joblog_agent.log"


@pytest.fixture
def rotated(deployed: Site) -> Site:
    """A host with a rotated log whose lines are of two hours and of one hour ago."""
    deployed.poms(
        f"{{ date -d '2 hours ago' '+%F %T long ago'; date -d '1 hour ago' '+%F %T an hour ago'; }} > {AGENT}.1; "
        f"touch -d '1 hour ago' {AGENT}.1"
    )
    return deployed


def contents(bundle: Path) -> dict[str, str]:
    """The text of each file in a bundle."""
    with tarfile.open(bundle) as archive:
        found = {}
        for member in archive:
            file = archive.extractfile(member)
            assert file
            found["/" + member.name] = file.read().decode(errors="replace")
        return found


def test_log_bundle_has_rotated_logs_and_is_private_to_operator(rotated: Site, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        said = rotated.fab("-H", "pomsgpvm01", "fetch-logs", f"--to={tmp_path}", check=True)
    finally:
        os.umask(before)
    (bundle,) = tmp_path.iterdir()
    assert said.out.startswith(f"pomsgpvm01: {bundle}, ")
    assert bundle.name.startswith("pomsgpvm01-logs-2")
    assert bundle.stat().st_mode & 0o777 == 0o600
    found = contents(bundle)
    assert {f"{AGENT}.1", AGENT, f"{LOGS}/poms_webservice.log", f"{LOGS}/supervisord.log"} < set(found)
    assert rotated.poms(f"LC_ALL=C wc -l < {AGENT}.1").strip() == str(found[f"{AGENT}.1"].count("\n"))
    assert "joblog: line" in found[AGENT]
    assert "not in the bundle: /var/log/httpd/error_log cannot be read" in said.err


def test_compressed_files_are_read_or_named(rotated: Site, tmp_path: Path) -> None:
    one, torn, other = f"{AGENT}.3.xz", f"{AGENT}.2.gz", f"{AGENT}.4.lz4"
    made = "import lzma, sys; sys.stdout.buffer.write(lzma.compress(sys.stdin.buffer.read()))"
    rotated.poms(f"{PYTHON} -c '{made}' < {AGENT}.1 > {one}; touch -d '1 hour ago' {one}")
    rotated.poms(f"gzip -c {AGENT}.1 | head -c 40 > {torn}; echo x > {other}")
    words = ("-H", "pomsgpvm01"), "--programs=poms_joblog_agent"
    try:
        shown = rotated.fab(*words[0], "tail-logs", "--since=1d", words[1], check=True)
        said = rotated.fab(*words[0], "fetch-logs", f"--to={tmp_path}", words[1], check=True)
    finally:
        rotated.poms(f"rm {one} {torn} {other}")
    assert [f"({path} " in shown.out for path in (one, torn, other)] == [False, True, True]
    assert shown.out.count(" an hour ago") == 2, "in the .xz and as it was"
    (bundle,) = tmp_path.iterdir()
    assert {one, torn, other} < set(contents(bundle))
    assert [path in said.err for path in (one, torn, other)] == [False, True, False]


def test_since_and_programs_limit_fetched_logs(rotated: Site, tmp_path: Path) -> None:
    words = ("-H", "pomsgpvm01", "fetch-logs", f"--to={tmp_path}", "--programs=poms_joblog_agent")
    rotated.fab(*words, "--since=90m", check=True)
    (bundle,) = tmp_path.iterdir()
    found = contents(bundle)
    assert set(found) == {AGENT, f"{AGENT}.1"}
    assert found[f"{AGENT}.1"].endswith("an hour ago\n")
    assert "long ago" not in found[f"{AGENT}.1"]
    bundle.unlink()
    rotated.fab(*words, "--since=1m", check=True)
    (bundle,) = tmp_path.iterdir()
    assert set(contents(bundle)) == {AGENT}


@pytest.mark.exhaustive
def test_incomplete_log_bundle_is_removed(rotated: Site, tmp_path: Path) -> None:
    big = f"{LOGS}/poms_status_agent.log.1"
    rotated.poms(f"head -c 60000000 /dev/urandom > {big}")
    words = ("-H", "pomsgpvm01", "fetch-logs", f"--to={tmp_path}", "--programs=poms_status_agent")
    said = rotated.fab(*words, "--limit=2")
    assert said.code == 1
    assert "larger than 2 MB" in said.err
    assert list(tmp_path.iterdir()) == []
    with rotated.start(*words) as running:
        until(lambda: any(file.stat().st_size > 1_000_000 for file in tmp_path.iterdir()), 20, "it is on its way")
        assert all(file.name.endswith(".part") for file in tmp_path.iterdir())
        rotated.root("pkill -9 -u poms sshd")
        assert running.wait(timeout=30) == 1
    assert list(tmp_path.iterdir()) == []
    with rotated.start(*words) as running:
        until(lambda: any(file.stat().st_size > 1_000_000 for file in tmp_path.iterdir()), 20, "it is on its way")
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(timeout=30) == 130
    assert list(tmp_path.iterdir()) == []
    with rotated.start(*words) as killed:
        until(lambda: any(file.stat().st_size > 1_000_000 for file in tmp_path.iterdir()), 20, "it is on its way")
        killed.kill()
    with rotated.start(*words) as living:
        until(lambda: len(list(tmp_path.iterdir())) == 1, 20, "what the killed one left is gone")
        until(lambda: any(file.stat().st_size > 1_000_000 for file in tmp_path.iterdir()), 20, "it is on its way")
        rotated.fab("-H", "fermicloud045", "fetch-logs", f"--to={tmp_path}", "--programs=apache", check=True)
        assert sum(file.name.endswith(".part") for file in tmp_path.iterdir()) == 1, "a living one's is left alone"
        os.killpg(living.pid, signal.SIGINT)
    assert [file.name[-7:] for file in tmp_path.iterdir()] == [".tar.gz"]
    agents = "pgrep -u poms -fc '^[^ ]*python[0-9.]* -I -S -c' || :"
    until(lambda: int(rotated.root(agents)) == 0, 10, "nothing runs on there")
    rotated.poms(f"rm {big}")


@pytest.mark.parametrize("verb", ["status", "--list", "hosts", "tail-logs --since=1h", *exhaustive("doctor")])
def test_closed_pipe_ends_task_with_sigpipe_code(site: Site, verb: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        line = ["bash", "-c", f"{FAB} {verb}; echo $? >&2"]
        done = subprocess.run(
            line, cwd=FAB.parents[2], env=site.environment(), stdout=writer, stderr=subprocess.PIPE, text=True
        )
    finally:
        os.close(writer)
    assert done.stderr.splitlines()[-1] == str(128 + signal.SIGPIPE)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
