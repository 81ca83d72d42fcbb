"""The one screen of `status`: what is wrong stands on top, in words, with what to do."""

import re
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console, Group

from ops.agent.health_messages import AppHealth, DiskState, HostHealth, ServiceProcess
from ops.agent.service_messages import PortState, StandbyState
from ops.agent.service_messages import ThroughApache as ThroughApacheAnswer
from ops.deploy.drift import EDITED, TEMPLATE, Drift
from ops.deploy.releases import PastRelease
from ops.deploy.snapshot import Snapshot
from ops.errors import OperatorError, Unreachable
from ops.monitoring.certificates import Expiry
from ops.monitoring.findings import ERROR, WARNING, Finding
from ops.monitoring.health import AppMetrics, Disk, Health, HostMetrics, ThroughApache, read
from ops.monitoring.status_findings import assess
from ops.monitoring.worker_history import MEGABYTE
from ops.monitoring.workers import Worker, WorkerPool
from ops.schema import Host
from ops.services.standby import Standby
from ops.services.supervisord import ProgramState, Report
from ops.ssh.agent_answers import Answer
from ops.ui import finding_list, status_view
from tests.unit.hosts import host

NOW = 1_800_000_000
WEB = ProgramState("web", "RUNNING", 41, 7300, "")


def shop(name: str = "web1") -> Host:
    """A host with two programs, uWSGI's and another one."""
    command = "uwsgi --ini /home/poms/private/config/poms/uwsgi-service.ini"
    programs = {"web": {"command": command}, "agent": {"command": "run"}}
    return host(name=name, uwsgi={"options": {"stats": "/home/poms/private/s"}}, programs=programs)


def well(**changes: Any) -> Health:
    """A host where nothing is wrong, but for `changes`."""
    release = PastRelease("20270115T075500Z-2a6e", True, {"at": str(NOW - 3 * 86_400), "by": "jdoe@EXAMPLE.ORG"})
    good = Health(
        report=Report("up", 40, [WEB], []),
        snapshot=Snapshot({}, {}, release.name, None, "up", 40, 10**7),
        release=release,
        drift=[],
        vitals=HostMetrics(
            NOW,
            {443: True, 8443: True},
            {"apache": (7, 86_400 * 5), "shibd": (8, 86_400 * 5)},
            (Disk(4 * 10**7, 60, 10**6, "/home"),),
        ),
        apps={
            "service": AppMetrics(
                "", (0, 100), ThroughApache("ok"), WorkerPool((worker(1), worker(2, state="cheap")))
            )
        },
        ending=[Expiry("host", "/etc/host.pem", days=43)],
        ending_seen=NOW,
    )
    return replace(good, **changes)


def worker(number: int, size: int = 700, **values: Any) -> Worker:
    given: dict[str, Any] = {"pid": 100 + number, "state": "idle", "requests": 1200, "cores": 10} | values
    return Worker(id=number, size=size * MEGABYTE, **given)


def vitals(**changes: Any) -> Health:
    """As `well`, but for what the host told."""
    return well(vitals=replace(well().vitals, **changes))


def app(name: str = "service", **changes: Any) -> Health:
    """As `well`, but for what the host told of an app."""
    return well(apps=well().apps | {name: replace(well().apps["service"], **changes)})


def screen(*healths: Health, width: int = 100) -> str:
    """What the operator reads."""
    console = Console(width=width, color_system=None)
    seen = status_view.Seen([(shop(f"web{number}"), health) for number, health in enumerate(healths, 1)])
    with console.capture() as captured:
        console.print(Group(*status_view.draw(seen, width)))
    return captured.get()


def rows(*healths: Health, width: int = 100, notes: dict[str, str] | None = None) -> list[str]:
    """What the operator reads where hosts are rows, without what stands above them."""
    console = Console(width=width, color_system=None)
    seen = status_view.Seen([(shop(f"web{n}"), one) for n, one in enumerate(healths, 1)], notes=notes or {})
    with console.capture() as captured:
        console.print(Group(*status_view.draw(seen, width, rows=True)))
    lines = captured.get().splitlines()
    return lines[next(number for number, line in enumerate(lines) if line.startswith("host ")) :]


