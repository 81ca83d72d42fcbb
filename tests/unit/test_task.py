"""What every verb has in common: it cannot run on the operator's machine, and its errors are for the operator."""

import itertools
import re
import subprocess
from importlib import import_module
from pathlib import Path

import pytest
from invoke.collection import Collection
from invoke.tasks import Task

from ops.project import PROJECT
from tasks._registry import MODULES, collection
from tests.unit.conftest import Fab

FAB = PROJECT / ".venv/bin/fab"


def test_every_task_is_listed_with_its_help(fab: Fab) -> None:
    listed = fab("--list").stdout
    for verb in ("deploy", "diff", "render", "check-apache", "restart-apache", "tail-logs", "status", "lab.up"):
        assert f"  {verb} " in listed
    # In a process of its own: a task tells the help of its flags once.
    told = subprocess.run([FAB, "--help", "deploy"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert re.search("--force .*Overwrite files", told)


def test_render_needs_no_network_and_no_host(fab: Fab, tmp_path: Path) -> None:
    done = fab("render", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "pomsgpvm01/etc/httpd/conf.d/ssl.conf").is_file()
    assert (tmp_path / "fermicloud045/home/poms/supervisord.conf").is_file()
    one = fab("-H", "fermicloud045", "render")
    assert "pomsgpvm01" not in one.stdout


def test_the_installed_fab_runs_no_command_without_a_task() -> None:
    """Fabric reads no fabfile then, and looks at no host key."""
    command = [str(FAB), "-H", "pomsgpvm01", "--", "uname"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, timeout=60)
    assert (done.returncode, "fab -H HOST run" in done.stderr, "Traceback" in done.stderr) == (3, True, False), done


@pytest.mark.parametrize("unused", ["asyncio", "unittest.case", "invoke.vendor.yaml.loader"])
def test_the_installed_fab_starts_without_what_no_task_uses(unused: str) -> None:
    command = [str(PROJECT / ".venv/bin/python"), "-v", str(FAB), "hosts"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT, timeout=60, check=True)
    assert "pomsgpvm01" in done.stdout
    assert f"import '{unused}'" not in done.stderr


def test_what_the_installed_fab_loads_on_demand_is_whole() -> None:
    code = "import poms_ops_fab, invoke; print(invoke.util.yaml.safe_load('[1, 2]'), invoke.MockContext().cwd)"
    done = subprocess.run([PROJECT / ".venv/bin/python", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[1, 2] \n", done


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("-H", "pomsgpvm1", "render"), 3, "nearest: pomsgpvm01"),
        (("-H", "root@pomsgpvm01", "status"), 3, "neither a host nor a group"),
        (("tail-logs", "--lines=-1"), 3, "must be from 0"),
        (("tail-logs", "--follow", "--until=10m"), 3, "--follow and --until"),
        (("tail-logs", "--since=10m", "--until=1h"), 3, "--until=1h is before --since=10m"),
        (("tail-logs", "-i", "--lines=-1"), 3, "must be from 0"),
        (("-i", "/nowhere/key", "tail-logs", "-i", "--lines=-1"), 3, "must be from 0"),
        (("tail-logs", "-i", "/nowhere/key"), 3, "/nowhere/key"),
        (("stop-programs", "--programs=poms_webservise"), 3, "nearest: poms_webservice"),
        (("deploy",), 3, "--yes"),
        (("reload-apache",), 3, "restart-apache"),
        (("status", "--", "uname"), 3, "Nothing was run"),
        (("status", "--watch"), 3, "--watch needs a terminal; a script uses --json"),
        (("workers", "--watch"), 3, "--watch needs a terminal; a script uses --json"),
        (("status", "--watch", "--every=0"), 3, "must be from 1 to 3600 seconds"),
        (("workers", "--watch", "--json"), 3, "--watch and --json exclude each other"),
        (("lab.up", "--hosts=-bad-"), 3, "Nothing was touched"),
        (("tail-logs", "--lines=abc"), 3, "'abc' is not a whole number"),
        (("tail-logs", "--grep=\udcff"), 3, "is not UTF-8"),
        (("deploi",), 3, "No idea what 'deploi' is"),
        (("deploy", "--jes"), 3, "No idea what '--jes' is"),
        (("tail-logs", "--lines"), 3, "--lines needs a value"),
        (("--help", "deploi"), 3, "No idea what 'deploi' is"),
        (("--dry", "deploy", "--yes"), 3, "`fab diff` is the dry run"),
        (("deploy", "--yes", "-R"), 3, "`fab diff` is the dry run"),
    ],
)
def test_bad_input_ends_with_code_3_and_no_traceback(fab: Fab, words: tuple[str, ...], code: int, said: str) -> None:
    done = fab(*words)
    assert (done.returncode, said in done.stderr) == (code, True), done
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "flag", ["--echo", "--pty", "--warn-only", "--hide=both", "--command-timeout=1", "--no-dedupe"]
)
def test_fabs_other_flags_do_no_harm(fab: Fab, flag: str) -> None:
    done = fab(flag, "-H", "fermicloud045", "render")
    assert done.returncode == 0, done.stderr
    assert done.stdout == fab("-H", "fermicloud045", "render").stdout


