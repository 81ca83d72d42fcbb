"""The lab's stand-in for UPS and UPD behaves as a real one was measured to, oddities included."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.place import HERE
from lab.versions import put_versions

BOTH = '"poms" "v4_4_0" "NULL" "" "current" \n"poms" "v4_5_0" "NULL" "" "" \n'
CORRUPT = "Possible UPS database corruption"
SETUP = '. "$HOME/products/setup" >/dev/null; '


@dataclass(frozen=True)
class Host:
    """A folder with the files of a lab host's account, and with those of the servers."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home/poms"

    @property
    def products(self) -> Path:
        return self.home / "products"

    def environment(self) -> dict[str, str]:
        servers = {"UPD_SERVER": str(self.root / "srv/upd"), "POMS_SERVER": str(self.root / "srv")}
        return {"PATH": "/usr/bin:/bin", "HOME": str(self.home), "USER": "poms", "LOGNAME": "poms", **servers}

    def start(self, *command: str | Path, **more: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            command,
            env=self.environment() | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, script: str, shell: str = "bash", **more: str) -> tuple[int, str, str]:
        """Exit code and both outputs of shell text."""
        with self.start(shell, "-c", script, **more) as running:
            out, err = running.communicate(timeout=60)
        return running.returncode, out, err

    def ups(self, script: str) -> str:
        """What shell text with the products area prints to standard output; it must not fail."""
        code, out, err = self.run(SETUP + script)
        assert code == 0, out + err
        return out


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """As a new lab host is."""
    host = Host(tmp_path_factory.mktemp("host"))
    shutil.copytree(HERE / "rootfs/home/poms", host.home, ignore=shutil.ignore_patterns("__pycache__"))
    put_versions(host.root)
    python = host.products / "python/v3/bin/python3"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    code, out, err = host.run(str(HERE / "rootfs/usr/libexec/lab/install-versions"))
    assert code == 0, out + err
    return host


@pytest.fixture
def host(installed: Host, tmp_path: Path) -> Host:
    """A copy for one test."""
    shutil.copytree(installed.root, tmp_path / "host", symlinks=True)
    for path in (tmp_path / "host/home/poms/products").glob("*/*.version"):
        path.write_text(path.read_text().replace(str(installed.root), str(tmp_path / "host")))
    shutil.rmtree(tmp_path / "host/home/poms/releases")  # its files name their place
    return Host(tmp_path / "host")


# --- the database -------------------------------------------------------------------------------------------


def test_list_has_a_line_of_quoted_columns_for_each_instance(installed: Host) -> None:
    assert installed.ups("ups list -aK+ poms") == BOTH
    assert installed.ups("ups list -a -K + poms; ups list poms -aK+") == BOTH + BOTH
    names = [line.split('"')[1] for line in installed.ups("ups list -aK+").splitlines()]
    assert names == ["poms", "poms", "python", "supervisor", "upd", "ups", "uwsgi"]


def test_list_without_a_has_the_current_instances(installed: Host) -> None:
    assert installed.ups("ups list -K+ poms") == BOTH.splitlines(keepends=True)[0]
    said = installed.ups("ups list poms")
    assert ("v4_4_0" in said, "v4_5_0" in said) == (True, False)
    assert "v4_5_0" in installed.ups("ups list poms v4_5_0")


def test_list_takes_the_columns_that_are_wanted(installed: Host) -> None:
    line = installed.ups("ups list -K version:prod_dir:declarer:chain:no_such_column poms v4_5_0")
    assert line == f'"v4_5_0" "{installed.products}/poms/v4_5_0" "poms" "" "" \n'
    declared = installed.ups("ups list -K declared poms")
    assert len(declared.split('"')[1].split(" ")) == 3, declared


def test_an_unknown_product_has_no_line_and_is_no_failure(installed: Host) -> None:
    assert installed.run(SETUP + "ups list -aK+ nosuch") == (0, "", "")
    assert installed.run(SETUP + "ups list -aK+ poms v9") == (0, "", "")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text + "rubbish\n", id="a line of another form"),
        pytest.param(lambda text: text.replace("  PROD_DIR", "  NO_DIR"), id="no folder"),
        pytest.param(lambda text: text[: len(text) // 6], id="cut"),
        pytest.param(lambda _text: "", id="empty"),
    ],
)
def test_a_corrupt_entry_is_left_out_with_words_on_stderr(host: Host, change: Callable[[str], str]) -> None:
    path = host.products / "poms/v4_5_0.version"
    path.write_text(change(path.read_text()))
    code, out, err = host.run(SETUP + "ups list -aK+ poms")
    assert (code, out) == (0, BOTH.splitlines(keepends=True)[0])
    assert err.startswith("ERROR: ")
    assert CORRUPT in err
    assert host.run(SETUP + "ups exist poms v4_5_0")[0] == 1