def test_a_host_without_findings_is_only_a_column() -> None:
    lines = screen(well()).splitlines()
    assert lines[0].split() == ["web1"]
    told = {line.split("  ")[0]: line.split("  ", 1)[1].strip() for line in lines[1:]}
    assert told == {
        "release": "20270115T075500Z-2a6e",
        "deployed": "3 d ago by jdoe@EXAMPLE.ORG",
        "drift": "no",
        "Apache": "up 5 d",
        "shibd": "up 5 d",
        "supervisord": "up, process 40",
        "web": "RUNNING 2 h, process 41",
        "app": "answers through Apache",
        "workers": "1 idle, 1 cheap",
        "requests": "2,400",
        "largest worker": "700 MB of 1400 / 1800",
        "listen queue": "0 of 100",
        "certificates": "43 days: host certificate",
        "disk": "60 % of /home, 38 GB free",
    }


CONF_D = "/etc/httpd/conf.d/ssl.conf"
FATAL = ProgramState("agent", "FATAL", 0, 0, "Exited too quickly")


def programs(*states: ProgramState, **changes: Any) -> Health:
    """As `well`, but for the programs, and for what the host told of the app."""
    return replace(app(**changes), report=Report("up", 40, [*states], []))


def stopped(name: str, by: str = "") -> ProgramState:
    return ProgramState(name, "STOPPED", 0, 0, "stopped on purpose", stopped_by=by, stopped_ago=180)


def killed(number: int, count: int, age: int, reason: str = "evil") -> Worker:
    return worker(number, age=age, reasons={reason: count}, last=reason)


UNDEPLOYED = Snapshot({}, {}, None, None, "down", None, 10**7)


