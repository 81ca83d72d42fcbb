"""How doctor judges what a host tells of itself."""

import time
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from ops.agent.doctor_messages import (
    AccountFacts,
    ApacheFacts,
    ProductFacts,
    SelinuxAccess,
    SudoGrant,
    SupervisordFacts,
    ValidationFacts,
)
from ops.agent.service_messages import (
    PortState,
    RestartSettings,
    StandbyState,
    SupervisordState,
    SurvivalFacts,
    ThroughApache,
)
from ops.errors import HostError
from ops.monitoring import doctor_facts
from ops.monitoring.certificates import Expiry
from ops.monitoring.doctor import diagnose, without_python
from ops.monitoring.doctor_facts import Facts, Login
from ops.monitoring.findings import ERROR, OK, WARNING, Finding
from ops.ssh.agent_answers import Answer
from tests.unit.hosts import host

MODULES = ["ssl_module", "headers_module", "setenvif_module", "proxy_module", "proxy_uwsgi_module", "mod_shib"]
ACCESS = SelinuxAccess(
    mode="Enforcing",
    verdict="denied",
    kind="socket-file",
    source="httpd_t",
    target="user_home_t",
    how="found",
    subject="/home/poms/run/app.sock",
)


def healthy() -> Facts:
    """A host with nothing to complain about."""
    now = int(time.time())
    account = AccountFacts(
        now=now,
        account="poms",
        shell="/bin/bash",
        unwritable=[],
        grants=[],
        missing_tools=[],
        lock_problem="",
        temporary_problem="",
        free_kilobytes=9_999_999,
        free_inodes=99_999,
    )
    apache = ApacheFacts(
        version="2.4.62",
        modules=MODULES,
        modules_problem="",
        authorities=3,
        ports=[PortState(port=443, state="open")],
        lists_reloaded="",
        restart=None,
        shibd_version="shibboleth 3.4.1",
        shibd="runs",
        through_apache={},
    )
    validation = ValidationFacts(reached="identity-probe")
    products = ProductFacts(missing=[], python="/x/python, Python 3.11", python_problem="")
    supervisord = SupervisordFacts(
        state=SupervisordState(state="up", pid=40),
        orphans=[],
        standbys=[],
        survival=SurvivalFacts(starter="/etc/rc.local", kills="no"),
        start="",
    )
    return Facts(
        Login("key SHA256:abc jdoe", now, "3.9.2, /usr/bin/python3"),
        account,
        apache,
        validation,
        products,
        supervisord,
    )


def facts(part: str = "account", **changed: Any) -> Facts:
    """The same with changes in one part; "selinux" is one answer."""
    made = healthy()
    if part == "selinux":
        return replace(made, selinux=(structs.replace(ACCESS, **changed),))
    return replace(made, **{part: structs.replace(getattr(made, part), **changed)})


def judged(what: str, found: Facts, **settings: Any) -> list[Finding]:
    one = host(**({"apache": {"reload": ["sudo", "service", "httpd", "graceful"]}} | settings))
    return [finding for finding in diagnose(one, found, []) if finding.what == what]


def ago(seconds: int) -> int:
    return int(time.time()) - seconds


def state(**values: Any) -> SupervisordState:
    return SupervisordState(**values)


