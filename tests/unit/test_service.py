"""A deploy's result states whether the web service serves, and is not well where it does not."""

from typing import Any

import pytest

from ops.agent.probe_messages import HostState, ServiceState
from ops.agent.service_messages import SupervisordState
from ops.agent.transaction_messages import WebServiceState
from ops.deploy.plan import make_plan
from ops.deploy.release_source import Source
from ops.deploy.releases import Release
from ops.deploy.snapshot import Snapshot, read
from ops.deploy.transaction_request import transaction_request
from ops.deploy.transcript import Transcript
from ops.errors import HostError, NotServing
from ops.schema import Host
from ops.services.request_parts import apache_page
from ops.services.supervisord import need_service
from ops.services.web_service import Service
from ops.ssh.agent_answers import Answer
from tests.unit.hosts import host

INI = "/home/poms/private/config/poms/uwsgi-service.ini"
WHY = "the app does not answer on x: refused"


def shop(app: dict[str, Any] | None = None, **changes: Any) -> Host:
    programs = {"web": {"command": f"uwsgi --ini {INI}", "reload_signal": "HUP"}} | changes
    return host(app=app or {}, programs=programs)


@pytest.mark.parametrize(
    ("state", "said", "advice"),
    [
        ("FATAL", "web is FATAL", "tail-logs --programs=web"),
        ("STOPPED", "web is STOPPED", "start-programs --programs=web"),
        ("RUNNING", "refused", "tail-logs --programs=web"),
        ("", "refused", "tail-logs --programs=web"),
    ],
)
def test_service_that_does_not_serve_ends_with_exit_code_two(state: str, said: str, advice: str) -> None:
    with pytest.raises(NotServing) as raised:
        need_service(shop(), [Service("service", "the app does not answer: refused", state)], "nothing to do")
    error = raised.value
    assert error.code == 2
    assert isinstance(error, HostError)
    assert "nothing to do" in error.message
    assert said in error.message
    assert advice in error.next_step
    assert "restart" not in error.next_step


def test_an_app_that_apache_does_not_reach_does_not_serve() -> None:
    with pytest.raises(NotServing) as raised:
        need_service(shop(), [Service("service", "Apache cannot reach it: 503", unreached=True)], "deployed")
    assert "503" in raised.value.message
    assert "doctor" in raised.value.next_step


def test_check_through_apache_can_be_disabled_in_inventory() -> None:
    page = apache_page(shop(app={"check_path": "/poms/x"}))
    assert page
    assert (page.port, page.page, page.account, page.listen) == (443, "/poms-ops/poms/x", "apache", "127.0.0.1:8888")
    assert apache_page(shop(app={"check_through_apache": False})) is None


def test_serving_unknown_or_foreign_service_raises_no_error() -> None:
    need_service(shop(), [Service("service")], "done")
    need_service(shop(), [], "done")
    need_service(shop(), [Service("gone", "refused")], "done")
    need_service(host(), [Service("service", "refused")], "done")


def test_snapshot_contains_service_state_only_if_requested() -> None:
    up = SupervisordState(state="up", pid=7)
    told = HostState(supervisord=up, services=[ServiceState(app="service"), ServiceState(app="agent", problem="x")])
    assert read(Answer("web1", [told], "3")).services == (Service("service"), Service("agent", "x"))
    assert read(Answer("web1", [HostState(supervisord=up)], "3")).services == ()


def test_transcript_reports_service_state_after_change() -> None:
    transcript = Transcript(shop(), lambda _: None)
    transcript.read(WebServiceState(app="service", problem=WHY, program="FATAL"))
    transcript.read(WebServiceState(app="agent", problem=WHY, is_unreached=True))
    transcript.read(WebServiceState(app="mail"))
    assert transcript.services == [
        Service("service", WHY, "FATAL"),
        Service("agent", WHY, unreached=True),
        Service("mail"),
    ]


def test_request_names_web_program_without_graceful_reload() -> None:
    one = host(programs={"web": {"command": f"uwsgi --ini {INI}"}})
    plan = make_plan(one, [], Snapshot({}, {}, None, None, "up", 1, 1000, owed=["apache"]))
    request = transaction_request(plan, Release("r1", "me", Source()))
    assert [(app.program, app.reloadable) for app in request.apps] == [("web", "")]
