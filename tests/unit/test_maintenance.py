"""The maintenance page on the operator's side: what it says, what the task refuses, what is reported of it."""

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ops.agent.apache_directives import values_of
from ops.agent.apache_messages import ProbeAttempt
from ops.agent.health_messages import HostHealth
from ops.agent.maintenance_messages import MaintenanceState
from ops.agent.service_messages import PortState
from ops.deploy import transaction
from ops.deploy.identity_probe import probe_requests
from ops.deploy.smoke_checks import FAILED, MAINTENANCE, PASSED, CheckResult, page_checks
from ops.errors import BadInput
from ops.formats.apache import PAGES, maintenance_paths, maintenance_switch
from ops.monitoring.doctor import diagnose
from ops.monitoring.findings import ERROR, OK, WARNING
from ops.monitoring.health import read
from ops.monitoring.status_findings import assess
from ops.rendering.maintenance_page import Notice, render_page
from ops.rendering.renderer import render
from ops.rendering.template_tree import TemplateTree
from ops.services.maintenance_state import Maintenance, at
from ops.ssh.agent_answers import Answer
from tests.unit.conftest import Fab
from tests.unit.hosts import host
from tests.unit.test_doctor import facts
from tests.unit.test_overview import shop, vitals

SINCE, UNTIL = 1_000_000, 1_003_600
ON = MaintenanceState(by="jdoe", since=SINCE, since_text="then", until=UNTIL, until_text="later", message="é")
NOTICE = Notice("<script>alert(\"1\")</script> & 'x'", "then", "<later>")


def test_message_is_text_on_the_page() -> None:
    html, text = render_page(host(), NOTICE)
    assert "<script>" not in html
    assert "<later>" not in html
    assert "&lt;script&gt;alert(" in html
    assert NOTICE.message in text
    for page in (html, text):
        assert page.endswith("\n")
        assert "later" in page
        assert not re.search(r"(src|href)=|url\(", page), "nothing else can be requested"


def test_site_template_is_used_and_its_error_named(tmp_path: Path) -> None:
    folder = tmp_path / "_maintenance"
    folder.mkdir()
    (folder / "page.html.j2").write_text("<i>{{ message }}</i>\n")
    (folder / "page.txt.j2").write_text("{{ message }} {{ host.app.path }}\n")
    assert render_page(host(), Notice("<", "then"), TemplateTree(tmp_path)) == ("<i>&lt;</i>\n", "< /poms\n")
    (folder / "page.txt.j2").write_text("{{ secrets.password }}")
    with pytest.raises(BadInput, match=r"page\.txt\.j2"):
        render_page(host(), NOTICE, TemplateTree(tmp_path))


def test_page_without_end_names_none() -> None:
    assert not any("Expected" in page for page in render_page(host(), Notice("x", "then")))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sideways"], "on or off"),
        (["on"], "--message"),
        (["on", "--message= "], "--message"),
        (["on", "--message=a\x1b[31m"], "control character"),
        (["on", "--message=a\nb"], "line break"),
        (["on", "--message=a\u2028b"], "line break"),
        (["on", "--message=a\u202eb"], "control character"),
        (["on", "--message=" + "x" * 1001], "1001"),
        (["on", "--message=x", "--until=soon"], "18:30"),
        (["on", "--message=x", "--until=25:00"], "18:30"),
        (["off", "--message=x"], "off takes no"),
        (["off", "--until=1h"], "off takes no"),
        (["off", "--parallel=0"], "1 to 200"),
    ],
)
@pytest.mark.usefixtures("nobody_there")
def test_bad_input_touches_nothing(fab: Fab, words: list[str], said: str) -> None:
    done = fab("maintenance", *words)
    assert (done.returncode, said in done.stderr, "Nothing was connected to" in done.stderr) == (3, True, True), done


@pytest.mark.parametrize("until", ["", "30m", "1d12h", "8:05", "18:30", "2026-11-25T03:00", "2026-11-25T03:00+01:00"])
@pytest.mark.usefixtures("nobody_there")
def test_right_input_goes_to_the_host(fab: Fab, until: str) -> None:
    done = fab("maintenance", "on", "--message=é", *([f"--until={until}"] if until else []))
    assert (done.returncode, "web1" in done.stderr) == (1, True), "the host refuses connections"


# ---- Apache's files --------------------------------------------------------------------------------------------


def test_closed_paths_are_the_apps() -> None:
    closed = re.compile(maintenance_paths(host(app={"path": "/a.b/c"}, maintenance={"paths": ["/a.b/c/health"]})))
    for path in (
        "/a.b/c",
        "/a.b/c/",
        "/a.b/c/x",
        "//a.b//c/x",
        "/a.b/c/health/",
        "/a.b/c/health/x",
        "/a.b/c/healthy",
    ):
        assert closed.search(path), path
    for path in (
        "/a.b/c/health",
        "/axb/c",
        "/a.b/cc",
        "/a.b",
        "/x/a.b/c",
        "/Shibboleth.sso/Login",
        "/poms-ops/a.b/c",
    ):
        assert not closed.search(path), path