def test_the_inventory_is_the_file_that_poms_inventory_names(
    fab: Fab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POMS_INVENTORY", str(tmp_path / "none.toml"))
    done = fab("render")
    assert done.returncode == 3
    assert "none.toml" in done.stderr
    monkeypatch.setenv("POMS_INVENTORY", "~nosuch/hosts.toml")
    assert "Cannot read the inventory ~nosuch/hosts.toml" in fab("render").stderr


def test_a_task_without_a_host_does_not_run_here(tmp_path: Path) -> None:
    witness = tmp_path / "ran-here"
    (tmp_path / "fabfile.py").write_text(
        "import sys; sys.path.insert(0, '.')\n"
        "import fabric.main, fabric\nfrom tasks._fabric import OncePerTask\n"
        "fabric.main.program.executor_class = OncePerTask\n"
        f"@fabric.task\ndef slip(c):\n    c.run('touch {witness}')\n"
    )
    done = subprocess.run(
        [FAB, "-r", tmp_path, "slip"], cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60
    )
    assert "c.run would run on this machine" in done.stderr
    assert not witness.exists()


def test_hosts_are_listed_without_a_network(fab: Fab) -> None:
    done = fab("hosts")
    assert done.returncode == 0
    assert "pomsgpvm01 (default)" in done.stdout
    assert "6 x 10 = 60" in done.stdout
    assert done.stdout.splitlines()[-1] == "60 + 60 = 120 requests at once"


def test_too_many_requests_for_the_database_are_refused(
    fab: Fab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = (PROJECT / "hosts.toml").read_text().replace("[fleet]", "[fleet]\ndatabase_connections = 100", 1)
    (tmp_path / "hosts.toml").write_text(text)
    monkeypatch.setenv("POMS_INVENTORY", str(tmp_path / "hosts.toml"))
    for verb in ("status", "deploy", "hosts"):
        done = fab(verb)
        assert done.returncode == 3
        assert "60 + 60 = 120 requests at once, of 100 database connections" in done.stderr


@pytest.mark.parametrize("module", MODULES)
def test_the_index_of_tasks_matches_the_modules(module: str) -> None:
    loaded = import_module(f"tasks.{module}")
    found = getattr(loaded, "namespace", Collection(*(t for t in vars(loaded).values() if isinstance(t, Task))))
    prefix = "lab." if module == "lab" else ""
    assert sorted(f"{prefix}{name}" for name in found.task_names) == sorted(MODULES[module])


@pytest.mark.parametrize(
    ("words", "some"),
    [
        (["-H", "web1", "deploy", "--yes"], {"deploy"}),
        (["releases"], {"releases", "rollback", "recover"}),
        (["drift", "lab.up"], {"drift", "lab.up", "lab.down", "lab.status"}),
        (["--list"], set(itertools.chain(*MODULES.values()))),
        (["--complete", "--", "fab", "deploy"], set(itertools.chain(*MODULES.values()))),
    ],
)
def test_only_modules_of_named_tasks_are_loaded(words: list[str], some: set[str]) -> None:
    assert set(collection(words).task_names) == some


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("releases", "no name!"), "'no name!' is not a release name"),
        (("releases", "--json", "no name!"), "'no name!' is not a release name"),
        (("releases", "--parallel", "3", "no name!"), "'no name!' is not a release name"),
        (("-H", "pomsgpvm01", "rollback", "no name!", "--yes"), "'no name!' is not a release name"),
        (("diff", "--to=no name!"), "'no name!' is not a release name"),
        (("diff", "nonsense"), "No idea what 'nonsense' is"),
    ],
)
def test_release_name_is_accepted_as_separate_argument(fab: Fab, words: tuple[str, ...], said: str) -> None:
    done = fab(*words)
    assert (done.returncode, said in done.stderr) == (3, True), done


