"""The probe asks supervisord itself what runs, where its file would change, and nothing else does it then."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ops.agent.service_messages import SupervisordPlace
from ops.deploy import snapshot
from ops.deploy.snapshot import Snapshot
from tests.agent import local_agent
from tests.agent.shells import SHELLS
from tests.agent.transactions import digest
from tests.unit.hosts import host

TOOLS = Path(sys.executable).parent


@dataclass
class Supervisord:
    """A real one, with two programs of its own file and one of an included file."""

    root: Path
    process: "subprocess.Popen[bytes]"

    @property
    def conf(self) -> Path:
        return self.root / "supervisord.conf"

    def probe(self, shell: str, wanted: str) -> Snapshot:
        request = snapshot.request(host(), [])
        request.supervisord = SupervisordPlace(
            conf=str(self.conf), socket=f"{self.root}/s.sock", state_dir=f"{self.root}/state"
        )
        request.files = [(str(self.conf), wanted)]
        return snapshot.read(local_agent.ask(shell, request)[0])


def begin(root: Path, more: str) -> Supervisord:
    root.joinpath("more.conf").write_text(
        "[program:included]\ncommand=sleep 600\nnumprocs=2\nprocess_name=i%(process_num)d\n"
    )
    root.joinpath("supervisord.conf").write_text(
        f"[unix_http_server]\nfile=%(here)s/s.sock\n{more}\n[supervisord]\nlogfile={root}/log\npidfile={root}/pid\n"
        "nodaemon=true\n[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        "[program:web]\ncommand=sleep 600\nstartsecs=0\n[program:spare]\ncommand=sleep 600\nautostart=false\n"
        "[include]\nfiles=more.conf\n"
    )
    command = [str(TOOLS / "supervisord"), "-c", str(root / "supervisord.conf")]
    with (root / "out").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=root, start_new_session=True)
    end = time.monotonic() + 30
    while not (root / "s.sock").exists() or "entered RUNNING" not in (root / "log").read_text():
        assert process.poll() is None, (root / "out").read_text()
        assert time.monotonic() < end
        time.sleep(0.05)
    return Supervisord(root, process)


@pytest.fixture
def supervisord(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Supervisord]:
    begun = begin(tmp_path, getattr(request, "param", ""))
    yield begun
    begun.process.send_signal(signal.SIGTERM)
    begun.process.wait(30)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "supervisord", ["", "username = us;er\npassword: p=w#d  ; for us alone"], indirect=True, ids=["open", "password"]
)
def test_programs_of_included_files_are_told_too(shell: str, supervisord: Supervisord) -> None:
    found = supervisord.probe(shell, digest(b"another"))
    assert found.supervisord == "up"
    assert found.untold == ""
    assert found.programs is not None
    assert found.programs.keys() == {"web", "spare", "included:i0", "included:i1"}
    assert (found.programs["web"], found.programs["spare"]) == ("RUNNING", "STOPPED")


def test_where_it_cannot_be_asked_that_is_told(tmp_path: Path) -> None:
    begun = begin(tmp_path, "username=u\npassword={SHA}da39a3ee5e6b4b0d3255bfef95601890afd80709\n")
    try:
        found = begun.probe("dash", digest(b"another"))
        assert found.programs is None
        assert (found.supervisord, bool(found.untold)) == ("refuses", True)
        assert "password" in found.supervisord_detail
        assert "da39" not in found.supervisord_detail + found.untold
    finally:
        begun.process.send_signal(signal.SIGTERM)
        begun.process.wait(30)


def test_where_nothing_differs_programs_are_not_asked_for(supervisord: Supervisord) -> None:
    same = supervisord.probe("dash", digest(supervisord.conf.read_bytes()))
    assert (same.programs, same.untold) == (None, "")