def test_rewrite_and_page_have_the_same_paths() -> None:
    """mod_rewrite takes backslashes as they are; other directives halve them in quotes."""
    made = host(app={"path": "/a.b"}, maintenance={"paths": ["/a.b/c~d"]})
    for file in (one for one in render(made) if one.service == "apache"):
        text = file.content.decode()
        (rule,) = re.findall(r"^ *RewriteRule (\S+) - \[R=503,L\]$", text, re.MULTILINE)
        assert rule == maintenance_paths(made)
        assert re.findall(r'<If "(.*m#\^\(.*)">', text)[0].replace("\\\\", "\\").count(f"m#{rule}#") == 1
        assert values_of("SetEnvIfExpr", text)[0] == maintenance_switch(made)


def test_odd_folder_stays_one_text_of_the_expression() -> None:
    found = maintenance_switch(host(maintenance={"folder": "/srv/it's 100%{x} $1\\"}))
    assert r"-f '/srv/it\'s 100\%{x} \$1\\/on'" in found


def test_identity_probe_asks_for_the_page() -> None:
    asked = [one for one in probe_requests(host(), []) if one.path.startswith(PAGES)]
    assert all(isinstance(one, ProbeAttempt) and one.user is None and not one.nameless for one in asked)
    assert f"{PAGES}/page.html" in [one.path for one in asked]


# ---- checks and findings ---------------------------------------------------------------------------------------


def test_checks_of_closed_pages() -> None:
    made = host(
        maintenance={"paths": ["/poms/open"]},
        checks=[
            {"name": "page", "port": 8443, "path": "/poms/x?y", "certificate": "a", "key": "b"},
            {"name": "open", "port": 443, "path": "/poms/open?x"},
            {"name": "login", "port": 443, "path": "/Shibboleth.sso/Metadata"},
            {"name": "similar", "port": 443, "path": "/pomsx"},
        ],
    )
    assert [check.name for check in page_checks(made)] == ["443 sends to login", "page"]


def test_what_is_behind_the_page_did_not_pass() -> None:
    assert transaction.CHECKED[MAINTENANCE] == "not-asked"
    page, app = CheckResult("a", MAINTENANCE, "page"), CheckResult("a", PASSED, "status 302")
    failed = CheckResult("a", FAILED, "status 500")
    assert len(list(transaction._behind_maintenance([app], [page]))) == 1
    assert len(list(transaction._behind_maintenance([page], [page]))) == 1
    assert "before this deploy" in next(transaction._behind_maintenance([page], [failed]))
    assert list(transaction._behind_maintenance([app], [app])) == []


def seen(now: int, closed: bool = True) -> list[tuple[str, str]]:
    """The findings of status on a host where maintenance is on, and whether visitors get its page."""
    port = PortState(port=443, state="open", status=503 if closed else 302, is_maintenance=closed)
    read_one = read(Answer("web1", [HostHealth(now=now, maintenance=ON, ports=[port])], "3"))[0]
    health = replace(
        vitals(maintenance=read_one.maintenance, closed=read_one.closed, pages=read_one.pages),
    )
    health = replace(health, vitals=replace(health.vitals, now=now))
    return [(one.what, one.level) for one in assess(shop(), health)]


def test_status_warns_after_the_end_and_of_a_page_that_is_not_shown() -> None:
    assert seen(UNTIL) == []
    assert seen(UNTIL + 1) == [("maintenance", WARNING)]
    assert seen(UNTIL, closed=False) == [("maintenance", ERROR)]


def test_503_without_maintenance_is_an_error() -> None:
    assert [(one.what, one.level) for one in assess(shop(), vitals(pages={443: 503}))] == [("Apache", ERROR)]


def test_doctor_reports_it() -> None:
    def levels(**changed: object) -> list[str]:
        found = replace(facts("apache", **changed))
        return [one.level for one in diagnose(host(), found, []) if one.what == "maintenance"]

    future = int(time.time()) + 1000
    assert levels() == []
    assert levels(maintenance=ON) == [WARNING]
    assert levels(maintenance=MaintenanceState(since=SINCE, until=future)) == [OK]


def test_json_values() -> None:
    made = Maintenance("jdoe", SINCE, UNTIL, "é", "then", "later")
    facts_of = {"by": "jdoe", "since": "1970-01-12T13:46:40Z", "until": "1970-01-12T14:46:40Z", "message": "é"}
    assert made.facts(UNTIL) == facts_of | {"overdue": False}
    nothing = {"by": None, "since": None, "until": None, "message": None, "overdue": False}
    assert Maintenance().facts(UNTIL) == nothing


def test_time_is_shown_in_both_zones_if_they_differ() -> None:
    here = time.strftime("%Y-%m-%d %H:%M", time.localtime(SINCE))
    assert at(SINCE, f"{here} CST") == f"{here} CST"
    assert here in at(SINCE, "1970-01-12 01:01 XYZ")