@pytest.mark.parametrize(
    ("health", "level", "said", "advice"),
    [
        (
            well(report=Report("up", 40, [WEB, FATAL], [])),
            ERROR,
            "program agent: FATAL: Exited too quickly",
            "tail-logs",
        ),
        (well(report=Report("down", None, [], [])), ERROR, "supervisord: is not running", "start-supervisord"),
        (well(report=Report("down", None, [], [], "41 42")), ERROR, "its programs still run", "'kill 41 42'"),
        (well(report=Report("deaf", 40, [], [])), ERROR, "supervisor.sock is missing", "kill -HUP 40"),
        (well(report=Report("silent", 40, [], [])), ERROR, "process 40: it listens on", "suspended"),
        (
            well(report=Report("elsewhere", 40, [], [], detail="/home/poms/x.sock")),
            ERROR,
            "runs as process 40 with /home/poms/supervisord.conf on the socket /home/poms/x.sock",
            'set supervisor.socket to "/home/poms/x.sock"',
        ),
        (well(report=Report("refuses", None, [], [], detail="no login")), ERROR, "no login", "doctor"),
        (
            well(report=Report("unknown", None, [], [], trouble="no supervisorctl")),
            ERROR,
            "no supervisorctl",
            "doctor",
        ),
        (
            vitals(processes={"apache": None, "shibd": (1, 1)}, ports={443: False, 8443: False}),
            ERROR,
            "Apache: does not run",
            "check-apache",
        ),
        (
            vitals(processes={"apache": None, "shibd": (1, 1)}),
            WARNING,
            "accepts connections on 443, 8443",
            "ss -ltnp",
        ),
        (vitals(processes={"apache": (1, 1)}), WARNING, "shibd: unknown", "service shibd status"),
        (
            vitals(processes={}, ports={443: False, 8443: True}, shibd_listens=True),
            ERROR,
            "Apache: accepts no connections on 443",
            "check-apache",
        ),
        (
            vitals(standbys=(Standby(50, 60, 3, 600),)),
            WARNING,
            "standby: the second uWSGI of a reload",
            "nothing to do",
        ),
        (
            programs(stopped("web", "key x (eve@desk)")),
            ERROR,
            "web: stopped on purpose 3 min ago by key x (eve",
            "start-",
        ),
        (programs(stopped("web")), ERROR, "stopped on purpose 3 min ago on the host itself", "start-programs"),
        (programs(stopped("web"), problem="refused"), ERROR, "program web: stopped", "start-programs"),
        (programs(WEB, stopped("agent")), WARNING, "program agent: stopped on purpose 3 min ago", "--programs=agent"),
        (
            programs(replace(WEB, ended=3)),
            ERROR,
            "program web: restarts again and again: it exited 3 times",
            "tail-logs",
        ),
        (app(problem="the app does not answer on x"), ERROR, "app: the app does not answer on x", "tail-logs"),
        (app(problem=None, queue=(12, 100)), WARNING, "app: not checked: 12 connections already wait", "workers"),
        (vitals(pages={443: 503}), ERROR, "Apache: answers a visitor with status 503 on 443", "check-apache"),
        (vitals(configtest="Syntax error in x.conf"), ERROR, "its configuration test fails: Syntax error", "restart"),
        (
            app(pool=WorkerPool((killed(1, 2, 4), killed(2, 1, 9)))),
            ERROR,
            "killed 3 times by evil-reload-on-as",
            "fab -H",
        ),
        (
            app(pool=WorkerPool((killed(1, 2, 4, "signal 11"), killed(2, 1, 9, "harakiri")))),
            ERROR,
            "workers: were killed 2 times by signal 11, 1 time by harakiri",
            "tail-logs",
        ),
        (vitals(ports={443: True, 8443: False}), ERROR, "Apache: accepts no connections on 8443", "check-apache"),
        (vitals(processes={"apache": (1, 1), "shibd": None}), ERROR, "shibd: does not run", "service shibd start"),
        (
            app(queue=(80, 100)),
            ERROR,
            "listen queue: 80 connections wait of at most 100",
            "workers shows who is busy",
        ),
        (vitals(disks=(Disk(5000, 99, None, "/var"),)), ERROR, "disk: /var: 4 MB are free", "remove old logs"),
        (vitals(disks=(Disk(10**7, 50, 3, "/var"),)), ERROR, "disk: /var: only 3 more files fit", "not needed"),
        (
            app(pool=WorkerPool((worker(3, 1500),))),
            ERROR,
            "worker 3: 1500 MB of address space, over",
            "1800 MB it is killed",
        ),
        (
            app(pool=WorkerPool((worker(3, 1300),))),
            WARNING,
            "worker 3: 1300 MB of address space, near",
            "workers shows",
        ),
        (
            app(pool=WorkerPool((worker(1, state="busy", busy_cores=10),))),
            ERROR,
            "all threads of all 1 are busy",
            "tail-logs",
        ),
        (app(pool=WorkerPool(problem="no stats")), WARNING, "workers: their state is unknown", "no stats"),
        (app(pool=WorkerPool((worker(1),), queue_errors=4)), WARNING, "was full 4 times", "add workers"),
        (well(drift=[Drift("/x", EDITED)]), ERROR, "drift: /x: edited on the host", "adopt /x keeps the edit"),
        (
            well(drift=[Drift("/x", TEMPLATE)]),
            WARNING,
            "drift: 1 file differs from the inventory",
            "diff shows the changes",
        ),
        (well(snapshot=replace(UNDEPLOYED, release="r", unfinished="r9")), ERROR, "r9 died half-way", "recover"),
        (
            well(snapshot=replace(UNDEPLOYED, release="r", rewritten={CONF_D: 9.0}, read={"apache": 8.0})),
            WARNING,
            f"drift: {CONF_D}: up to date, but apache has not reloaded it",
            "deploy reloads it",
        ),
        (well(snapshot=replace(UNDEPLOYED, release="r", lock="by eve")), WARNING, "in progress: by eve", "wait"),
        (well(snapshot=UNDEPLOYED, release=None), WARNING, "nothing was deployed here yet", "doctor, then deploy"),
        (
            well(snapshot=replace(UNDEPLOYED, elsewhere="/old"), release=None),
            ERROR,
            "release: its releases are in /old",
            "releases shows how to move them",
        ),
        (
            well(ending=[Expiry("sp", "/sp.pem", days=-2.5)]),
            ERROR,
            "provider /sp.pem: EXPIRED 2 days ago",
            "fab certs",
        ),
    ],
)
def test_each_finding_has_its_level_text_and_advice(health: Health, level: str, said: str, advice: str) -> None:
    found = assess(shop(), health)
    assert [finding.level for finding in found] == [level]
    first, second, third = screen(health, width=160).splitlines()[:3]
    assert first.startswith("web1: ")
    assert said in first
    assert advice in second
    assert not third.strip(), "one thing is wrong, and one is told"