def test_a_chain_of_a_version_that_is_gone_is_corruption(host: Host) -> None:
    (host.products / "poms/v4_4_0.version").unlink()
    code, out, err = host.run(SETUP + "ups list -aK+ poms")
    assert (code, out) == (0, BOTH.splitlines(keepends=True)[1])
    assert CORRUPT in err


def test_a_chain_moves_to_the_version_that_is_declared(host: Host) -> None:
    chains = host.products / "poms"
    assert host.ups("ups declare -c poms v4_5_0") == "\n"
    assert host.ups("ups list -aK+ poms") == '"poms" "v4_4_0" "NULL" "" "" \n"poms" "v4_5_0" "NULL" "" "current" \n'
    assert host.ups("ups declare -t poms v4_5_0; ups list -aK+ poms").splitlines()[2].endswith('"test:current" ')
    assert sorted(path.name for path in chains.glob("*.chain")) == ["current.chain", "test.chain"]
    assert host.ups("ups undeclare -t poms; ups list -K+ poms").splitlines()[1].endswith('"current" ')
    assert [path.name for path in chains.glob("*.chain")] == ["current.chain"]


def test_a_declaration_that_cannot_be_is_refused(host: Host) -> None:
    for words, message in {
        "-c poms v9": "Specification must include a single flavor",
        "poms v9 -r /tmp": "Specification must include a single flavor",
        "poms v4_5_0 -f NULL -r /tmp": "Exact product definition exists",
        "poms": "Specification must include a product and a version",
        "-X poms v9": 'Invalid argument specified "-X"',
    }.items():
        code, out, err = host.run(f"{SETUP}ups declare {words}")
        assert (code, out) == (1, ""), words
        assert message in err
    assert host.ups("ups list -aK+ poms") == BOTH


def test_exist_says_it_by_its_exit_code_alone(installed: Host) -> None:
    for words, code in {"poms": 0, "poms v4_5_0": 0, "poms v9": 1, "nosuch": 1}.items():
        assert installed.run(f"{SETUP}ups exist {words}") == (code, "", "")


def test_undeclare_takes_a_version_and_its_chains_away(host: Host) -> None:
    assert host.run(f"{SETUP}ups undeclare poms v9")[0] == 1
    host.ups("ups undeclare poms v4_4_0")
    assert host.ups("ups list -aK+ poms") == BOTH.splitlines(keepends=True)[1]
    assert host.run(f"{SETUP}ups exist poms")[0] == 1, "there is no current version"
    assert (host.products / "poms/v4_4_0/poms_app.py").exists()
    host.ups("ups undeclare -Y poms v4_5_0")
    assert not (host.products / "poms/v4_5_0").exists()


def test_flavors_are_matched_down_to_null_and_qualifiers_are_given(host: Host) -> None:
    own = host.ups("ups flavor").strip()
    assert own.startswith("Linux64bit+")
    host.ups(f"ups declare poms v4_4_0 -f {own} -r /own; ups declare poms v4_4_0 -f IRIX+6 -r /irix")
    host.ups("ups declare poms v4_4_0 -f NULL -q debug -r /debug")
    assert host.ups("ups list -K prod_dir poms v4_4_0") == '"/own" \n'
    assert host.ups("ups list -K prod_dir poms v4_4_0 -f NULL").endswith('/poms/v4_4_0" \n')
    assert host.ups("ups list -K prod_dir:qualifiers poms v4_4_0 -f NULL -q debug") == '"/debug" "debug" \n'
    assert host.ups("ups list -aK flavor poms v4_4_0").count("\n") == 4


# --- the environment ----------------------------------------------------------------------------------------


def test_setup_exports_a_folder_and_an_instance_for_each_product(installed: Host) -> None:
    place = installed.products
    found = dict(line.split("=", 1) for line in installed.ups("setup poms >/dev/null; env").splitlines())
    for name, version in {"python": "v3", "supervisor": "v4_3_0", "poms": "v4_4_0"}.items():
        assert found[f"{name.upper()}_DIR"] == f"{place}/{name}/{version}"
        assert found[f"SETUP_{name.upper()}"] == f"{name} {version} -f NULL -z {place}"
    assert found["UWSGI_DIR"] == f"{place}/uwsgi/v2_0_31"
    assert found["SETUP_UWSGI"] == f"uwsgi v2_0_31 -f Linux64bit -z {place}"
    assert found["PYTHONPATH"] == f"{place}/poms/v4_4_0"
    assert found["PATH"].split(":")[0] == f"{place}/poms/v4_4_0/bin"
    assert f"{place}/uwsgi/v2_0_31/bin" in found["PATH"].split(":")