@pytest.mark.parametrize(
    ("what", "part", "told", "level", "words"),
    [
        (
            "app through Apache",
            "apache",
            {"through_apache": {"service": ThroughApache(state="ok", found="")}},
            OK,
            "reaches it",
        ),
        (
            "app through Apache",
            "apache",
            {"through_apache": {"service": ThroughApache(state="unknown", found="not yet")}},
            WARNING,
            "not yet",
        ),
        (
            "app through Apache",
            "apache",
            {"through_apache": {"service": ThroughApache(state="failed", found="status 503; why")}},
            ERROR,
            "503",
        ),
        ("locks", "account", {"lock_problem": "flock: No locks available"}, ERROR, "No locks available"),
        (
            "products",
            "products",
            {"python_problem": "No module named supervisor"},
            ERROR,
            "No module named supervisor",
        ),
        ("products", "products", {"missing": ["uwsgi"]}, ERROR, "not found after activate: uwsgi"),
        ("products", "products", {}, OK, "/x/python"),
        ("Python", "account", {}, OK, "/usr/bin/python3"),
        ("Apache", "apache", {}, OK, "2.4.62"),
        ("Apache", "apache", {"version": "2.4.6"}, ERROR, "2.4.37"),
        ("Apache", "apache", {"version": "2.2.15"}, ERROR, "RHEL 8"),
        ("Apache", "apache", {"version": None}, ERROR, "root installs httpd"),
        ("modules", "apache", {"modules": ["ssl_module"]}, ERROR, "headers_module"),
        ("modules", "apache", {"modules_problem": "AH00526: Syntax error"}, ERROR, "AH00526"),
        ("shibd", "apache", {"shibd_version": "No such file"}, ERROR, "not installed"),
        ("shibd", "apache", {"shibd_version": "shibboleth 2.5.3"}, ERROR, "too old"),
        ("shibd", "apache", {"shibd": "down"}, ERROR, "nobody can log in"),
        ("shibd", "apache", {"shibd": "listens"}, OK, "listens"),
        ("shibd", "apache", {"shibd": "hidden"}, WARNING, "cannot see other accounts' processes"),
        ("trusted CAs", "apache", {"authorities": None}, ERROR, "cannot be read"),
        ("trusted CAs", "apache", {"authorities": 0}, ERROR, "openssl rehash"),
        ("trusted CAs", "apache", {}, OK, "3 in "),
        ("supervisord", "supervisord", {}, OK, "process 40"),
        ("supervisord", "supervisord", {"state": state(state="down")}, WARNING, "start-supervisord"),
        ("supervisord", "supervisord", {"state": state(state="down"), "orphans": [41, 42]}, ERROR, "'kill 41 42'"),
        (
            "supervisord",
            "supervisord",
            {"state": state(state="elsewhere", pid=40, detail="/x.sock")},
            ERROR,
            'set supervisor.socket to "/x.sock"',
        ),
        ("supervisord", "supervisord", {"state": state(state="silent", pid=40)}, ERROR, "does not answer"),
        (
            "standby",
            "supervisord",
            {"standbys": [StandbyState(pid=50, age=60, requests=3, seconds_left=600)]},
            WARNING,
            "has 3 requests",
        ),
        ("SELinux", "selinux", {}, ERROR, "httpd_var_run_t '/home/poms/run(/.*)?'"),
        ("SELinux", "selinux", {"verdict": "allowed"}, OK, "/home/poms/run/app.sock"),
        ("SELinux", "selinux", {"mode": "Permissive"}, WARNING, "restorecon"),
        ("SELinux", "selinux", {"verdict": "unknown", "how": "no-tool"}, WARNING, "libselinux-utils"),
        ("disk", "account", {"free_kilobytes": 1000}, ERROR, "1000 kB"),
        ("disk", "account", {"free_inodes": 12}, ERROR, "12 more files"),
        ("disk", "account", {"free_inodes": None}, OK, ""),
        ("login", "account", {"account": "root"}, ERROR, "root"),
        (
            "sudo",
            "account",
            {"grants": [SudoGrant(name="apache.reload", granted="password")]},
            ERROR,
            "--prompt-for-sudo-password",
        ),
        (
            "sudo",
            "account",
            {"grants": [SudoGrant(name="apache.reload", granted="no", said="not you")]},
            ERROR,
            "sudo says: not you",
        ),
        ("places", "account", {"unwritable": ["/etc/x"]}, ERROR, "/etc/x is not writable"),
        ("tools", "account", {"missing_tools": ["flock"]}, ERROR, "flock"),
        ("temporary files", "account", {"temporary_problem": "/tmp: no space"}, ERROR, "no space"),
        ("trial start", "validation", {"reached": "configtest"}, ERROR, "deploy.validation"),
        ("trial start", "validation", {"reached": ""}, WARNING, "not run"),
        ("trial start", "validation", {"reached": "", "fault": "GOT IN"}, ERROR, "GOT IN"),
        ("ports", "validation", {"taken": "port 443 belongs to another program"}, ERROR, "port 443 belongs"),
        ("revocation lists", "apache", {"lists_reloaded": "nobody"}, WARNING, "crontab"),
        ("ports", "apache", {"ports": [PortState(port=443, state="silent")]}, ERROR, "443"),
        ("ports", "apache", {"ports": [PortState(port=443, state="closed")]}, WARNING, "443"),
        (
            "boot",
            "supervisord",
            {"survival": SurvivalFacts(starter="nobody", crontab="no")},
            WARNING,
            "start-at-boot",
        ),
        ("boot", "supervisord", {}, OK, "/etc/rc.local"),
    ],
)
def test_each_fact_becomes_a_finding_with_advice(
    what: str, part: str, told: dict[str, Any], level: str, words: str
) -> None:
    found = judged(what, facts(part, **told))[0]
    assert found.level == level, found
    assert words in f"{found.found} {found.advice}"
    assert bool(found.advice) == (level != OK)


