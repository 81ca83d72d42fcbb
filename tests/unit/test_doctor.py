"""How doctor judges what a host tells of itself."""

import time

import pytest

from ops.monitoring.certificates import Ending
from ops.monitoring.doctor import diagnose
from ops.monitoring.doctor_facts import Facts, parse
from ops.monitoring.findings import MIND, WELL, WRONG, Finding
from tests.unit.hosts import host

HEALTHY = {
    "account": "poms",
    "shell": "/bin/bash",
    "who": "key SHA256:abc jdoe",
    "httpd": "2.4.62 /usr/sbin/httpd",
    "modules": "ssl_module headers_module setenvif_module proxy_module proxy_uwsgi_module mod_shib",
    "shibd_version": "shibboleth 3.4.1",
    "shibd": "runs",
    "supervisord": "up 40",
    "namespaces": "yes",
    "ca_dir": "3 /etc/httpd/TrustedCAs",
    "boot": "/etc/rc.local",
    "disk": "9999999",
    "inodes": "99999",
}

SOCKET = "socket-file httpd_t user_home_t found /home/poms/run/app.sock"


def judged(what: str, **told: str) -> Finding:
    facts = {name: [value] for name, value in (HEALTHY | {"now": str(int(time.time()))} | told).items()}
    one = host(apache={"reload": ["sudo", "service", "httpd", "graceful"]})
    return next(found for found in diagnose(one, Facts(facts), []) if found.what == what)


@pytest.mark.parametrize(
    ("what", "told", "level", "words"),
    [
        ("app through Apache", {"through_apache": "ok status 200"}, WELL, "reaches it"),
        ("app through Apache", {"through_apache": "unknown not yet"}, MIND, "not yet"),
        ("app through Apache", {"through_apache": "failed status 503; why"}, WRONG, "503"),
        ("locks", {"lock": "no flock: exit code 71: No locks available"}, WRONG, "No locks available"),
        ("products", {"supervisor_python": "no No module named supervisor"}, WRONG, "No module named supervisor"),
        ("products", {"supervisor_python": "yes /x/python, Python 3.11"}, WELL, "/x/python"),
        ("Apache", {}, WELL, "2.4.62"),
        ("Apache", {"httpd": "2.4.6 /usr/sbin/httpd"}, WRONG, "2.4.37"),
        ("Apache", {"httpd": "2.2.15 /usr/sbin/httpd"}, WRONG, "RHEL 8"),
        ("modules", {"modules": "ssl_module"}, WRONG, "headers_module"),
        ("modules", {"modules_unknown": "AH00526: Syntax error"}, WRONG, "AH00526"),
        ("shibd", {"shibd_version": "shibboleth 2.5.3"}, WRONG, "too old"),
        ("shibd", {"shibd": "down"}, WRONG, "nobody can log in"),
        ("shibd", {"shibd": "listens"}, WELL, "listens"),
        ("shibd", {"shibd": "hidden"}, MIND, "cannot see other accounts' processes"),
        ("supervisord", {}, WELL, "process 40"),
        ("supervisord", {"supervisord": "down"}, MIND, "start-supervisord"),
        ("supervisord", {"supervisord": "down", "orphans": "41 42"}, WRONG, "'kill 41 42'"),
        ("supervisord", {"supervisord": "elsewhere 40 /x.sock"}, WRONG, 'set supervisor.socket to "/x.sock"'),
        ("supervisord", {"supervisord": "silent 40"}, WRONG, "does not answer"),
        ("standby", {"standby": "50 60 3 600"}, MIND, "answers 3 requests"),
        ("SELinux", {"selinux": f"Enforcing denied {SOCKET}"}, WRONG, "httpd_var_run_t '/home/poms/run(/.*)?'"),
        ("SELinux", {"selinux": f"Enforcing allowed {SOCKET}"}, WELL, "/home/poms/run/app.sock"),
        ("SELinux", {"selinux": f"Permissive denied {SOCKET}"}, MIND, "restorecon"),
        (
            "SELinux",
            {"selinux": "Enforcing unknown app-port httpd_t - no-tool 127.0.0.1:1"},
            MIND,
            "libselinux-utils",
        ),
        ("disk", {"disk": "1000"}, WRONG, "1000 kB"),
        ("disk", {"inodes": "12"}, WRONG, "12 more files"),
        ("disk", {"inodes": "-"}, WELL, ""),
        ("clock", {"now": str(int(time.time()) - 60)}, MIND, " seconds"),
        # A slow answer: the host told its time when it was asked.
        ("clock", {"now": str(int(time.time()) - 60), "asked": str(int(time.time()) - 61)}, WELL, ""),
        ("clock", {"now": str(int(time.time()) - 60), "asked": str(int(time.time()) - 30)}, MIND, " seconds"),
        ("clock", {"now": str(int(time.time()) + 3600)}, WRONG, "Kerberos"),
        ("login", {"account": "root"}, WRONG, "root"),
        ("sudo", {"sudo": "password apache.reload"}, WRONG, "--prompt-for-sudo-password"),
        ("sudo", {"sudo": "no apache.reload"}, WRONG, "NOPASSWD: service httpd graceful"),
        ("tools", {"tool": "no flock"}, WRONG, "flock"),
        ("temporary files", {"temporary": "no space"}, WRONG, "space"),
        ("trial start", {"validation": "configtest"}, WRONG, "deploy.validation"),
        ("revocation lists", {"lists_reloaded": "nobody"}, MIND, "crontab"),
        ("ports", {"port": "silent 443"}, WRONG, "443"),
        ("boot", {"boot": "nobody", "survival": "crontab no"}, MIND, "start-at-boot"),
        ("boot", {"boot": "/etc/rc.local"}, WELL, "/etc/rc.local"),
    ],
)
def test_each_fact_is_judged_and_what_is_wrong_comes_with_advice(
    what: str, told: dict[str, str], level: str, words: str
) -> None:
    found = judged(what, **told)
    assert found.level == level, found
    assert words in f"{found.found} {found.advice}"
    assert bool(found.advice) == (level != WELL)


