"""A real uWSGI under a real supervisord is reloaded while a standby serves, or left as it is."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import pyuwsgi

from ops.agent import standbys, uwsgi_reload
from ops.agent.app_socket import problem_of
from ops.agent.messages import Message
from ops.agent.plain_message import field_names
from ops.agent.service_messages import App, Note
from ops.agent.step_failed import StepFailed
from ops.agent.supervisord_rpc import Server
from ops.agent.uwsgi_reload import UwsgiReload
from ops.agent.uwsgi_serving import Serving
from ops.agent.uwsgi_standby import NO_CONNECTION, Room, Standby
from tests.agent.supervised import ACTIVATE, TOOLS, Supervised, running, until

APP = """
import os
def application(environ, start_response):
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""
INI = """[uwsgi]
socket = {root}/app.sock
zerg-server = {root}/state/uwsgi.zerg
hook-accepting1-once = write:{root}/state/uwsgi.serving yes
master = true
need-app = true
workers = 2
threads = 2
reload-mercy = 5
worker-reload-mercy = 5
wsgi-file = {root}/app.py
"""
WEB = "command={tools}/uwsgi --ini {root}/web.ini\nstartsecs=1\nstopsignal=INT\nautorestart=false\n"
WEB += "redirect_stderr=true\nstdout_logfile={root}/web.log\n"
# It starts again as the Python that runs it, which is not the virtual environment's.
WEB += f'environment=PYTHONPATH="{Path(pyuwsgi.__file__).parent}"\n'


pytestmark = pytest.mark.usefixtures("keepers")


class Site:
    """The app `web` in a folder, and what is told."""

    def __init__(self, supervised: Supervised) -> None:
        self.supervised, self.root = supervised, supervised.root
        self.app = App(
            listen=f"{self.root}/app.sock",
            page="/",
            headers=[],
            statuses=[],
            ini=f"{self.root}/web.ini",
            log=f"{self.root}/web.log",
            timeout=5,
            start=20,
            handover=f"{self.root}/state/uwsgi.zerg",
        )
        self.told: list[Message] = []
        self.reload = UwsgiReload(supervised.place, self.app, ACTIVATE, self.told.append)

    def notes(self) -> list[str]:
        return [message.text for message in self.told if isinstance(message, Note)]

    def master(self) -> int:
        return int(Server(self.supervised.place)("getProcessInfo", "web")["pid"])

    def log(self) -> str:
        return (self.root / "web.log").read_text()

    def break_app(self) -> None:
        (self.root / "app.py").write_text("raise ImportError('no such thing')\n")

    def serves(self) -> bool:
        return problem_of(self.app, self.app.listen, 5.0) == ""


def files(root: Path) -> None:
    (root / "app.py").write_text(APP)
    (root / "web.ini").write_text(INI.format(root=root))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    files(tmp_path)
    with running(tmp_path, web=WEB.format(tools=TOOLS, root=tmp_path)) as supervised:
        made = Site(supervised)
        until(lambda: (tmp_path / "app.sock").exists() and made.serves())
        assert supervised.programs.is_running("web")
        yield made
        assert not standbys.standbys(str(tmp_path / "state"))


def test_a_standby_serves_while_uwsgi_reloads(site: Site) -> None:
    master = site.master()
    site.reload.reload("web")
    assert site.notes() == []
    assert (site.serves(), site.master()) == (True, master)
    begun = [line for line in site.log().splitlines() if line.startswith("*** Starting uWSGI")]
    assert len(begun) == 3, "the first, the standby, the first again"
    assert "zerg sockets attached" in site.log()
    assert sorted(path.name for path in (site.root / "state").iterdir()) == ["taken", "uwsgi.serving", "uwsgi.zerg"]


def test_the_old_app_answers_nobody_after_the_new_one(site: Site) -> None:
    new = APP.replace("200 OK", "201 Created")
    (site.root / "app.py").write_text(f"import time\ntime.sleep(4)\n{new}")
    answers: list[tuple[float, float, str]] = []
    is_over = threading.Event()

    def ask() -> None:
        asked = App(**{**{name: getattr(site.app, name) for name in field_names(App)}, "statuses": ["201"]})
        while not is_over.is_set():
            begun = time.monotonic()
            said = problem_of(asked, asked.listen, 10.0)
            answers.append((begun, time.monotonic(), said))
            time.sleep(0.001)

    visitors = [threading.Thread(target=ask) for _ in range(4)]
    for visitor in visitors:
        visitor.start()
    try:
        site.reload.reload("web")
    finally:
        is_over.set()
        for visitor in visitors:
            visitor.join()
    assert site.notes() == []
    assert {said for _, _, said in answers} == {"", f"the app answers / on {site.app.listen} with 200, not 201"}
    first_new = min(ended for _, ended, said in answers if not said)
    assert [begun for begun, _, said in answers if said and begun > first_new] == []
    assert max(ended - begun for begun, ended, _ in answers) < 3, "nobody waits for an import"