@pytest.mark.parametrize(
    "health",
    [
        programs(WEB, ProgramState("agent", "STOPPED", 0, 0, "not started yet")),
        programs(replace(WEB, ended=2)),
        programs(WEB, ProgramState("agent", "EXITED", 0, 0, "", ended=9)),
        app(pool=WorkerPool((killed(1, 9, 301),))),
        app(pool=WorkerPool((killed(1, 2, 4),))),
        app(pool=WorkerPool((killed(1, 9, 4, "size 1451229184"), killed(2, 9, 4, "cheap")))),
        vitals(pages={443: 302, 8443: 403}, configtest=""),
        vitals(pages={}, configtest=None),
        app(problem=None),
    ],
)
def test_normal_and_unknown_states_are_no_findings(health: Health) -> None:
    assert assess(shop(), health) == []


def test_advice_names_no_task_for_a_program_of_an_included_file() -> None:
    (found,) = assess(shop(), programs(WEB, ProgramState("theirs", "FATAL", 0, 0, "x")))
    assert "fab" not in found.advice


def test_a_stopped_program_is_one_finding() -> None:
    for one in ([ProgramState("web", "FATAL", 0, 0, "x")], [stopped("web")], list[ProgramState]()):
        found = assess(shop(), programs(*one, problem="refused"))
        assert [finding.what for finding in found] == (["program web"] if one else ["app"])
    down = replace(app(problem="refused"), report=Report("down", None, [], []))
    assert [finding.what for finding in assess(shop(), down)] == ["supervisord"]


def test_the_worst_of_all_hosts_comes_first() -> None:
    broken = well(report=Report("up", 1, [FATAL], []), drift=[Drift("/x", TEMPLATE)])
    lines = screen(vitals(ports={443: False}), broken)
    told = [line for line in lines.splitlines() if line.startswith("web")]
    assert ["443" in told[0], "FATAL" in told[1], "drift" in told[2]] == [True, True, True], told


def test_hosts_stand_side_by_side_where_they_fit() -> None:
    wide, narrow = screen(well(), well(), width=100).splitlines(), screen(well(), well(), width=60).splitlines()
    assert (len(wide), len(narrow)) == (15, 30)
    assert max(map(len, narrow)) <= 60
    assert wide[0].split() == ["web1", "web2"]


def test_a_programs_words_cannot_steer_the_terminal() -> None:
    evil = ProgramState("web", "FATAL", 0, 0, "\x1b]0;owned\x07")
    assert "\\x1b]0;owned\\x07" in screen(well(report=Report("up", 1, [evil], [])))


def test_what_the_account_may_not_see_is_not_down() -> None:
    hidden = vitals(processes={}, shibd_listens=True)
    assert assess(shop(), hidden) == []
    shown = {line.split("  ")[0]: line for line in screen(hidden, width=160).splitlines()}
    for label in ("Apache", "shibd"):
        assert "answers: this account cannot see other accounts' processes" in shown[label]
        assert "!" not in shown[label]


def read_health(**values: Any) -> HostMetrics:
    return read(Answer("web1", [HostHealth(now=9, **values)], "3"))[0]


def read_app(**values: Any) -> AppMetrics:
    """The only app of the answer."""
    return read(Answer("web1", [HostHealth(now=9, apps=[AppHealth(name="service", **values)])], "3"))[1]["service"]


def test_what_is_hidden_and_a_standby_are_read() -> None:
    hidden = [ServiceProcess(name="apache", pid=None), ServiceProcess(name="shibd", pid=None)]
    standby = StandbyState(pid=50, age=60, requests=2, seconds_left=0)
    found = read_health(processes=hidden, shibd_listens=True, standbys=[standby])
    assert found == HostMetrics(9, shibd_listens=True, standbys=(Standby(50, 60, 2, 0),))


