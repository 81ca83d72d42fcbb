"""The plan: what becomes of each file, and which services that touches."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.agent.probe_messages import HostState, ProgramState
from ops.agent.service_messages import SupervisordState
from ops.deploy.file_changes import CREATE, EDITED_BY_HAND, NOT_READABLE, REMOVE, TAKE_OVER, UNCHANGED, UPDATE
from ops.deploy.plan import Plan, make_plan
from ops.deploy.release_source import Source
from ops.deploy.releases import Release
from ops.deploy.snapshot import FoundFile, Snapshot, read
from ops.deploy.transaction_request import transaction_request
from ops.errors import BadInput
from ops.formats.web_program import web_program
from ops.rendering.rendered_file import RenderedFile
from ops.schema import Host
from ops.ssh.agent_answers import Answer
from tasks._apply import Consent, carry_out_plan
from tests.unit.hosts import host

APACHE = "/etc/httpd/conf.d/ssl.conf"
INI = "/home/poms/private/config/poms/uwsgi-service.ini"
CONF = "/home/poms/supervisord.conf"
PROGRAMS = {
    "web": {"command": f"uwsgi --ini {INI}", "reload_signal": "HUP"},
    "agent": {"command": "agent --config=/home/poms/agent.cfg"},
}


def digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def wanted(path: str, content: bytes = b"new\n", service: str = "apache") -> RenderedFile:
    return RenderedFile("t.j2", path, content, "0644", service)


def snapshot(found: FoundFile | None = None, deployed: bytes | None = None, supervisord: str = "up") -> Snapshot:
    files = {found.path: found} if found else {}
    manifest = {found.path: digest(deployed)} if found and deployed is not None else {}
    return Snapshot(files, manifest, None, None, supervisord, 1, 1000)


def there(path: str, content: bytes, mode: str = "0644") -> FoundFile:
    return FoundFile(path, digest(content), mode, False, content)


@pytest.mark.parametrize(
    ("found", "deployed", "kind"),
    [
        (FoundFile(APACHE, None), None, CREATE),
        (FoundFile(APACHE, None), b"old\n", CREATE),
        (FoundFile(APACHE, None, readable=False), None, NOT_READABLE),
        (there(APACHE, b"new\n"), b"new\n", UNCHANGED),
        (there(APACHE, b"new\n"), b"old\n", UNCHANGED),
        (there(APACHE, b"new\n", "0600"), b"new\n", UPDATE),
        (there(APACHE, b"old\n"), b"old\n", UPDATE),
        (there(APACHE, b"old\n"), None, TAKE_OVER),
        (there(APACHE, b"edited\n"), b"old\n", EDITED_BY_HAND),
        (there(APACHE, b"edited\n"), b"new\n", EDITED_BY_HAND),
    ],
)
def test_each_file_is_compared_three_ways(found: FoundFile, deployed: bytes | None, kind: str) -> None:
    plan = make_plan(host(), [wanted(APACHE)], snapshot(found, deployed))
    assert plan.changes[0].kind == kind
    assert bool(plan.refused) == (kind in (EDITED_BY_HAND, NOT_READABLE))
    assert plan.is_empty == (kind == UNCHANGED)


def test_plan_reloads_apache_if_site_allows_it_otherwise_restarts() -> None:
    change = [wanted(APACHE)], snapshot(there(APACHE, b"old\n"), b"old\n")
    assert make_plan(host(), *change).apache == "restart"
    assert make_plan(host(apache={"reload": ["sudo", "x"]}), *change).apache == "reload"
    assert make_plan(host(), [wanted(APACHE)], snapshot(there(APACHE, b"new\n"))).apache == ""


def plan_for(one: Host, path: str, before: str, after: str, supervisord: str = "up"):  # type: ignore[no-untyped-def]
    service = "supervisord" if path == CONF else "programs"
    found = there(path, before.encode())
    return make_plan(one, [wanted(path, after.encode(), service)], snapshot(found, before.encode(), supervisord))


def test_plan_reloads_only_programs_whose_command_names_file() -> None:
    plan = plan_for(host(programs=PROGRAMS), INI, "a", "b")
    assert (plan.apache, plan.supervisord, plan.programs) == ("", "", [("web", "graceful")])
    plan = plan_for(host(programs=PROGRAMS), "/home/poms/agent.cfg", "a", "b")
    assert plan.programs == [("agent", "restart-running")]


def test_program_section_is_applied_but_supervisord_section_needs_restart() -> None:
    one = host(programs=PROGRAMS)
    before = "[supervisord]\nloglevel=info\n[program:web]\ncommand=a\n"
    assert plan_for(one, CONF, before, before.replace("=a", "=b")).supervisord == "apply"
    assert plan_for(one, CONF, before, before + "[program:new]\ncommand=x\n").supervisord == "apply"
    assert plan_for(one, CONF, before, before.replace("info", "warn")).supervisord == "restart"
    assert plan_for(one, CONF, before, "; a comment\n" + before).supervisord == ""
    assert plan_for(one, CONF, "not [ a file", before).supervisord == "restart"
    assert plan_for(one, CONF, before, before, "down").supervisord == "start"


def test_program_with_changed_section_and_file_is_reloaded_once() -> None:
    one = host(programs=PROGRAMS)
    files = [wanted(CONF, b"[program:web]\ncommand=b\n", "supervisord"), wanted(INI, b"b", "programs")]
    found = {f.path: f for f in (there(CONF, b"[program:web]\ncommand=a\n"), there(INI, b"a"))}
    deployed = {path: str(file.digest) for path, file in found.items()}
    plan = make_plan(one, files, Snapshot(found, deployed, None, None, "up", 1, 1000))
    assert (plan.supervisord, plan.programs) == ("apply", [])


def test_nothing_to_do_still_starts_a_supervisord_that_is_down() -> None:
    plan = make_plan(host(), [wanted(CONF, b"x", "supervisord")], snapshot(there(CONF, b"x"), b"x", "down"))
    assert not plan.changed
    assert not plan.is_empty
    assert plan.services() == ["supervisord: start, with its programs"]


CONTENTS = st.sampled_from([b"one\n", b"two\n", b"three\n"])
MODES = st.sampled_from(["0644", "0600", "0664"])
FOUND = st.one_of(
    st.just(FoundFile(APACHE, None)),
    st.just(FoundFile(APACHE, None, readable=False)),
    st.builds(lambda content, mode: there(APACHE, content, mode), CONTENTS, MODES),
)


@pytest.mark.parametrize(
    ("found", "deployed", "kind"),
    [
        (there(APACHE, b"old\n"), b"old\n", REMOVE),
        (there(APACHE, b"edited\n"), b"old\n", EDITED_BY_HAND),
        (FoundFile(APACHE, None, readable=False), b"old\n", NOT_READABLE),
        (FoundFile(APACHE, None), b"old\n", None),
        (there(APACHE, b"somebody's\n"), None, None),
    ],
)
def test_what_was_deployed_and_is_wanted_no_more_is_removed(
    found: FoundFile, deployed: bytes | None, kind: str | None
) -> None:
    other = wanted(INI, b"a", "programs")
    state = snapshot(found, deployed)
    state.files[INI] = there(INI, b"a")
    plan = make_plan(host(apache={"reload": ["x"]}), [other], state)
    assert [(change.kind, change.gone) for change in plan.changed] == ([(kind, True)] if kind else [])
    assert bool(plan.refused) == (kind in (EDITED_BY_HAND, NOT_READABLE))
    if kind == REMOVE:
        assert plan.apache == "reload"


def test_plan_never_removes_supervisord_file_and_recovery_removes_nothing() -> None:
    state = snapshot(there(CONF, b"old\n"), b"old\n")
    assert not make_plan(host(), [wanted(INI, b"a", "programs")], state).changes[1:]
    assert not make_plan(host(), [], snapshot(there(APACHE, b"old\n"), b"old\n")).changes


@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(wanted_content=st.none() | CONTENTS, deployed=st.none() | CONTENTS, found=FOUND)
def test_plan_backs_up_host_data_before_overwriting_it(
    wanted_content: bytes | None, deployed: bytes | None, found: FoundFile
) -> None:
    """Whatever is wanted (None: nothing), was deployed (None: never) and is found."""
    files = [wanted(INI, b"a", "programs")] + ([wanted(APACHE, wanted_content)] if wanted_content else [])
    state = snapshot(found, deployed)
    state.files[INI] = there(INI, b"a")
    plan = make_plan(host(), files, state)
    written = transaction_request(plan, Release("r", "me")).files
    hand_edit = found.digest is not None and deployed is not None and found.digest != digest(deployed)
    if wanted_content is None and deployed is None:
        assert not plan.changed, "not ours"
    elif not found.readable:
        assert plan.refused
    elif wanted_content is None:
        # The host keeps what has exactly the digest seen, and refuses anything else.
        assert [(file.seen, file.wanted) for file in written] == ([(found.digest, "absent")] if found.digest else [])
        assert bool(plan.refused) == hand_edit
    elif found.digest is None:
        assert [file.seen for file in written] == ["absent"]
    elif found.digest != digest(wanted_content):
        assert [file.seen for file in written] == [found.digest]
        assert bool(plan.refused) == hand_edit
    else:
        assert not plan.refused


WRITTEN = 1000.0


def rewritten(path: str, service: str, programs: dict[str, str] | None = None, **times: float) -> Plan:
    """The plan for a file that somebody wrote at WRITTEN as it is wanted; `times`: when what runs read its files."""
    content = b"[program:web]\ncommand=x\n" if path == CONF else b"new\n"
    state = replace(
        snapshot(there(path, content), b"deployed\n"),
        rewritten={path: WRITTEN},
        programs={"web": "RUNNING", "agent": "RUNNING"} if programs is None else programs,
        read={
            name.removesuffix("_read").replace("__", "."): at for name, at in times.items() if name[-5:] == "_read"
        },
        started={name: at for name, at in times.items() if name[-5:] != "_read"},
    )
    return make_plan(host(programs=PROGRAMS, apache={"reload": ["x"]}), [wanted(path, content, service)], state)


def test_plan_reloads_program_that_has_not_read_current_file() -> None:
    assert rewritten(APACHE, "apache", apache_read=999.0).apache == "reload"
    assert rewritten(INI, "programs", web=1.0, uwsgi__serving_read=999.0).programs == [("web", "graceful")]
    agent = "/home/poms/agent.cfg"
    assert rewritten(agent, "programs", agent=999.0).programs == [("agent", "restart-running")]
    plan = rewritten(CONF, "supervisord", {"web": "RUNNING", "gone": "RUNNING"}, web=999.0, gone=999.0)
    assert (plan.supervisord, plan.applied, [one.name for one in plan.removals]) == ("apply", [], ["gone"])
    assert plan.unplanned, "nobody has deployed that the program ends"
    assert not plan.changed


@pytest.mark.parametrize(
    "plan",
    [
        lambda: rewritten(APACHE, "apache", apache_read=1001.0),
        lambda: rewritten(APACHE, "apache"),
        lambda: rewritten(INI, "programs", web=1.0, uwsgi__serving_read=1001.0),
        lambda: rewritten(INI, "programs", web=1.0),
        lambda: rewritten(INI, "programs", web=1001.0, uwsgi__serving_read=999.0),
        lambda: rewritten(INI, "programs", {"web": "STOPPED"}, uwsgi__serving_read=999.0),
        lambda: rewritten(INI, "programs", {}, uwsgi__serving_read=999.0),
        lambda: rewritten("/home/poms/agent.cfg", "programs", agent=1.0, agent_read=1001.0),
        lambda: rewritten("/home/poms/agent.cfg", "programs"),
        lambda: rewritten(CONF, "supervisord", web=1001.0, agent=1001.0),
        lambda: rewritten(CONF, "supervisord"),
    ],
)
def test_plan_skips_program_that_read_file_or_is_unknown(plan: Callable[[], Plan]) -> None:
    assert plan().is_empty


def test_recovery_plan_reloads_only_pending_services() -> None:
    state = replace(snapshot(there(APACHE, b"a"), b"b"), rewritten={APACHE: WRITTEN}, read={"apache": 1.0})
    assert make_plan(host(), [], state).is_empty


def test_the_times_are_read_from_the_hosts_answer() -> None:
    told = HostState(
        supervisord=SupervisordState(state="up", pid=7),
        rewritten=[("/a b", 12.34)],
        read=[("apache", 5.5)],
        programs=[ProgramState(state="RUNNING", name="agents:one", started=7)],
    )
    found = read(Answer("web1", [told], "3"))
    assert (found.rewritten, found.read, found.started) == ({"/a b": 12.34}, {"apache": 5.5}, {"agents:one": 7.0})


def test_plan_warns_that_restart_of_program_loses_requests() -> None:
    one = host(programs=PROGRAMS)
    before = "[program:web]\ncommand=a\n"
    (said,) = plan_for(one, CONF, before, before.replace("=a", "=b")).services()
    assert "web: restart; requests in progress are lost" in said
    (said,) = plan_for(one, CONF, before, before + "[program:new]\ncommand=x\n").services()
    assert "lost" not in said
    assert "new" in said


def test_deploy_refuses_removal_of_file_used_by_program_command() -> None:
    state = snapshot(there(INI, b"old\n"), b"old\n")
    plan = make_plan(host(programs=PROGRAMS), [wanted(APACHE)], state)
    assert plan.missing == [(INI, "web")]
    with pytest.raises(BadInput, match=INI):
        carry_out_plan(None, plan, Release("r", "me", Source()), Consent(yes=True))  # type: ignore[arg-type]
    assert make_plan(host(), [wanted(APACHE)], state).missing == []


def test_plan_reloads_program_that_lists_file_under_reads() -> None:
    programs = PROGRAMS | {"app": {"command": "serve", "reads": ["/home/poms/webservice.ini", INI]}}
    plan = plan_for(host(programs=programs), "/home/poms/webservice.ini", "a", "b")
    assert (plan.programs, plan.unread) == ([("app", "restart-running")], [])
    first = {"app": programs["app"], "web": PROGRAMS["web"]}
    assert web_program(host(programs=first)) == "web", "which is the app's uWSGI; other programs read its file, too"