def test_where_no_selinux_is_at_work_nothing_is_said_of_it() -> None:
    facts = Facts({name: [value] for name, value in HEALTHY.items()})
    assert not [found for found in diagnose(host(), facts, []) if found.what == "SELinux"]


def test_a_supervisord_that_no_deploy_would_start_is_in_the_way() -> None:
    told = HEALTHY | {"supervisord": "down", "start": "refused killed"}
    found = diagnose(host(), parse([f"fact {k} {v}" for k, v in told.items()]), [])
    (wrong,) = [one for one in found if one.what == "supervisord" and one.level == WRONG]
    assert "loginctl enable-linger poms" in wrong.advice


def test_certificates_that_end_soon_are_told_each() -> None:
    endings = [
        Ending("host", "/h.pem", "CN=h", 3.0),
        Ending("ca", "/c.pem", "CN=c", -1.0),
        Ending("sp", "/s.pem", "", 99),
    ]
    found = diagnose(host(), parse([f"fact {k} {v}" for k, v in HEALTHY.items()]), endings)
    assert [(one.level, one.found) for one in found if one.what == "certificates"] == [
        (MIND, "host certificate /h.pem: 3 days"),
        (WRONG, "trusted CA /c.pem: OVER for 1 day"),
    ]


def test_a_socket_in_a_folder_that_systemd_may_hide_is_to_be_minded() -> None:
    facts = Facts({name: [value] for name, value in HEALTHY.items()})
    for listen, warned in (("/tmp/poms/app.sock", True), ("/var/tmp/p/app.sock", True), ("/home/poms/run/s", False)):
        one = host(app={"listen": listen})
        found = [finding.level for finding in diagnose(one, facts, []) if finding.what == "app"]
        assert (MIND in found) == warned, listen


def test_a_check_that_is_turned_off_is_not_well() -> None:
    facts = Facts({name: [value] for name, value in HEALTHY.items()})
    one = host(app={"check_through_apache": False})
    assert [f.level for f in diagnose(one, facts, []) if f.what == "app through Apache"] == [MIND]
