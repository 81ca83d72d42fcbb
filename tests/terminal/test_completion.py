"""What TAB offers: held to what fab itself knows, and typed into a real bash."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from ops.logs.catalog import SERVICES as LOG_SERVICES
from ops.project import PROJECT
from tasks._completion import CORE, SERVICES, completions, verbs

FAB = Path(sys.executable).parent / "fab"


WHAT_FAB_KNOWS = """
import json, fabric.main, fabfile
tasks = {name: fabfile.namespace[name] for name in fabfile.namespace.task_names}
flags = {name: [f"--{argument.name}" for argument in task.get_arguments()] for name, task in tasks.items()}
core = [f"--{name}" for each in fabric.main.program.core_args() + fabric.main.program.task_args()
        for name in each.names if len(name) > 1]
print(json.dumps([flags, core]))
"""


def test_completion_knows_tasks_and_flags_of_fab() -> None:
    said = subprocess.run([sys.executable, "-c", WHAT_FAB_KNOWS], cwd=PROJECT, stdout=subprocess.PIPE, check=True)
    flags, core = json.loads(said.stdout)
    assert {verb: sorted(each) for verb, each in verbs().items()} == {
        verb: sorted(flag.replace("_", "-") for flag in each) for verb, each in flags.items()
    }
    assert set(CORE) == set(core)
    assert tuple(SERVICES) == LOG_SERVICES


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "hosts.toml"
    path.write_text("[fleet.groups]\npair = []\n[defaults.programs.web]\n[hosts.h1.programs.agent]\n[hosts.h2]\n")
    monkeypatch.setenv("POMS_INVENTORY", str(path))
    return path


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-H", ""], ["h1", "h2", "pair"]),
        (["-H", "h1,"], ["h1,h2", "h1,pair"]),
        (["--hosts", "=", "p"], ["pair"]),
        (["--hosts=p"], ["--hosts=pair"]),
        (["-H", "h1", "tail"], ["tail-logs"]),
        (["restart-programs", "--programs", "=", ""], ["web", "agent"]),
        (["restart-programs", "--programs", "="], ["web", "agent"]),
        (["restart-programs", "-p", "web,"], ["web,agent"]),
        (["tail-logs", "--programs=ap"], ["--programs=apache"]),
        (["tail-logs", "--s"], ["--since"]),
        (["shell", ""], ["h1", "h2", "pair"]),
        (["fetch-logs", "--to", "=", "x"], []),
        (["--identity", ""], []),
        (["--help", "dep"], ["deploy"]),
        (["deploy", "h"], ["h1", "h2", "hosts"]),
        (["stop-programs", "w"], ["web", "workers"]),
        (["tail-logs", "ap"], ["apache"]),
        (["hosts", "h"], ["hosts"]),
        (["run", "some command", "h1"], ["h1"]),
        (["run", "--js"], ["--json"]),
    ],
)
def test_completion_offers_hosts_groups_programs_and_flags(
    inventory: Path, words: list[str], expected: list[str]
) -> None:
    assert completions(words) == expected


@pytest.mark.parametrize(
    ("words", "asked", "expected"),
    [
        (["-H", "h2", "rollback", "--to", "=", ""], ("h2", "rollback"), ["r1", "r2"]),
        (["--hosts", "=", "h2,h1", "rollback", "--to", "="], ("h2", "rollback"), ["r1", "r2"]),
        (["--hosts=h2", "rollback", "--to=r2"], ("h2", "rollback"), ["--to=r2"]),
        (["diff", "--to", "r"], ("h1", "diff"), ["r1", "r2"]),
        (["rollback", "r1"], ("h1", "rollback"), ["r1"]),
        (["releases", ""], ("h1", "releases"), ["r1", "r2"]),
        (["rollback", "--y"], None, ["--yes"]),
        (["fetch-logs", "--to", "=", "r"], None, []),
    ],
)
def test_completion_offers_releases_of_named_or_default_host(
    inventory: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], asked: object, expected: list[str]
) -> None:
    inventory.write_text(inventory.read_text().replace("[fleet.groups]", 'fleet.default = "h1"\n[fleet.groups]'))
    said: list[tuple[str, ...]] = []

    def answer(*question: str) -> list[str]:
        said.append(question)
        return ["r1", "r2"]

    monkeypatch.setattr("tasks._completion.releases", answer)
    assert completions(words) == expected
    assert said == ([asked] if asked else [])


def test_completion_offers_no_releases_of_unreachable_host(inventory: Path) -> None:
    assert completions(["-H", "h1", "rollback", "--to", "=", ""]) == []


@pytest.fixture
def grouped(inventory: Path) -> Path:
    inventory.write_text(
        inventory.read_text()
        + "[defaults.programs.pool]\nnumprocs = 2\n[defaults.groups.duo]\nprograms = ['web', 'agent']\n"
    )
    return inventory


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["stop-programs", "--programs=duo"], ["--programs=duo:web", "--programs=duo:*", "--programs=duo:agent"]),
        (["stop-programs", "--programs", "=", "duo", ":", "w"], ["web"]),
        (["stop-programs", "--programs", "=", "duo", ":"], ["web", "*", "agent"]),
        (["stop-programs", "-p", "web,duo", ":", "a"], ["agent"]),
        (["tail-logs", "pool", ":", "pool_01"], ["pool_01"]),
        (["restart-programs", "po"], ["pool", "pool:pool_00", "pool:*", "pool:pool_01"]),
    ],
)
def test_completion_offers_full_names(grouped: Path, words: list[str], expected: list[str]) -> None:
    assert completions(words) == expected


def test_completion_of_full_names_works_in_real_shell(grouped: Path) -> None:
    test_completion_works_in_real_shell(
        grouped, "bash", "fab stop-programs --programs=duo:w\t", "fab stop-programs --programs=duo:web "
    )


def test_completion_offers_nothing_for_broken_inventory(inventory: Path) -> None:
    inventory.write_text("[hosts")
    assert completions(["-H", ""]) == []


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize(
    ("typed", "becomes"),
    [
        ("fab tail\t", "fab tail-logs "),
        ("fab -H h1,h\t", "fab -H h1,h2 "),
        ("fab restart-programs --programs=w\t", "fab restart-programs --programs=web "),
        ("fab fetch-logs --li\t", "fab fetch-logs --limit "),
    ],
)
def test_completion_works_in_real_shell(inventory: Path, shell: str, typed: str, becomes: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell}")
    plain = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"]}[shell]
    path = f"{FAB.parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "PS1": "$ ", "TERM": "dumb", "HOME": str(inventory.parent)}
    environment["POMS_INVENTORY"] = str(inventory)
    running = pexpect.spawn(shell, plain, cwd=PROJECT, env=environment, encoding="utf-8", timeout=20)
    running.sendline(". tasks/completion.sh; echo rea''dy")
    running.expect("ready")
    running.send(typed)
    running.expect_exact(becomes)
    running.close(force=True)
