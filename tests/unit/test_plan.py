"""The plan: what becomes of each file, and which services that touches."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.files import RenderedFile
from ops.plan import CREATE, EDITED, REMOVE, TAKE_OVER, UNCHANGED, UNREADABLE, UPDATE, make_plan
from ops.releases import Release
from ops.request import request_lines
from ops.schema import Host
from ops.snapshot import FoundFile, Snapshot
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
        (FoundFile(APACHE, None, readable=False), None, UNREADABLE),
        (there(APACHE, b"new\n"), b"new\n", UNCHANGED),
        (there(APACHE, b"new\n"), b"old\n", UNCHANGED),
        (there(APACHE, b"new\n", "0600"), b"new\n", UPDATE),
        (there(APACHE, b"old\n"), b"old\n", UPDATE),
        (there(APACHE, b"old\n"), None, TAKE_OVER),
        (there(APACHE, b"edited\n"), b"old\n", EDITED),
        (there(APACHE, b"edited\n"), b"new\n", EDITED),
    ],
)
def test_each_file_is_compared_three_ways(found: FoundFile, deployed: bytes | None, kind: str) -> None:
    plan = make_plan(host(), [wanted(APACHE)], snapshot(found, deployed))
    assert plan.changes[0].kind == kind
    assert bool(plan.refused) == (kind in (EDITED, UNREADABLE))
    assert plan.is_empty == (kind == UNCHANGED)


def test_apache_is_reloaded_where_the_site_grants_it_and_restarted_elsewhere() -> None:
    change = [wanted(APACHE)], snapshot(there(APACHE, b"old\n"), b"old\n")
    assert make_plan(host(), *change).apache == "restart"
    assert make_plan(host(apache={"reload": ["sudo", "x"]}), *change).apache == "reload"
    assert make_plan(host(), [wanted(APACHE)], snapshot(there(APACHE, b"new\n"))).apache == ""


def plan_for(one: Host, path: str, before: str, after: str, supervisord: str = "up"):  # type: ignore[no-untyped-def]
    service = "supervisord" if path == CONF else "programs"
    found = there(path, before.encode())
    return make_plan(one, [wanted(path, after.encode(), service)], snapshot(found, before.encode(), supervisord))


def test_only_programs_whose_command_names_the_file_take_it_in() -> None:
    plan = plan_for(host(programs=PROGRAMS), INI, "a", "b")
    assert (plan.apache, plan.supervisord, plan.programs) == ("", "", [("web", "graceful")])
    plan = plan_for(host(programs=PROGRAMS), "/home/poms/agent.cfg", "a", "b")
    assert plan.programs == [("agent", "restart-running")]


def test_a_programs_section_is_applied_and_supervisords_own_needs_its_restart() -> None:
    one = host(programs=PROGRAMS)
    before = "[supervisord]\nloglevel=info\n[program:web]\ncommand=a\n"
    assert plan_for(one, CONF, before, before.replace("=a", "=b")).supervisord == "apply"
    assert plan_for(one, CONF, before, before + "[program:new]\ncommand=x\n").supervisord == "apply"
    assert plan_for(one, CONF, before, before.replace("info", "warn")).supervisord == "restart"
    assert plan_for(one, CONF, before, "; a comment\n" + before).supervisord == ""
    assert plan_for(one, CONF, "not [ a file", before).supervisord == "restart"
    assert plan_for(one, CONF, before, before, "down").supervisord == "start"


def test_a_program_is_not_reloaded_twice_when_its_section_changed_too() -> None:
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
        (there(APACHE, b"edited\n"), b"old\n", EDITED),
        (FoundFile(APACHE, None, readable=False), b"old\n", UNREADABLE),
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
    assert bool(plan.refused) == (kind in (EDITED, UNREADABLE))
    if kind == REMOVE:
        assert plan.apache == "reload"


def test_supervisords_own_file_is_never_removed_and_a_recovery_removes_nothing() -> None:
    state = snapshot(there(CONF, b"old\n"), b"old\n")
    assert not make_plan(host(), [wanted(INI, b"a", "programs")], state).changes[1:]
    assert not make_plan(host(), [], snapshot(there(APACHE, b"old\n"), b"old\n")).changes


@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(wanted_content=st.none() | CONTENTS, deployed=st.none() | CONTENTS, found=FOUND)
def test_no_data_of_the_host_is_overwritten_without_being_kept_first(
    wanted_content: bytes | None, deployed: bytes | None, found: FoundFile
) -> None:
    """Whatever is wanted (None: nothing), was deployed (None: never) and is found."""
    files = [wanted(INI, b"a", "programs")] + ([wanted(APACHE, wanted_content)] if wanted_content else [])
    state = snapshot(found, deployed)
    state.files[INI] = there(INI, b"a")
    plan = make_plan(host(), files, state)
    written = [line.split(" ") for line in request_lines(plan, Release("r", "me")) if line[:5] == "file "]
    hand_edit = found.digest is not None and deployed is not None and found.digest != digest(deployed)
    if wanted_content is None and deployed is None:
        assert not plan.changed, "not ours"
    elif not found.readable:
        assert plan.refused
    elif wanted_content is None:
        # The host keeps what has exactly the digest seen, and refuses anything else.
        assert [line[2:4] for line in written] == ([[found.digest, "absent"]] if found.digest else [])
        assert bool(plan.refused) == hand_edit
    elif found.digest is None:
        assert [line[2] for line in written] == ["absent"]
    elif found.digest != digest(wanted_content):
        assert [line[2] for line in written] == [found.digest]
        assert bool(plan.refused) == hand_edit
    else:
        assert not plan.refused
