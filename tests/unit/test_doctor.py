"""How doctor judges what a host tells of itself."""

import time

import pytest

from ops.monitoring.certificates import Expiry
from ops.monitoring.doctor import diagnose
from ops.monitoring.doctor_facts import Facts, parse
from ops.monitoring.findings import ERROR, OK, WARNING, Finding
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
        ("app through Apache", {"through_apache": "ok status 200"}, OK, "reaches it"),
        ("app through Apache", {"through_apache": "unknown not yet"}, WARNING, "not yet"),
        ("app through Apache", {"through_apache": "failed status 503; why"}, ERROR, "503"),
        ("locks", {"lock": "no flock: exit code 71: No locks available"}, ERROR, "No locks available"),
        ("products", {"supervisor_python": "no No module named supervisor"}, ERROR, "No module named supervisor"),
        ("products", {"supervisor_python": "yes /x/python, Python 3.11"}, OK, "/x/python"),
        ("Python", {"agent": "yes 3.9.2, /usr/bin/python3"}, OK, "/usr/bin/python3"),
        ("Python", {"agent": "no python3"}, ERROR, "root installs python3"),
        ("Apache", {}, OK, "2.4.62"),
        ("Apache", {"httpd": "2.4.6 /usr/sbin/httpd"}, ERROR, "2.4.37"),
        ("Apache", {"httpd": "2.2.15 /usr/sbin/httpd"}, ERROR, "RHEL 8"),
        ("modules", {"modules": "ssl_module"}, ERROR, "headers_module"),
        ("modules", {"modules_unknown": "AH00526: Syntax error"}, ERROR, "AH00526"),
        ("shibd", {"shibd_version": "shibboleth 2.5.3"}, ERROR, "too old"),
        ("shibd", {"shibd": "down"}, ERROR, "nobody can log in"),
        ("shibd", {"shibd": "listens"}, OK, "listens"),
        ("shibd", {"shibd": "hidden"}, WARNING, "cannot see other accounts' processes"),
        ("supervisord", {}, OK, "process 40"),
        ("supervisord", {"supervisord": "down"}, WARNING, "start-supervisord"),
        ("supervisord", {"supervisord": "down", "orphans": "41 42"}, ERROR, "'kill 41 42'"),
        ("supervisord", {"supervisord": "elsewhere 40 /x.sock"}, ERROR, 'set supervisor.socket to "/x.sock"'),
        ("supervisord", {"supervisord": "silent 40"}, ERROR, "does not answer"),
        ("standby", {"standby": "50 60 3 600"}, WARNING, "has 3 requests"),
        ("SELinux", {"selinux": f"Enforcing denied {SOCKET}"}, ERROR, "httpd_var_run_t '/home/poms/run(/.*)?'"),
        ("SELinux", {"selinux": f"Enforcing allowed {SOCKET}"}, OK, "/home/poms/run/app.sock"),
        ("SELinux", {"selinux": f"Permissive denied {SOCKET}"}, WARNING, "restorecon"),
        (
            "SELinux",
            {"selinux": "Enforcing unknown app-port httpd_t - no-tool 127.0.0.1:1"},
            WARNING,
            "libselinux-utils",
        ),
        ("disk", {"disk": "1000"}, ERROR, "1000 kB"),
        ("disk", {"inodes": "12"}, ERROR, "12 more files"),
        ("disk", {"inodes": "-"}, OK, ""),
        ("clock", {"now": str(int(time.time()) - 60)}, WARNING, " seconds"),
        # A slow answer: the host told its time when it was asked.
        ("clock", {"now": str(int(time.time()) - 60), "asked": str(int(time.time()) - 61)}, OK, ""),
        ("clock", {"now": str(int(time.time()) - 60), "asked": str(int(time.time()) - 30)}, WARNING, " seconds"),
        ("clock", {"now": str(int(time.time()) + 3600)}, ERROR, "Kerberos"),
        ("login", {"account": "root"}, ERROR, "root"),
        ("sudo", {"sudo": "password apache.reload"}, ERROR, "--prompt-for-sudo-password"),
        ("sudo", {"sudo": "no apache.reload"}, ERROR, "NOPASSWD: service httpd graceful"),
        ("tools", {"tool": "no flock"}, ERROR, "flock"),
        ("temporary files", {"temporary": "no space"}, ERROR, "space"),
        ("trial start", {"validation": "configtest"}, ERROR, "deploy.validation"),
        ("revocation lists", {"lists_reloaded": "nobody"}, WARNING, "crontab"),
        ("ports", {"port": "silent 443"}, ERROR, "443"),
        ("boot", {"boot": "nobody", "survival": "crontab no"}, WARNING, "start-at-boot"),
        ("boot", {"boot": "/etc/rc.local"}, OK, "/etc/rc.local"),
    ],
)
def test_each_fact_becomes_a_finding_with_advice(what: str, told: dict[str, str], level: str, words: str) -> None:
    found = judged(what, **told)
    assert found.level == level, found
    assert words in f"{found.found} {found.advice}"
    assert bool(found.advice) == (level != OK)


def test_without_selinux_there_is_no_finding() -> None:
    facts = Facts({name: [value] for name, value in HEALTHY.items()})
    assert not [found for found in diagnose(host(), facts, []) if found.what == "SELinux"]


def test_a_supervisord_that_cannot_start_is_an_error() -> None:
    told = HEALTHY | {"supervisord": "down", "start": "refused killed"}
    found = diagnose(host(), parse([f"fact {k} {v}" for k, v in told.items()]), [])
    (wrong,) = [one for one in found if one.what == "supervisord" and one.level == ERROR]
    assert "loginctl enable-linger poms" in wrong.advice


def test_certificates_that_end_soon_are_told_each() -> None:
    endings = [
        Expiry("host", "/h.pem", "CN=h", 3.0),
        Expiry("ca", "/c.pem", "CN=c", -1.0),
        Expiry("sp", "/s.pem", "", 99),
    ]
    found = diagnose(host(), parse([f"fact {k} {v}" for k, v in HEALTHY.items()]), endings)
    assert [(one.level, one.found) for one in found if one.what == "certificates"] == [
        (WARNING, "host certificate /h.pem: 3 days"),
        (ERROR, "trusted CA /c.pem: EXPIRED 1 day ago"),
    ]


def test_a_socket_in_tmp_is_a_warning() -> None:
    facts = Facts({name: [value] for name, value in HEALTHY.items()})
    for listen, warned in (("/tmp/poms/app.sock", True), ("/var/tmp/p/app.sock", True), ("/home/poms/run/s", False)):
        one = host(app={"listen": listen})
        found = [finding.level for finding in diagnose(one, facts, []) if finding.what == "app"]
        assert (WARNING in found) == warned, listen


def test_a_check_that_is_turned_off_is_not_well() -> None:
    facts = Facts({name: [value] for name, value in HEALTHY.items()})
    one = host(app={"check_through_apache": False})
    assert [f.level for f in diagnose(one, facts, []) if f.what == "app through Apache"] == [WARNING]