def test_an_answer_of_the_host_is_read_whole() -> None:
    found = read_health(
        ports=[PortState(port=443, state="open", status=302), PortState(port=8443, state="silent")],
        processes=[ServiceProcess(name="apache", pid=7, age=100), ServiceProcess(name="shibd", pid=0)],
        disks=[
            DiskState(free=500, used=99, inodes=None, mount="/mnt/a b"),
            DiskState(free=600, used=5, inodes=70, mount="/"),
            DiskState(free=600, used=5, inodes=70, mount="/"),
        ],
        configtest="x",
    )
    assert found == HostMetrics(
        9,
        {443: True, 8443: False},
        {"apache": (7, 100), "shibd": None},
        (Disk(500, 99, None, "/mnt/a b"), Disk(600, 5, 70, "/")),
        pages={443: 302},
        configtest="x",
    )
    assert (read_health(configtest="").configtest, read_health().configtest) == ("", None)
    assert read_app(problem="x y", queue=(3, 100)) == AppMetrics("x y", (3, 100))
    assert (read_app(problem="").problem, read_app().problem) == ("", None)


DOWN = Report("down", None, [], [])


def findings_of(*healths: Health) -> list[tuple[list[str], str, str]]:
    """(names, found, advice) of each line on top."""
    found = [(shop(f"web{n}"), one) for n, health in enumerate(healths, 1) for one in assess(shop(f"web{n}"), health)]
    return [(names, one.found, one.advice) for names, one in finding_list.grouped(found)]


def test_equal_findings_of_several_hosts_are_one() -> None:
    same = findings_of(well(report=DOWN), well(), well(report=DOWN))
    assert [names for names, _, _ in same] == [["web1", "web3"]]
    assert "fab -H web1,web3 start-supervisord" in same[0][2]
    assert "-H web1 " not in same[0][2]
    shown = screen(well(report=DOWN), well(report=DOWN), width=160)
    assert [line for line in shown.splitlines() if "supervisord:" in line] == [
        "web1, web2: supervisord: is not running, nor is any program"
    ]


def test_findings_that_differ_in_anything_stay_apart() -> None:
    apart = findings_of(well(drift=[Drift("/x", EDITED)]), well(drift=[Drift("/y", EDITED)]))
    assert [names for names, _, _ in apart] == [["web1"], ["web2"]]
    assert ["fab -H web1 adopt /x" in apart[0][2], "fab -H web2 adopt /y" in apart[1][2]] == [True, True]


def test_a_name_that_begins_another_is_not_taken_for_it() -> None:
    advice = "fab -H web10 doctor"
    one, ten = shop("web1"), shop("web10")
    found = [(host, Finding("x", ERROR, "y", advice)) for host in (one, ten)]
    assert [(names, told.advice) for names, told in finding_list.grouped(found)] == [
        (["web1"], advice),
        (["web10"], advice),
    ]


def test_equal_findings_of_one_host_name_it_once() -> None:
    found = [(shop(), Finding("x", ERROR, "y"))] * 2
    assert [names for names, _ in finding_list.grouped(found)] == [["web1"]]


def test_unreached_hosts_come_first_and_once() -> None:
    hosts = [host(name=name, address=f"{name}.example.org") for name in ("down1", "down2", "down3")]
    errors: list[tuple[Host, OperatorError]] = [
        (one, Unreachable(one.name, f"cannot reach poms@{one.address} port 22", next_step="is it up?"))
        for one in hosts[:2]
    ]
    errors.append((hosts[2], OperatorError("something else")))
    console = Console(width=160, color_system=None)
    seen = status_view.Seen([(shop(), well(report=DOWN))], errors)
    with console.capture() as captured:
        console.print(Group(*status_view.draw(seen, 160)))
    lines = captured.get().splitlines()
    assert lines[0].startswith("down1, down2: ")
    assert "cannot reach poms@HOST port 22" in lines[0]
    assert "is it up?" in lines[1]
    assert lines[2].startswith("down3: ")
    assert lines[3].startswith("web1: supervisord")
    assert "down" not in "\n".join(line for line in lines[3:] if not line.startswith("web1: "))


def test_an_address_is_told_where_it_is_the_only_one() -> None:
    error = Unreachable("web1", "cannot connect to poms@198.18.0.9 port 22")
    found = [(host(address="198.18.0.9"), finding_list.finding_of(error))]
    assert [one.found for _, one in finding_list.grouped(found)] == [error.message]