def test_an_app_that_does_not_import_leaves_uwsgi_as_it_is(site: Site) -> None:
    site.break_app()
    master = site.master()
    with pytest.raises(StepFailed) as failed:
        site.reload.reload("web")
    lines = failed.value.evidence.splitlines()
    assert lines[-1] == (
        "a second uWSGI with the current file and app does not serve; the running uWSGI is unchanged"
    )
    assert any("no such thing" in line for line in lines), lines
    assert (site.serves(), site.master()) == (True, master)


def test_products_that_fail_leave_uwsgi_as_it_is(site: Site) -> None:
    broken = UwsgiReload(site.supervised.place, site.app, f"{ACTIVATE}; echo gone; exit 1", site.told.append)
    with pytest.raises(StepFailed, match="gone\nthe products give no uwsgi after") as failed:
        broken.reload("web")
    assert failed.value.evidence.endswith("the running uWSGI is unchanged")
    assert site.serves()


def test_uwsgi_that_has_died_is_started(site: Site) -> None:
    os.kill(site.master(), signal.SIGKILL)
    until(lambda: site.supervised.programs.states()["web"] == "EXITED")
    site.reload.reload("web")
    assert site.supervised.programs.is_running("web")


def test_uwsgi_that_was_stopped_stays_stopped(site: Site) -> None:
    site.supervised.programs.stop(["web"])
    site.reload.reload("web")
    assert site.supervised.programs.states()["web"] == "STOPPED"


def test_the_wait_for_new_workers_ends_where_it_is_unwanted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Serving, "has_begun", lambda _: False)
    unwanted = UwsgiReload(site.supervised.place, site.app, ACTIVATE, site.told.append, lambda: True)
    with pytest.raises(StepFailed, match="web does not serve after the reload"):
        unwanted.reload("web")
    until(site.serves)


def test_workers_that_never_serve_are_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Serving, "has_begun", lambda _: False)
    monkeypatch.setattr(uwsgi_reload, "SLOW_SECONDS", 0.1)
    monkeypatch.setattr(uwsgi_reload, "CHECK_SECONDS", 0.1)
    site.app.timeout, site.app.start = 1, 1
    with pytest.raises(StepFailed, match="web does not serve after the reload"):
        site.reload.reload("web")
    assert [note for note in site.notes() if "its old workers still have requests" in note]
    until(site.serves)


