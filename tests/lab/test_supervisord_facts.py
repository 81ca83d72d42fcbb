"""Which supervisord is ours is asked on its socket and found by what the kernel knows, however it was started."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.bases import mostly_exhaustive
from tests.lab.messages import ALREADY_RUNNING
from tests.lab.site import Site, until

HOME = "/home/poms"
CONF, SOCKET = f"{HOME}/supervisord.conf", f"{HOME}/supervisor.sock"
OTHER = f"{HOME}/private/other.sock"
HOST = ("-H", "pomsgpvm01")
PASSWORD = "s3cret-of-the-socket"

LIBRARY = f"{HOME}/products/supervisor/v4_3_0/lib"

STARTS = {
    "a name in its folder": "cd $HOME; supervisord -c supervisord.conf",
    "a path from its folder": "cd $HOME/private; supervisord -c ../supervisord.conf",
    "an option's long form": "cd $HOME; supervisord --configuration=./supervisord.conf",
    "a home behind a link": "supervisord -c /srv/poms/supervisord.conf",
    "no file named": "cd $HOME; supervisord",
    "a module": f"cd $HOME; PYTHONPATH={LIBRARY} python -m supervisor.supervisord -c supervisord.conf",
}


def status(site: Site) -> tuple[int, dict[str, Any]]:
    said = site.fab(*HOST, "status", "--json")
    return said.code, json.loads(said.out)["pomsgpvm01"]


def found(site: Site) -> tuple[str, int | None]:
    """What supervisord is said to be, and its process."""
    seen = status(site)[1]
    return seen["supervisord"], seen["pid"]


def advice(site: Site) -> str:
    """Every advice that status gives about supervisord."""
    findings = status(site)[1]["findings"]
    return " ".join(f"{one['found']} {one['advice']}" for one in findings if one["what"] == "supervisord")


def daemons(site: Site) -> list[int]:
    """Every supervisord of the account, past fab."""
    text = site.root("pgrep -u poms -f '^[^ ]*python[^ ]* .*supervisord' || :")
    return [int(word) for word in text.split()]


def end_all(site: Site) -> None:
    """No supervisord, and nothing that one has started."""
    site.root("pkill -CONT -u poms; pkill -TERM -u poms -f supervisord; sleep 0.2; true")
    until(lambda: not daemons(site), 40, "every supervisord has ended")
    left = "grep -lz SUPERVISOR_ENABLED /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3"
    site.root(f"for pid in $({left}); do kill -9 $pid; done; pkill -9 -u poms uwsgi; rm -f {SOCKET} {OTHER}; true")


def start(site: Site, command: str) -> int:
    """Start supervisord so; its process."""
    site.poms(command)
    until(lambda: len(daemons(site)) == 1, 20, "it is a daemon")
    return daemons(site)[0]


@pytest.fixture
def site_(deployed: Site) -> Iterator[Site]:
    """A host that is deployed to, with no supervisord; an ordinary one is there afterwards."""
    deployed.root("ln -sfn /home/poms /srv/poms")
    deployed.poms(f"cp {CONF} $HOME/kept.conf")
    end_all(deployed)
    yield deployed
    end_all(deployed)
    deployed.poms(f"mv $HOME/kept.conf {CONF}; rm -rf $HOME/other; supervisord -c {CONF}")


@pytest.mark.parametrize("how", mostly_exhaustive(STARTS, "no file named", "a module"))
def test_supervisord_is_found_however_it_was_started(site_: Site, how: str) -> None:
    pid = start(site_, STARTS[how])
    until(lambda: set(site_.program_states().values()) == {"RUNNING"}, 40, "programs run")
    assert found(site_) == ("up", pid)
    assert advice(site_) == ""
    assert ALREADY_RUNNING in site_.fab("start-supervisord", check=True).out
    assert site_.fab(*HOST, "restart-programs", "--programs=poms_status_agent").code == 0
    assert daemons(site_) == [pid]


@pytest.mark.exhaustive
@pytest.mark.parametrize("how", ["a name in its folder", "a home behind a link", "no file named"])
def test_supervisord_without_socket_is_found_however_it_was_started(site_: Site, how: str) -> None:
    pid = start(site_, STARTS[how])
    site_.poms(f"rm {SOCKET}")
    assert found(site_) == ("deaf", pid)
    said = site_.fab("start-supervisord")
    assert (said.code, daemons(site_)) == (1, [pid]), said.all
    assert site_.fab(*HOST, "deploy", "--yes").code == 1
    site_.poms(f"kill -HUP {pid}")
    until(lambda: found(site_) == ("up", pid), 40, "it has its socket again, as the advice says")


@pytest.mark.exhaustive
def test_other_supervisord_of_account_is_not_touched(site_: Site) -> None:
    conf = "$HOME/other/supervisord.conf"
    site_.poms("mkdir -p $HOME/other")
    site_.poms(f"sed -e 's|{HOME}/super|{HOME}/other/super|' -e '/^.program:poms_web/,$d' {CONF} >{conf}")
    site_.poms(f"printf '[program:nap]\\ncommand=sleep 10000\\n' >>{conf}; sed -i '/program:poms/,/^$/d' {conf}")
    other = start(site_, "cd $HOME/other; supervisord")
    assert found(site_) == ("down", None)
    assert "kill" not in advice(site_)
    assert site_.fab("start-supervisord").code == 0
    ours = int(site_.read(f"{HOME}/supervisord.pid"))
    assert (found(site_), sorted(daemons(site_))) == (("up", ours), sorted([other, ours]))
    site_.poms(f"supervisorctl -s unix://{SOCKET} shutdown")
    until(lambda: daemons(site_) == [other], 40, "ours has ended")
    assert found(site_) == ("down", None)
    assert "kill" not in advice(site_)


@pytest.mark.exhaustive
def test_supervisord_with_socket_elsewhere_is_found(site_: Site) -> None:
    site_.poms(f"sed -i -e 's|{SOCKET}|{OTHER}|' {CONF}")
    pid = start(site_, STARTS["a name in its folder"])
    assert found(site_) == ("elsewhere", pid)
    said = advice(site_)
    assert (OTHER in said, CONF in said, "kill" in said, "HUP" in said) == (True, True, False, False), said
    for task in (("start-supervisord",), (*HOST, "deploy", "--yes"), (*HOST, "restart-programs", "--yes")):
        ran = site_.fab(*task)
        assert (ran.code, OTHER in ran.err, "kill" in ran.err) == (1, True, False), ran.all
    assert daemons(site_) == [pid]


@pytest.mark.exhaustive
def test_silent_supervisord_is_not_reported_down(site_: Site) -> None:
    pid = start(site_, STARTS["a name in its folder"])
    site_.root(f"kill -STOP {pid}")
    assert found(site_) == ("silent", pid)
    assert "kill" not in advice(site_)
    assert site_.fab("start-supervisord").code == 1
    assert site_.fab(*HOST, "deploy", "--yes").code == 1
    site_.root(f"kill -CONT {pid}")
    assert found(site_) == ("up", pid)
    assert daemons(site_) == [pid]


def with_password(site: Site, password: str) -> None:
    site.poms(f"sed -i '/^chmod=0700/a username=ops\\npassword={password}' {CONF}")


@pytest.mark.exhaustive
def test_supervisord_socket_password_is_read_from_its_file(site_: Site) -> None:
    with_password(site_, PASSWORD)
    pid = start(site_, STARTS["a name in its folder"])
    assert found(site_) == ("up", pid)
    for task in (("start-programs",), ("restart-programs", "--programs=poms_status_agent"), ("reload-uwsgi",)):
        said = site_.fab(*task)
        assert (said.code, PASSWORD in said.all) == (0, False), said.all
    said = site_.fab(*HOST, "deploy", "--yes", "--force")  # puts ours there, which has none
    assert (said.code, PASSWORD in said.all) == (0, False), said.all
    assert found(site_)[0] == "up"
    assert set(site_.program_states().values()) == {"RUNNING"}


def test_hashed_supervisord_password_is_reported(site_: Site) -> None:
    with_password(site_, "{SHA}82ab876d1387bfafe46cc1c8a2ef074eae50cb1d")
    pid = start(site_, STARTS["a name in its folder"])
    assert found(site_) == ("refuses", pid)
    for task in (("start-supervisord",), ("restart-programs", "--yes"), (*HOST, "deploy", "--yes", "--force")):
        said = site_.fab(*task)
        assert (said.code, "password" in said.err, CONF in said.err) == (1, True, True), said.all
    assert daemons(site_) == [pid]


@pytest.mark.exhaustive
def test_renamed_programs_of_killed_supervisord_are_found(site_: Site) -> None:
    ini = f"{HOME}/private/config/poms/uwsgi-service.ini"
    site_.poms(f"cp {ini} $HOME/kept.ini; echo 'auto-procname = true' >>{ini}")
    try:
        pid = start(site_, STARTS["a name in its folder"])
        until(lambda: set(site_.program_states().values()) == {"RUNNING"}, 40, "programs run")
        children = set(site_.root(f"pgrep -P {pid}").split())
        site_.root(f"kill -9 {pid}")
        seen = site_.fab("start-supervisord")
        assert seen.code == 1
        master = site_.root("pgrep -o -u poms uwsgi").strip()
        assert master in children
        assert f" {master} " in seen.err, seen.err
        assert daemons(site_) == []
    finally:
        site_.poms(f"mv $HOME/kept.ini {ini}")