def test_rows_that_need_attention_come_first() -> None:
    minded = well(drift=[Drift("/x", TEMPLATE)])
    lines = rows(well(), minded, well(report=Report("up", 1, [FATAL, WEB], [])), well())
    assert [line.split()[0] for line in lines] == ["host", "web3", "web2", "web1", "web4"]
    assert "!1/2 up" in lines[1]
    assert "1 to do" in lines[2]
    assert "!" not in "".join(lines[2:])
    assert lines[3].split("  ")[1:] != []
    heads = ["host", "release", "drift", "Apache", "programs", "workers", "certs", "disk"]
    assert lines[0].split() == heads
    assert re.split(" {2,}", lines[3].strip()) == ["web1", "3 d", "no", "5 d", "1 up", "0/1 busy", "43 d", "60 %"]


@pytest.mark.parametrize(
    ("health", "cell"),
    [
        (well(report=DOWN), "!down"),
        (well(report=Report("down", None, [], [], "41 42")), "!killed"),
        (vitals(ports={443: False, 8443: True}), "!no 443"),
        (vitals(ports={443: False, 8443: False}, processes={"apache": None, "shibd": (1, 1)}), "!down"),
        (vitals(pages={443: 503}), "!gives 503"),
        (vitals(configtest="Syntax error"), "!bad files"),
        (vitals(processes={"apache": (1, 1), "shibd": None}), "!no shibd"),
        (app(problem="it hangs"), "!no answer"),
        (programs(stopped("web"), problem="refused"), "!0/1 up"),
        (programs(stopped("web"), problem="refused"), "none"),
        (app(pool=WorkerPool((worker(3, 1500),))), "!1500 MB"),
        (app(queue=(80, 100)), "!0/1 busy, 80 wait"),
        (vitals(disks=(Disk(5000, 99, None, "/var"),)), "!99 %"),
        (well(drift=[Drift("/x", EDITED)]), "!1 edited"),
        (well(snapshot=replace(UNDEPLOYED, release="r", unfinished="r9")), "!half-way"),
        (well(snapshot=UNDEPLOYED, release=None), "none"),
        (well(ending=[Expiry("sp", "/sp.pem", days=-2.5)]), "!expired"),
        (well(ending=[Expiry("sp", "/sp.pem", problem="no certificate")]), "!bad"),
    ],
)
def test_a_cell_of_a_row_marks_its_error(health: Health, cell: str) -> None:
    line = rows(health)[1]
    assert cell in re.split(" {2,}", line.strip())
    assert line.count("!") == (1 if assess(shop(), health)[0].level == ERROR else 0)


@pytest.mark.parametrize("width", [80, 120])
def test_thirty_hosts_take_a_line_each_in_any_width(width: int) -> None:
    bad = well(report=Report("up", 1, [FATAL], []), drift=[Drift("/x", EDITED)])
    lines = rows(*[bad] * 3, *[well()] * 27, width=width)
    assert len(lines) == 31
    assert max(map(len, lines)) <= width


def test_a_note_stands_in_the_row_of_its_host() -> None:
    lines = rows(well(), well(), notes={"web2": "GONE, seen 9 s ago"})
    assert lines[1].startswith("web2 ")
    assert lines[1].endswith("GONE, seen 9 s ago")


def test_only_a_failed_request_through_apache_is_an_error() -> None:
    def seen(state: str, **more: Any) -> list[tuple[str, str]]:
        health = app(through_apache=ThroughApache(state, "Apache cannot reach it"), **more)
        return [(one.what, one.level) for one in assess(shop(), health)]

    assert seen("failed") == [("app through Apache", ERROR)]
    assert seen("unknown") == seen("not-asked") == []
    assert seen("failed", problem="refused") == [("app", ERROR)], "one cause is one finding"
    down = replace(app(through_apache=ThroughApache("failed", "x")), report=Report("down", None, [], []))
    assert "app through Apache" not in [one.what for one in assess(shop(), down)]
    assert "!" not in screen(app(through_apache=ThroughApache("unknown")))


def test_the_answer_about_the_request_through_apache_is_parsed() -> None:
    failed = ThroughApacheAnswer(state="failed", found="x")
    assert read_app(through_apache=failed).through_apache == ThroughApache("failed", "x")
    assert read_app().through_apache.state == "not-asked"
