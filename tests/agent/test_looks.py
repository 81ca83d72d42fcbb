"""A look leaves the account's home and what is kept there as they were: no file more, none written, none touched."""

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.agent.apache_messages import ApacheConfiguration
from ops.agent.certificates_messages import CertificatesRequest
from ops.agent.doctor_messages import DoctorRequest
from ops.agent.health_messages import HealthRequest
from ops.agent.messages import Message
from ops.agent.probe_messages import ProbeRequest
from ops.agent.programs_messages import ProgramsReport, ProgramsRequest
from ops.agent.releases_messages import ReleasesRequest
from ops.agent.service_messages import App, SupervisordPlace
from ops.agent.workers_messages import WorkersRequest
from tests.agent import local_agent
from tests.agent.shells import SHELLS, executable


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def tree(root: Path) -> dict[str, tuple[object, ...]]:
    """Of each path what a write or a change of its mode or owner would alter; a read does not."""
    seen: dict[str, tuple[object, ...]] = {}
    for path in [root, *sorted(root.rglob("*"))]:
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        seen[str(path)] = status.st_ino, status.st_mode, status.st_mtime_ns, status.st_ctime_ns, content
    return seen


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home that was deployed to, with products whose Python could write compiled files beside its modules.

    It has a release, a pending reload, the text of a task that died, half-sent files and a log.
    """
    home = tmp_path / "home"
    state = home / "private/poms-ops"
    for name in ("releases/r1", "objects", "kept/r0", "pending", "incoming.1-2-3.abc", "stopped"):
        (state / name).mkdir(parents=True)
    (state / "current").symlink_to("releases/r1")
    for name, text in {
        "releases/r1/meta": "release r1\nsequence 1\nended committed\n",
        "releases/r1/manifest": f"{'0' * 64} 0644 {home}/private/app.ini\n",
        "pending/meta": "release r2\n",
        "lock": "jane@desk, deploy r2 since yesterday\n",
        "owed": "apache\n",
    }.items():
        (state / name).write_text(text)
    (home / "private/app.ini").write_text("[uwsgi]\n")
    (home / "private/log").write_text("2026-01-01 00:00:00 a line\n")
    (home / "supervisord.conf").write_text("[supervisord]\n")
    package = home / "products/lib/supervisor"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "xmlrpc.py").write_text("class SupervisorTransport(object):\n    pass\n")
    (home / "products/bin").mkdir()
    for tool in ("supervisord", "uwsgi"):
        executable(home / "products/bin" / tool, "#!/bin/sh\necho 1.0\n")
    launcher = (
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, '{home}/products/lib')\nimport supervisor.xmlrpc\n"
    )
    executable(home / "products/bin/supervisorctl", launcher)
    return home


def place(home: Path) -> SupervisordPlace:
    return SupervisordPlace(
        conf=f"{home}/supervisord.conf", socket=f"{home}/private/s.sock", state_dir=f"{home}/private/poms-ops"
    )


def requests(home: Path) -> dict[str, Message]:
    state, app = (
        f"{home}/private/poms-ops",
        App(
            listen=f"{home}/private/app.sock",
            page="/",
            headers=[],
            statuses=[],
            ini="/none",
            log="",
            timeout=1,
            start=1,
            program="w",
        ),
    )
    return {
        "probe": ProbeRequest(
            supervisord=place(home),
            home=str(home),
            uwsgi_files={"service": f"{home}/private/app.ini"},
            files=[(f"{home}/private/app.ini", "1" * 64)],
            apps=[app],
        ),
        "health": HealthRequest(
            state_dir=state,
            most_waiting=1,
            server_name="x",
            page="/",
            ports=[1],
            disks=[str(home)],
            configtest=["true"],
            apps=[app],
        ),
        "releases": ReleasesRequest(
            state_dir=state, home=str(home), uwsgi_file="/none", contents=("r1",), originals=True
        ),
        "certificates": CertificatesRequest(
            certificate="/none", folders=[("host", str(home))], revocation_dir=str(home), ports=[1]
        ),
        "workers": WorkersRequest(stats=f"{home}/private/stats.sock", log=f"{home}/private/log"),
        "programs": ProgramsRequest(supervisord=place(home)),
        "doctor": DoctorRequest(
            supervisord=place(home),
            activate=f"PATH={home}/products/bin:$PATH; unset PYTHONDONTWRITEBYTECODE",
            apache=ApacheConfiguration(httpd="/nowhere", server_root="/nowhere", log_dir="/nowhere", ports=[1]),
            apps=[app],
            ca_dir="/nowhere",
            writes=[f"{home}/private/x", f"{home}/new/x"],
            grants=[],
            tools=[],
            files=[],
            probe=None,
        ),
    }


@pytest.mark.parametrize("look", ["probe", "health", "doctor", "releases", "certificates", "workers", "programs"])
@pytest.mark.parametrize("shown", ["deployed", "new"])
def test_it_changes_nothing(shell: str, home: Path, look: str, shown: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    if shown == "new":  # no folder of ours is there
        (home / "private").rename(home / "elsewhere")
    before = tree(home)
    assert local_agent.ask(shell, requests(home)[look])[0].messages
    after = tree(home)
    assert {path for path in {*before, *after} if before.get(path) != after.get(path)} == set()


@pytest.fixture
def answering(home: Path) -> Iterator[Path]:
    """STAND-IN for supervisord: it answers each question with its process id."""
    path = home / "private/s.sock"
    told = b"<methodResponse><params><param><value><int>77</int></value></param></params></methodResponse>"
    with socket.socket(socket.AF_UNIX) as listening:
        short = os.open(home / "private", os.O_RDONLY)  # an address has 108 characters
        listening.bind(f"/proc/self/fd/{short}/s.sock")
        os.close(short)
        listening.listen()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    asked, _ = listening.accept()
                    asked.recv(65536)
                    asked.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(told), told))
                    asked.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield path
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_the_states_of_programs_are_asked_for_without_a_trace(shell: str, home: Path, answering: Path) -> None:
    (home.parent / "s").symlink_to(answering.parent)
    before = tree(home)
    asked = ProgramsRequest(supervisord=place(home))
    asked.supervisord.socket = f"{home.parent}/s/s.sock"
    found = local_agent.ask(shell, asked)[0].only(ProgramsReport)
    assert (found.supervisord.state, found.supervisord.pid) == ("up", 77)
    assert tree(home) == before
