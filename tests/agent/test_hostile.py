"""Nothing from the inventory or the command line becomes shell: hostile values in every field, under three shells.

A value is either refused, or every script that is told of it takes it for plain data: it comes back, reaches a
command or lies in a file byte for byte, and no other file is made.
"""

import contextlib
import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec import structs

from ops.agent.logs_messages import LogsRequest
from ops.deploy import transaction
from ops.deploy.drift import managed_directories
from ops.deploy.plan import make_plan
from ops.deploy.releases import Release, new_release, read_files, read_releases
from ops.deploy.snapshot import probe
from ops.errors import BadInput, HostError
from ops.logs.catalog import Log, chosen_logs
from ops.logs.stream import HostLogs, LogLine
from ops.monitoring import doctor_facts
from ops.monitoring.certificates import read_expiries
from ops.monitoring.health import collect
from ops.rendering.renderer import render
from ops.schema import Host
from ops.services import apache
from ops.ssh.session import Remote
from tests.agent.local_line import Line
from tests.agent.shells import SHELLS
from tests.hostile import CANARY, hosts, merged, placed, read, texts, without_refused
from tests.scale import TIMES

few = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=3 * TIMES,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[*HealthCheck],
)
under_each_shell = pytest.mark.parametrize("shell", SHELLS)
words = st.lists(texts(), max_size=3)


@contextlib.contextmanager
def line(shell: str) -> Iterator[Line]:
    """A place of its own for each example; its name is short, for sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="h") as name:
        made = Line(Path(name), shell)
        try:
            yield made
        finally:
            made.end()
        assert not [path for path in made.root.rglob("*") if path.name == CANARY], "it became shell"
        assert not [*made.place("cwd").iterdir(), *made.place("home").iterdir(), *made.place("tmp").iterdir()]


def host_of(line: Line, table: dict[str, Any], **apache: Any) -> Host:
    """The host that hostile `table` makes, with no path outside the line's folder."""
    kept, _ = without_refused(placed(table, line.root), line.root)
    host = read(merged(kept, {"address": "127.0.0.1", "apache": apache}), line.root).hosts["web1"]
    (line.root / "hosts.toml").unlink()
    return host


def files(line: Line) -> set[str]:
    """What lies where the inventory's paths lead."""
    found = (path for path in line.root.rglob("*") if not path.is_dir() and not path.is_relative_to(line.place(".")))
    return {str(path) for path in found} - {f"{line.root}/stderr"}


@under_each_shell
@few
@given(table=hosts(), asked=words)
def test_read_only_tasks_treat_hostile_values_as_data(shell: str, table: dict[str, Any], asked: list[str]) -> None:
    with line(shell) as here:
        httpd = str(here.place("bin") / "httpd")
        host = host_of(here, table, configtest=[httpd, *asked], restart=["sudo", *asked, "end"])
        wanted, remote = render(host), here.remote(host)

        assert set(probe(remote, wanted, managed_directories(host)).files) == {file.path for file in wanted}
        endings = {(one.path, one.problem) for one in read_expiries(remote)}
        assert (host.apache.certificate, "is not there") in endings
        assert read_releases(remote) == []
        for folder in (host.home, host.log_dir):  # whose disks are looked at
            Path(folder).mkdir(parents=True, exist_ok=True)
        seen = collect(remote, wanted)
        assert (seen.report.trouble, seen.report.supervisord) == ("", "down")
        assert set(seen.snapshot.files) == {file.path for file in wanted}
        assert seen.vitals.disks

        asked_for = doctor_facts.request(host, wanted, None)
        facts = doctor_facts.read(asked_for, remote.answer(asked_for), doctor_facts.Login("x", 0, ""))
        assert set(facts.account.unwritable) <= set(asked_for.writes)
        assert (facts.apache.authorities or 0, facts.apache.version) == (0, "")
        assert ["sudo", "-n", "-l", "--", *asked, "end"] in here.commands()

        assert files(here) == set()


@under_each_shell
@few
@given(table=hosts(), asked=words, refused=texts())
def test_commands_receive_hostile_arguments_unchanged(
    shell: str, table: dict[str, Any], asked: list[str], refused: str
) -> None:
    with line(shell) as here:
        httpd = str(here.place("bin") / "httpd")
        host = host_of(here, table, configtest=[httpd, *asked], restart=["sudo", *asked, "end"])
        host = structs.replace(host, apache=structs.replace(host.apache, port=1, cert_port=1))
        with pytest.raises(HostError, match="rejects its configuration"):
            apache.control(
                here.remote(structs.replace(host, apache=structs.replace(host.apache, configtest=[refused, *asked]))),
                "",
            )
        without_ports = structs.replace(apache.configuration(host), ports=[])  # there is no Apache that would answer
        with patch.object(apache, "configuration", lambda _: without_ports):
            apache.control(here.remote(host, password="'$(touch CANARY)' \\c"), "restart")
        assert [httpd.rpartition("/")[2], *asked] in here.commands()
        assert ["sudo", "-n", "--", *asked, "end"] in here.commands()
        assert files(here) == {f"{host.state_dir}/lock"}