def test_another_version_takes_the_entries_of_the_one_before_out(installed: Host) -> None:
    show = 'echo "$PATH|$PYTHONPATH|$POMS_DIR|$SETUP_POMS|$(poms_version)"'
    said = installed.ups(f"export PYTHONPATH=/mine; setup poms; setup poms v4_5_0 >/dev/null; {show}").splitlines()[
        -1
    ]
    assert "v4_4_0" not in said
    assert said.endswith("|v4_5_0")
    assert f"|{installed.products}/poms/v4_5_0:/mine|" in said
    assert said.count("/uwsgi/") == 1


def test_unsetup_leaves_what_was_there_before(installed: Host) -> None:
    before = "env | grep -v '^_=' | sort >before"
    after = "env | grep -v '^_=' | sort | diff before -"
    script = f'{SETUP}cd "$(mktemp -d)"; export PYTHONPATH=/mine; {before}; setup poms; unsetup poms; {after}'
    assert installed.run(script) == (0, "poms v4_4_0 is set up\n", "")


def test_setup_of_an_unknown_product_or_version_fails(installed: Host) -> None:
    for words in ("nosuch", "poms v9", "-t poms"):
        code, out, err = installed.run(f"{SETUP}setup {words}")
        assert (code, out) == (1, "")
        assert "may not exist" in err


def test_missing_dependency_leaves_half_an_environment_and_no_failure(host: Host) -> None:
    host.ups("ups undeclare uwsgi v2_0_31")
    code, out, err = host.run(f'{SETUP}setup poms; echo "code $?"; env')
    assert code == 0
    assert "code 0\n" in out
    assert err.startswith("ERROR: Product 'uwsgi'")
    assert "SETUP_POMS=poms v4_4_0" in out
    assert "SETUP_SUPERVISOR=" in out
    assert "PYTHONPATH=" not in out
    assert "UWSGI_DIR=" not in out


# --- bad habits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["-u", "-e"])
def test_a_strict_shell_ends(installed: Host, option: str) -> None:
    code, out, _ = installed.run(f'set {option}; . "$HOME/products/setup"; echo reached')
    assert code != 0
    assert "reached" not in out


def test_variables_of_the_caller_disappear_and_functions_come(installed: Host) -> None:
    lost = "ss sts msg db me os ver flv exe xx var val products olddb"
    script = "; ".join(f"{name}=mine" for name in lost.split())
    left = installed.run(f'{script}; . "$HOME/products/setup"; for name in {lost}; do echo "[${{!name-}}]"; done')[1]
    assert left.count("[]\n") == len(lost.split())
    assert left.startswith("Setting up"), "it prints to stdout"
    for name in ("set_", "source", "setenv", "unsetenv_", "tnotnull", "nullout", "vecho_", "setup", "unsetup"):
        assert installed.ups(f"type -t {name}") == "function\n"
    assert installed.ups('source "$HOME/products/setup"').startswith("Setting up")


def test_another_shell_finds_no_ups(installed: Host) -> None:
    shell = next(filter(None, map(shutil.which, ("dash", "ksh", "zsh"))))
    script = '. "$HOME/products/setup"; echo "code $?"; command -v ups setup'
    assert installed.run(script, shell)[1] == "ERROR: did not find ups binary\ncode 0\n"


# --- UPD ----------------------------------------------------------------------------------------------------


def test_upd_installs_a_version_and_gives_it_no_chain(host: Host) -> None:
    said = host.ups("upd install poms v4_6_0")
    assert "poms_app.py (3 of 6)" in said
    assert host.ups("ups list -aK version:chain poms").splitlines()[2] == '"v4_6_0" "" '
    assert "already declared" in host.ups("upd install poms v4_6_0")
    assert host.ups("setup poms v4_6_0 >/dev/null; poms_version") == "v4_6_0\n"


def test_upd_refuses_a_version_that_its_server_has_not(host: Host) -> None:
    code, out, err = host.run(f"{SETUP}upd install poms v9")
    assert (code, out) == (1, "")
    assert "poms v9 does not exist" in err
    assert not (host.products / "poms/v9").exists()


