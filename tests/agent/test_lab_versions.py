"""The versions of the app that a lab host can install, by the stand-in for UPD and as release folders."""

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.agent.lab_account import SETUP, Account

# --- UPD ----------------------------------------------------------------------------------------------------


def test_upd_installs_a_version_and_gives_it_no_chain(account: Account) -> None:
    said = account.ups("upd install poms v4_6_0")
    assert "poms_app.py (3 of 6)" in said
    assert account.ups("ups list -aK version:chain poms").splitlines()[2] == '"v4_6_0" "" '
    assert "already declared" in account.ups("upd install poms v4_6_0")
    assert account.ups("setup poms v4_6_0 >/dev/null; poms_version") == "v4_6_0\n"


def test_upd_refuses_a_version_that_its_server_has_not(account: Account) -> None:
    code, out, err = account.run(f"{SETUP}upd install poms v9")
    assert (code, out) == (1, "")
    assert "poms v9 does not exist" in err
    assert not (account.products / "poms/v9").exists()


@pytest.mark.parametrize("slow", ["variable", "file"])
def test_upd_that_is_ended_leaves_half_a_version_which_is_not_declared(account: Account, slow: str) -> None:
    more = {"UPD_PAUSE": "20"} if slow == "variable" else {}
    if slow == "file":
        (account.products / "upd/pause").write_text("20\n")
    with account.start(account.products / "upd/v4/bin/upd", "install", "poms", "v4_6_0", **more) as upd:
        assert upd.stdout
        assert "(1 of 6)" in upd.stdout.readline()
        os.killpg(upd.pid, signal.SIGKILL)
    half = account.products / "poms/v4_6_0"
    assert [path.name for path in half.iterdir()] == ["agents"]
    assert account.run(f"{SETUP}ups exist poms v4_6_0")[0] == 1
    account.ups("UPD_PAUSE=0 upd install poms v4_6_0; ups exist poms v4_6_0")
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
def test_versions_differ_in_what_they_say_and_in_what_is_wrong(account: Account, version: str) -> None:
    (account.root / "ask.py").write_text(ASK)
    account.ups(f"upd install poms {version}")
    code, out, err = account.run(f"{SETUP}setup poms {version}; python3 {account.root}/ask.py")
    if version == "v4_7_0":
        assert code == 1
        assert "ImportError" in err
        return
    assert code == 0, err
    assert f"version: {version}\n" in out
    statuses = out.splitlines()[-2].split()
    assert statuses.count("500") == (2 if version == "v4_8_0" else 0), out
    assert out.endswith("grown\n" if version == "v4_9_0" else "steady\n")


def test_an_agent_logs_its_version_first(installed: Account) -> None:
    for place, version in {"products/poms/v4_5_0": "v4_5_0", "poms": "checkout", "current/poms": "4.4.0"}.items():
        agent = installed.home / place / "agents/poms_agent.py"
        with installed.start(sys.executable, agent, "joblog") as running:
            assert running.stdout
            assert running.stdout.readline().endswith(f" joblog: version {version}\n")
            running.kill()


# --- release folders ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["bash", "sh"])
def test_a_release_is_activated_through_the_link_and_by_name(installed: Account, program: str) -> None:
    show = "python3 -c 'import poms_version; print(poms_version.VERSION)'; echo $VIRTUAL_ENV; "
    script = f'. "$HOME/current/bin/activate"; {show} . "$HOME/releases/4.5.0/bin/activate"; {show}'
    script += (
        'case "$PATH$PYTHONPATH" in *4.4.0*) echo both;; esac; deactivate; echo "${VIRTUAL_ENV-none}$PYTHONPATH"'
    )
    release = installed.home / "releases"
    assert installed.run(script, program)[:2] == (0, f"4.4.0\n{release}/4.4.0\n4.5.0\n{release}/4.5.0\nnone\n")
    programs = {path.name for path in (release / "4.4.0/bin").iterdir()}
    assert programs == {"activate", "python", "python3", "uwsgi", "supervisord", "supervisorctl"}


def test_make_release_that_is_ended_leaves_half_a_release(account: Account) -> None:
    script, release = account.home / "bin/make-release", account.home / "releases/4.6.0"
    assert account.run(f"{script} 9.9.9")[0] == 1
    with account.start(script, "4.6.0", RELEASE_PAUSE="20") as making:
        assert making.stdout
        assert [making.stdout.readline() for _ in range(2)][1] == "Copied agents/poms_agent.py\n"
        os.killpg(making.pid, signal.SIGKILL)
    assert (release / "bin/activate").exists()
    assert [path.name for path in (release / "poms").iterdir()] == ["agents"]
    assert account.run(f"{script} 4.6.0")[0] == 0
    assert (release / "poms/poms_app.py").exists()
    assert (account.home / "current").readlink() == Path("releases/4.4.0")