@under_each_shell
@few
@given(table=hosts(), pattern=texts())
def test_hostile_log_paths_and_patterns_are_plain_data(shell: str, table: dict[str, Any], pattern: str) -> None:
    with line(shell) as here:
        host = host_of(here, merged(table, {"programs": {"p": {"command": "x"}}}))
        logs = chosen_logs(host, ",".join(host.programs))
        for number, log in enumerate(logs):
            Path(log.path).parent.mkdir(parents=True, exist_ok=True)
            Path(log.path).write_text(f"{number} {pattern}\nother\n")
        before = files(here)
        assert lines(here.remote(host), logs) == sorted(
            text for number in range(len(logs)) for text in (f"{number} {pattern}", "other")
        )
        expected = subprocess.run(
            ["grep", "-h", "-e", pattern, "--", *(log.path for log in logs)],
            capture_output=True,
            text=True,
            check=False,
        )
        if expected.returncode < 2:
            assert lines(here.remote(host), logs, pattern) == sorted(expected.stdout.splitlines())
        else:
            with pytest.raises(BadInput, match="is not a basic regular expression"):
                lines(here.remote(host), logs, pattern)
        assert files(here) == before


def lines(remote: Remote, logs: list[Log], pattern: str = "") -> list[str]:
    source = HostLogs(remote.host, logs, LogsRequest(lines=9, pattern=pattern))
    return sorted(line.text for line in source.read(remote) if isinstance(line, LogLine))


@pytest.fixture(scope="module")
def running_apache() -> Iterator[None]:
    """STAND-IN for an Apache that runs: a process of root's with its name."""
    with tempfile.TemporaryDirectory() as folder:
        program = shutil.copy(str(shutil.which("sleep")), f"{folder}/httpd")
        with subprocess.Popen([program, "600"]) as running:
            yield
            running.kill()


@pytest.mark.skipif(os.geteuid() != 0, reason="Apache's first process is root's")
@pytest.mark.usefixtures("running_apache")
@under_each_shell
@few
@given(table=hosts(), asked=words, said=texts())
def test_deploy_with_hostile_values_writes_only_named_files(
    shell: str, table: dict[str, Any], asked: list[str], said: str
) -> None:
    with line(shell) as here:
        commands = {
            "configtest": [str(here.place("bin") / "httpd"), *asked],
            "reload": ["sudo", *asked, "reload"],
            "account": getpass.getuser(),  # another one would need a way in to the app's socket
        }
        host = host_of(here, table, **commands)
        host = structs.replace(host, apache=structs.replace(host.apache, port=1, cert_port=1))
        socket = f"{host.supervisor.socket}.s"  # another than any other path
        host = structs.replace(host, supervisor=structs.replace(host.supervisor, socket=socket))
        host = structs.replace(host, deploy=structs.replace(host.deploy, validation="none"))  # no trial start here
        main = Path(host.apache.server_root) / "conf/httpd.conf"
        main.parent.mkdir(parents=True)
        main.write_text(f'ServerRoot "{host.apache.server_root}"\nInclude {host.apache.server_root}/x\nListen 1\n')
        wanted, remote = render(host), here.remote(host)
        for file in wanted:
            if file.service == "apache" or not file.path.startswith(f"{host.home}/"):  # those folders are not ours
                Path(file.path).parent.mkdir(parents=True, exist_ok=True)

        release = replace(new_release(f"key SHA256:x {said}", f"deploy of {said}"), operator=said)
        outcome = deployed(remote, release)
        contents = {file.path: file.content for file in wanted} | {str(main): main.read_bytes()}
        assert {path: Path(path).read_bytes() for path in contents} == contents
        own = (f"{host.state_dir}/", f"{host.home}/.poms-ops-state-dir")
        assert [path for path in files(here) - {*contents, socket} if not path.startswith(own)] == []
        for command in (["httpd", *asked], ["sudo", "-n", "--", *asked, "reload"]):
            assert command in here.commands()
        assert ["supervisord", "-c", host.supervisor.file] in here.commands()

        (past,) = read_releases(remote)
        assert (past.name, past.current, past.facts["ended"]) == (outcome.release, True, "committed")
        assert (past.facts["by"], past.facts["for"], past.facts["operator"]) == (
            release.who,
            release.purpose,
            said,
        )
        assert {(file.path, file.content) for file in read_files(remote, past.name)} == {
            (file.path, file.content) for file in wanted
        }
        again = make_plan(host, wanted, probe(remote, wanted, managed_directories(host)))
        assert not again.changed


def deployed(remote: Remote, release: Release) -> transaction.Outcome:
    wanted = render(remote.host)
    plan = make_plan(remote.host, wanted, probe(remote, wanted))
    without_ports = structs.replace(apache.configuration(remote.host), ports=[])  # there is nobody who would answer
    with (
        patch.object(apache, "configuration", lambda _: without_ports),
        patch.multiple(transaction, run_smoke_checks=lambda _: [], find_regressions=lambda *_: []),
    ):
        return transaction.carry_out(remote, plan, release, lambda _: None)