@pytest.mark.parametrize("words", [("render",), ("diff", "--json"), ("deploy", "--yes")])
def test_templates_of_no_host_are_listed_on_standard_error(
    fab: Fab, monkeypatch: pytest.MonkeyPatch, nobody_there: Path, words: tuple[str, ...]
) -> None:
    plain = fab(*words)
    monkeypatch.setattr("tasks._templates.not_rendered", lambda _: [("templates/home/x.ini~", "an editor's copy")])
    done = fab(*words)
    assert (done.returncode, done.stdout) == (plain.returncode, plain.stdout)
    assert "templates/home/x.ini~ is not deployed to any host" in done.stderr
    assert "is not deployed to any host" not in plain.stderr


def test_the_folder_for_bundles_is_made_for_this_account_alone(fab: Fab, nobody_there: Path) -> None:
    folder = nobody_there.parent / "case/42"
    assert fab("fetch-logs", f"--to={folder}").returncode == 1  # the host cannot be reached
    assert folder.stat().st_mode & 0o777 == 0o700
    for wrong in (nobody_there, nobody_there / "below"):
        done = fab("fetch-logs", f"--to={wrong}")
        assert (done.returncode, "a file is in its place" in done.stderr) == (3, True), done
    assert fab("fetch-logs", "--limit=0", f"--to={folder}2").returncode == 3
    assert not Path(f"{folder}2").exists()


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (("-H", "poms@pomsgpvm01", "status"), "fab -H pomsgpvm01 status"),
        (("--hosts=pomsgpvm01:22", "status"), "fab --hosts=pomsgpvm01 status"),
        (("-HPOMSGPVM01,poms", "status"), "fab -Hpomsgpvm01,poms status"),
        (("-H", "pomsgpvm01 fermicloud045", "status"), "fab -H pomsgpvm01,fermicloud045 status"),
        (("shell", "pomsgpvm1"), "fab shell pomsgpvm01"),
        (("trust", "--fingerprint=x", "pomsgpvm01.fnal.gov"), "fab trust --fingerprint=x pomsgpvm01"),
        (("deploi", "--yes"), "fab deploy --yes"),
        (("Restart_Programs",), "fab restart-programs"),
        (("deploy", "--jes"), "fab deploy --yes"),
        (("deploy", "--paralel=2", "--yes"), "fab deploy --parallel=2 --yes"),
        (("--host=pomsgpvm01", "status"), "fab --hosts=pomsgpvm01 status"),
        (("pomsgpvm01", "deploy"), "fab -H pomsgpvm01 deploy"),
        (("-H", "fermicloud045", "pomsgpvm01", "status"), "fab -H fermicloud045,pomsgpvm01 status"),
        (("run", "-H", "pomsgpvm01", "uptime"), "fab -H pomsgpvm01 run uptime"),
        (("--help", "deploi"), "fab --help deploy"),
        (("shell",), "fab shell HOST"),
        (("adopt",), "fab adopt FILE"),
    ],
)
def test_a_typing_error_gets_the_right_command(
    fab: Fab, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], command: str
) -> None:
    monkeypatch.setattr("ops.ui.console.is_terminal", lambda: True)
    done = fab(*words)
    assert (done.returncode, f"{command}\n" in done.stderr) == (3, True), done


@pytest.mark.parametrize("word", ["restart", "start", "stop-", "drif"])
def test_of_several_near_tasks_none_is_put_into_a_command(fab: Fab, word: str) -> None:
    done = fab(word)
    assert (done.returncode, "Nearest: " in done.stderr, "Try: " in done.stderr) == (3, True, word == "drif"), done


@pytest.mark.parametrize(
    "words", [("deploy", "pomsgpvm1", "--yes\x1b[2J"), ("deploi\x1b[2J",), ("-H", "pomsgpvm1\x1b[2J", "status")]
)
def test_what_was_typed_is_shown_and_not_obeyed(fab: Fab, words: tuple[str, ...]) -> None:
    done = fab(*words)
    assert (done.returncode, "\x1b" in done.stdout + done.stderr) == (3, False), done


def test_a_flag_before_its_task_is_refused(fab: Fab) -> None:
    done = fab("--yes", "deploy")
    assert (done.returncode, "flag of deploy" in done.stderr) == (3, True), done


def test_host_is_accepted_as_argument_after_task(fab: Fab) -> None:
    done = fab("render", "fermicloud045")
    assert (done.returncode, done.stdout) == (0, fab("-H", "fermicloud045", "render").stdout)


def test_broken_inventory_is_reported_for_host_argument(
    fab: Fab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POMS_INVENTORY", str(tmp_path / "none.toml"))
    done = fab("deploy", "web1")
    assert (done.returncode, "none.toml" in done.stderr) == (3, True), done