@pytest.mark.parametrize("slow", ["variable", "file"])
def test_upd_that_is_ended_leaves_half_a_version_which_is_not_declared(host: Host, slow: str) -> None:
    more = {"UPD_PAUSE": "20"} if slow == "variable" else {}
    if slow == "file":
        (host.products / "upd/pause").write_text("20\n")
    with host.start(host.products / "upd/v4/bin/upd", "install", "poms", "v4_6_0", **more) as upd:
        assert upd.stdout
        assert "(1 of 6)" in upd.stdout.readline()
        os.killpg(upd.pid, 1)
    half = host.products / "poms/v4_6_0"
    assert [path.name for path in half.iterdir()] == ["agents"]
    assert host.run(f"{SETUP}ups exist poms v4_6_0")[0] == 1
    host.ups("UPD_PAUSE=0 upd install poms v4_6_0; ups exist poms v4_6_0")
    assert (half / "poms_app.py").exists()


# --- the versions -------------------------------------------------------------------------------------------

ASK = """
import sys, time, io, poms_app
statuses = []
page = []
for _ in range(10):
    environ = {"PATH_INFO": "/poms", "wsgi.input": io.BytesIO()}
    page = poms_app.application(environ, lambda status, headers: statuses.append(status[:3]))
print(b"".join(page).decode(), *statuses)
def size(): return int(open("/proc/self/statm").read().split()[1]) * 4096
before = size(); time.sleep(1.2); print("grown" if size() > before + 500_000 else "steady")
"""


@pytest.mark.parametrize("version", ["v4_4_0", "v4_5_0", "v4_6_0", "v4_7_0", "v4_8_0", "v4_9_0"])
def test_versions_differ_in_what_they_say_and_in_what_is_wrong(host: Host, version: str) -> None:
    (host.root / "ask.py").write_text(ASK)
    host.ups(f"upd install poms {version}")
    code, out, err = host.run(f"{SETUP}setup poms {version}; python3 {host.root}/ask.py")
    if version == "v4_7_0":
        assert code == 1
        assert "ImportError" in err
        return
    assert code == 0, err
    assert f"version: {version}\n" in out
    assert out.count("500") == (2 if version == "v4_8_0" else 0)
    assert out.endswith("grown\n" if version == "v4_9_0" else "steady\n")


def test_an_agent_logs_its_version_first(installed: Host) -> None:
    for place, version in {"products/poms/v4_5_0": "v4_5_0", "poms": "checkout", "current/poms": "4.4.0"}.items():
        agent = installed.home / place / "agents/poms_agent.py"
        with installed.start(sys.executable, agent, "joblog") as running:
            assert running.stdout
            assert running.stdout.readline().endswith(f" joblog: version {version}\n")
            running.kill()


# --- release folders ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_a_release_is_activated_through_the_link_and_by_name(installed: Host, shell: str) -> None:
    show = "python3 -c 'import poms_version; print(poms_version.VERSION)'; echo $VIRTUAL_ENV; "
    script = f'. "$HOME/current/bin/activate"; {show} . "$HOME/releases/4.5.0/bin/activate"; {show}'
    script += (
        'case "$PATH$PYTHONPATH" in *4.4.0*) echo both;; esac; deactivate; echo "${VIRTUAL_ENV-none}$PYTHONPATH"'
    )
    release = installed.home / "releases"
    assert installed.run(script, shell)[:2] == (0, f"4.4.0\n{release}/4.4.0\n4.5.0\n{release}/4.5.0\nnone\n")
    programs = {path.name for path in (release / "4.4.0/bin").iterdir()}
    assert programs == {"activate", "python", "python3", "uwsgi", "supervisord", "supervisorctl"}


def test_make_release_that_is_ended_leaves_half_a_release(host: Host) -> None:
    script, release = host.home / "bin/make-release", host.home / "releases/4.6.0"
    assert host.run(f"{script} 9.9.9")[0] == 1
    with host.start(script, "4.6.0", RELEASE_PAUSE="20") as making:
        assert making.stdout
        assert [making.stdout.readline() for _ in range(2)][1] == "Copied agents/poms_agent.py\n"
        os.killpg(making.pid, 1)
    assert (release / "bin/activate").exists()
    assert [path.name for path in (release / "poms").iterdir()] == ["agents"]
    assert host.run(f"{script} 4.6.0")[0] == 0
    assert (release / "poms/poms_app.py").exists()
    assert (host.home / "current").readlink() == Path("releases/4.4.0")
