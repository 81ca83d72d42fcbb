"""How far a trial start of a deploy goes is found by trying it: no tool's help decides."""

import re
from pathlib import Path

import pytest

from ops.scripts import FOLDER
from tests.scripts.remote import SHELLS, FakeHost, Ran, digest, executable, run

OLD, NEW = b"# old\n", b"# new\n"
# STAND-IN: it notes its words, and allows nothing. Its help says what util-linux of each age says.
UNSHARE = """#!/bin/sh
echo "$*" | head -n 1 >>@ROOT@/asked
case $* in *help*) echo "--map-user=<uid>|<name>  --map-user <uid>" ;; *) echo no namespaces >&2; exit 1 ;; esac
"""


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    made = FakeHost(tmp_path)
    made.conf.write_bytes(OLD)
    (tmp_path / "bin").mkdir()
    executable(tmp_path / "bin/unshare", UNSHARE.replace("@ROOT@", str(tmp_path)))
    return made


def deploy(shell: str, host: FakeHost) -> Ran:
    request = [*host.request((host.conf, NEW, digest(OLD))), "commit"]
    return run(shell, "transaction", request, str(host.root / "bin"))


def test_deploy_tries_the_start_without_reading_help(shell: str, host: FakeHost) -> None:
    ran = deploy(shell, host)
    assert ran.code == 0, ran
    tried = (host.root / "asked").read_text().splitlines()
    assert "--map-root-user" in tried[0]
    assert not [words for words in tried if "help" in words]


def test_no_script_reads_what_a_tools_help_says() -> None:
    """Whether a tool runs at all may be seen by asking for its help; what it prints goes nowhere."""
    asks = re.compile(r"[\w$\"{}/]+ --help\b.*")
    lines = [match[0] for path in FOLDER.glob("*.sh") for match in asks.finditer(path.read_text(encoding="utf-8"))]
    assert lines
    assert [line for line in lines if "|" in line.replace("||", "") or ">>" in line or line.endswith(")")] == []