@pytest.mark.parametrize(
    ("told", "asked", "level"), [(60, 0, WARNING), (60, 30, WARNING), (60, 61, OK), (-3600, 0, ERROR)]
)
def test_clocks_differ_by_more_than_a_slow_answer(told: int, asked: int, level: str) -> None:
    """The host told its time when it was asked; both in seconds ago."""
    found = replace(facts(now=ago(told)), login=Login("jdoe", ago(asked), "3.9"))
    assert judged("clock", found)[0].level == level


def test_restart_without_reload_tells_its_cost() -> None:
    found = facts("apache", restart=RestartSettings(signal="28", timeout="1min 30s", graceful=None))
    (warned,) = [one for one in judged("sudo", found, apache={}) if one.level == WARNING]
    assert "CLOSED to everybody else, for up to 90 s" in warned.found


def test_without_selinux_there_is_no_finding() -> None:
    assert judged("SELinux", facts()) == []


def test_host_without_python_has_only_that_finding() -> None:
    (found,) = without_python("python3, platform-python")
    assert (found.level, "tried: python3, platform-python" in found.found) == (ERROR, True)


def test_a_supervisord_that_cannot_start_is_an_error() -> None:
    found = facts("supervisord", state=state(state="down"), start="refused killed")
    (wrong,) = [one for one in judged("supervisord", found) if one.level == ERROR]
    assert "loginctl enable-linger poms" in wrong.advice


def test_certificates_that_end_soon_are_told_each() -> None:
    endings = [
        Expiry("host", "/h.pem", "CN=h", 3.0),
        Expiry("ca", "/c.pem", "CN=c", -1.0),
        Expiry("sp", "/s.pem", "", 99),
    ]
    found = diagnose(host(), facts(), endings)
    assert [(one.level, one.found) for one in found if one.what == "certificates"] == [
        (WARNING, "host certificate /h.pem: 3 days"),
        (ERROR, "trusted CA /c.pem: EXPIRED 1 day ago"),
    ]


def test_a_socket_in_tmp_is_a_warning() -> None:
    for listen, warned in (("/tmp/poms/app.sock", True), ("/var/tmp/p/app.sock", True), ("/home/poms/run/s", False)):
        found = [finding.level for finding in judged("app", facts(), app={"listen": listen})]
        assert (WARNING in found) == warned, listen


def test_each_part_of_the_answer_must_be_there_once() -> None:
    request = doctor_facts.request(host(), [], None)
    made = healthy()
    parts = [made.account, made.apache, made.validation, made.products, made.supervisord]
    answer = Answer("web1", [*parts, ACCESS], python="3.9")
    found = doctor_facts.read(request, answer, made.login)
    assert (found.selinux, found.places) == ((ACCESS,), 2)
    with pytest.raises(ValueError, match="AccountFacts"):
        doctor_facts.read(request, Answer("web1", [*parts, made.account], python="3.9"), made.login)
    with pytest.raises(HostError):
        doctor_facts.read(request, Answer("web1", [*parts]), made.login)


def test_a_check_that_is_turned_off_is_not_well() -> None:
    found = judged("app through Apache", facts(), app={"check_through_apache": False})
    assert [one.level for one in found] == [WARNING]