def test_a_restart_is_refused_only_while_the_app_serves(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.reload.validate_restart("web")
    assert site.notes() == []
    site.reload.end_standbys_before_changes("web")
    assert standbys.standbys(site.supervised.place.state_dir), "it has no other settings"
    (site.root / "s.conf").write_text((site.root / "s.conf").read_text().replace("startsecs=1", "startsecs=2"))
    assert site.reload.has_other_settings("web")
    site.reload.end_standbys_before_changes("web")
    assert not standbys.standbys(site.supervised.place.state_dir)
    site.break_app()
    with pytest.raises(StepFailed, match="the running uWSGI is unchanged"):
        site.reload.validate_restart("web")
    assert (site.serves(), site.notes()) == (True, [])
    monkeypatch.setattr(uwsgi_reload, "APP_SECONDS", 0.1)
    site.app.listen = f"{site.root}/none.sock"
    site.reload.validate_restart("web")
    (note,) = site.notes()
    assert "restarting it anyway" in note


def test_settings_that_cannot_be_read_are_no_other_settings(site: Site) -> None:
    """The step that takes them in says why."""
    with (site.root / "s.conf").open("a") as file:
        file.write("[program:broken]\n")
    assert not site.reload.has_other_settings("web")
    assert not site.reload.has_other_settings("")


@pytest.mark.parametrize("lack", ["memory", "disk"])
def test_without_room_for_a_standby_requests_wait(site: Site, monkeypatch: pytest.MonkeyPatch, lack: str) -> None:
    """STAND-IN for a host with no memory left, and for a full disk."""
    if lack == "memory":
        monkeypatch.setattr("ops.agent.uwsgi_standby.memory_of", lambda _: (1000, 1200))
    else:
        monkeypatch.setattr(Standby, "write_file", lambda _: False)
    site.reload.reload("web")
    assert lack in site.notes()[-1]
    assert "requests wait during the reload" in site.notes()[-1]
    site.reload.validate_restart("web")
    assert "not validated before the restart" in site.notes()[-1]
    assert "zerg sockets attached" not in site.log()
    assert not (site.root / "state/standby.ini").exists()
    until(site.serves)


def test_without_a_zerg_server_the_second_uwsgi_only_validates(site: Site) -> None:
    (site.root / "state/uwsgi.zerg").unlink()
    site.reload.reload("web")
    (note,) = site.notes()
    assert "it runs no zerg server yet" in note
    assert "zerg sockets attached" not in site.log()
    assert site.serves()


def test_a_standby_has_as_many_workers_as_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ini = tmp_path / "web.ini"
    ini.write_text("[uwsgi]\nworkers = 4\n")
    monkeypatch.setattr("ops.agent.uwsgi_standby.memory_of", lambda _: (999, 5000))
    app = App(listen="", page="", headers=[], statuses=[], ini=str(ini), log="", timeout=7, start=1)
    assert Room(app).workers == 4
    monkeypatch.setattr("ops.agent.uwsgi_standby.memory_of", lambda _: (999, 4999))
    assert Room(app).workers == 3
    ini.write_text("[uwsgi]\n")
    assert Room(app).workers == 1


@pytest.mark.parametrize(
    ("spare", "workers", "threads"),
    [(None, 6, 10), (100, 6, 10), (61, 6, 10), (60, 5, 10), (11, 1, 10), (10, 1, 9), (2, 1, 1), (1, 1, 0), (0, 1, 0)],
)
def test_a_standby_opens_no_more_connections_than_the_database_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spare: int | None, workers: int, threads: int
) -> None:
    ini = tmp_path / "web.ini"
    ini.write_text("[uwsgi]\nworkers = 6\nthreads = 10\n")
    app = App(listen="", page="", headers=[], statuses=[], ini=str(ini), log="", timeout=7, start=1)
    app.spare_requests = spare
    monkeypatch.setattr("ops.agent.uwsgi_standby.memory_of", lambda _: (9, 5_000_000))
    room = Room(app)
    assert (room.workers, room.threads) == (workers, threads)


def test_requests_wait_where_the_database_allows_no_more_connections(site: Site) -> None:
    site.app.spare_requests = 1
    site.reload.reload("web")
    (note,) = site.notes()
    assert "the database allows no more connections" in note
    assert "zerg sockets attached" not in site.log()
    assert site.serves()


def test_no_second_uwsgi_starts_where_the_database_allows_no_connection(site: Site) -> None:
    site.app.spare_requests = 0
    site.reload.reload("web")
    site.reload.validate_restart("web")
    assert [NO_CONNECTION in note for note in site.notes()] == [True, True]
    assert not (Path(site.supervised.place.state_dir) / "standby.ini").exists()


def test_a_second_uwsgi_does_not_take_the_hosts_own_jobs(tmp_path: Path) -> None:
    """They are in HTTP, which it does not speak: their socket goes to a worker that never starts."""
    ini = tmp_path / "web.ini"
    app = App(listen="", page="", headers=[], statuses=[], ini=str(ini), log="", timeout=7, start=1)
    words = Standby(app, str(tmp_path)).words
    ini.write_text("[uwsgi]\nsocket = a\nworkers = 2\nthreads = 8\n")
    room = Room(app)
    one = words(room, "/z")
    assert one[one.index("--zerg") + 1] == "/z"
    assert one[one.index("--threads") + 1] == "8"
    assert (one[one.index("--workers") + 1], one[-4:]) == ("3", ["--map-socket", "0:1", "--map-socket", "1:2,3"])
    ini.write_text("[uwsgi]\nsocket = a\nhttp-socket = b\n")
    assert words(room, "")[-2:] == ["--workers", "1"]
    several = words(room, "/z")
    assert (several[several.index("--workers") + 1], several[-2:]) == ("4", ["--map-socket", "2:4"])


def test_the_file_of_an_old_release_may_name_another_state_folder(tmp_path: Path) -> None:
    ini = tmp_path / "web.ini"
    ini.write_text(f"[uwsgi]\nhook-accepting1-once = write:{tmp_path}/a%%b/uwsgi.serving yes\n")
    serving = Serving(str(ini), "/nowhere")
    assert not serving.has_begun()
    os.utime(tmp_path / "a%b/uwsgi.serving")
    assert serving.has_begun()
