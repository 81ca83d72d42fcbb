"""The validation of uWSGI's new file: a trial start that answers, and what it leaves out."""

import sys
import time
from pathlib import Path

import pytest

from ops.agent.service_messages import App
from ops.agent.uwsgi_file import fit_for_standby, left_out_of
from ops.agent.uwsgi_trial import check_left_out, validate
from ops.agent.validation_failed import ValidationFailed
from tests.agent.shells import executable

INI = """[uwsgi]
# a comment
socket = /home/poms/app.sock
http-socket = 127.0.0.1:8888
workers = 4
threads = 8
module = poms
log-format = %(addr)
logto = /nowhere/folder/uwsgi.log
spooler = /tmp
stats = /tmp/stats.sock
max-requests = 500
touch-reload = /tmp/x
env = A=b
"""
# STAND-IN for uWSGI: it serves the uwsgi protocol on its socket, unless its file says otherwise.
UWSGI = """#!@PYTHON@
import os, socket, sys, time
ini = open(sys.argv[sys.argv.index("--ini") + 1]).read()
if "--cflags" in sys.argv:
    sys.exit("unknown option" if "BROKEN" in ini else 0)
print("starting uWSGI", flush=True)
if "ENDS" in ini:
    sys.exit("no python application found")
open(sys.argv[sys.argv.index("--pidfile") + 1], "w").write(str(os.getpid()))
open("@ROOT@/started", "w").write(str(os.getpid()))
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[sys.argv.index("--socket") + 1])
server.listen()
while "HANGS" not in ini:
    line = server.accept()[0]
    line.recv(4096)
    line.sendall(b"HTTP/1.1 %s OK" % (b"500" if "FAILS" in ini else b"200"))
    line.close()
time.sleep(60)
"""


@pytest.fixture
def uwsgi(tmp_path: Path) -> Path:
    """The folder of a stand-in."""
    executable(tmp_path / "uwsgi", UWSGI.replace("@PYTHON@", sys.executable).replace("@ROOT@", str(tmp_path)))
    (tmp_path / "work").mkdir()
    return tmp_path


def app(start: int = 10) -> App:
    return App(listen="/none", page="/", headers=[], statuses=[], ini="", log="", timeout=10, start=start)


def tried(folder: Path, text: str, start: int = 10) -> str:
    (folder / "new.ini").write_text(text)
    return validate(str(folder / "new.ini"), app(start), f"PATH={folder}:$PATH", str(folder / "work"))


def is_gone(folder: Path) -> bool:
    return not Path("/proc", (folder / "started").read_text()).exists()


def test_new_file_answers_in_a_trial_start(uwsgi: Path) -> None:
    assert tried(uwsgi, "[uwsgi]\nmodule = poms\n") == ""
    assert is_gone(uwsgi)


@pytest.mark.parametrize(
    ("mark", "evidence"),
    [
        ("BROKEN", "unknown option"),
        ("ENDS", "no python application found"),
        ("FAILS", "answers no request within 10"),
        ("FAILS", "with 500, not a status under 500"),
    ],
)
def test_file_that_uwsgi_cannot_use_is_refused(uwsgi: Path, mark: str, evidence: str) -> None:
    begun = time.monotonic()
    with pytest.raises(ValidationFailed) as caught:
        tried(uwsgi, f"[uwsgi]\nenv = {mark}\n")
    assert evidence in caught.value.evidence
    assert time.monotonic() - begun < 5, "nobody waits for one that has ended"


def test_app_that_hangs_is_ended_with_its_trial(uwsgi: Path) -> None:
    said = r"(?s)starting uWSGI\n.*does not answer.*\nuWSGI does not start with the new file"
    with pytest.raises(ValidationFailed, match=said):
        tried(uwsgi, "[uwsgi]\nenv = HANGS\n", start=1)
    assert is_gone(uwsgi)


def test_interrupted_trial_is_ended(uwsgi: Path) -> None:
    (uwsgi / "new.ini").write_text("[uwsgi]\nenv = HANGS\n")
    begun = time.monotonic()
    with pytest.raises(ValidationFailed):
        validate(str(uwsgi / "new.ini"), app(60), f"PATH={uwsgi}:$PATH", str(uwsgi / "work"), lambda: True)
    assert time.monotonic() - begun < 30


def test_second_uwsgi_has_none_of_the_options_that_the_first_uses() -> None:
    kept = fit_for_standby(INI)
    assert kept == "[uwsgi]\nmodule = poms\nlog-format = %(addr)\nenv = A=b\n"


def test_options_that_are_left_out_are_named_with_their_paths() -> None:
    assert left_out_of(INI) == [
        ("socket", "/home/poms/app.sock"),
        ("logto", "/nowhere/folder/uwsgi.log"),
        ("spooler", "/tmp"),
        ("stats", "/tmp/stats.sock"),
    ]


def test_folders_of_options_that_are_left_out_must_be_writable(tmp_path: Path) -> None:
    with pytest.raises(ValidationFailed, match="logto = /nowhere/folder/uwsgi\\.log: uWSGI cannot write there"):
        check_left_out(f"logto = /nowhere/folder/uwsgi.log\nstats = {tmp_path}/s\n")
    text = f"zerg-server = {tmp_path}/z\nlogto = file:{tmp_path}/100%%\nstats = {tmp_path}/s\nstats = {tmp_path}/t\n"
    assert check_left_out(text) == (
        "uWSGI options left out of the trial start: logto, stats; their folders are writable"
    )
    assert check_left_out("workers = 4\nmodule = x\n") == ""
