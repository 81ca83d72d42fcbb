"""What a plan reloads: what differs in effect, whatever the text looks like."""

from dataclasses import replace
from typing import Any

import pytest

from ops.agent.service_messages import Surroundings
from ops.deploy.effect import has_effect
from ops.deploy.file_changes import UPDATE, FileChange
from ops.deploy.snapshot import FoundFile
from ops.rendering.rendered_file import supervisord_conf
from tests.unit.hosts import host
from tests.unit.test_take_over import CONF, INI, SETTINGS, SSL, named, planned, rendered

HOST = host(**SETTINGS)


def respelled(text: str) -> str:
    """The same directives with other blanks, other quotes, other cases of letters, and a comment."""
    lines = [line for line in text.replace("\\\n", "").splitlines() if line.strip() and line.lstrip()[0] != "#"]
    return "# by hand\n" + "\n\n".join(f"\t{line.strip()}  " for line in lines).replace("Require", "require") + "\n"


def test_apache_file_that_differs_only_in_text_is_written_and_reloads_nothing() -> None:
    text = respelled(rendered(HOST, SSL).content.decode())
    plan = planned(HOST, {SSL: text})
    assert ([change.wanted.path for change in plan.changed], plan.apache) == ([SSL], "")
    assert named(plan) == set()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Require all denied", "Require all granted"),
        ("SSLEngine on", "# SSLEngine on"),
        ("Listen 443 https", 'Listen "443 https"'),
        ("    SSLEngine on\n", "    <Location /x>\n    SSLEngine on\n    </Location>\n"),
    ],
)
def test_apache_is_reloaded_where_a_word_or_a_section_differs(before: str, after: str) -> None:
    text = rendered(HOST, SSL).content.decode()
    assert before in text
    assert planned(HOST, {SSL: text.replace(before, after, 1)}).apache


def test_order_of_apaches_sections_counts() -> None:
    text = rendered(HOST, SSL).content.decode()
    first, second = "    RequestHeader unset X-Shib-Userid early\n", "    RequestHeader unset X-Shib-Email early\n"
    assert first + second in text
    assert planned(HOST, {SSL: text.replace(first + second, second + first)}).apache


def test_uwsgi_file_that_differs_only_in_text_reloads_nothing() -> None:
    lines = [line for line in rendered(HOST, INI).content.decode().splitlines() if not line.startswith("#")]
    text = "; by hand\n[uwsgi]\n" + "\n".join(sorted(line.replace(" = ", "=") for line in lines if "=" in line))
    text = text.replace("workers=", "processes =  ") + "\n[other]\nthreads = 99\n"
    plan = planned(HOST, {INI: text})
    assert ([change.wanted.path for change in plan.changed], plan.programs) == ([INI], [])


@pytest.mark.parametrize(
    ("before", "after"), [("threads = 10", "threads = 11"), ("cheaper = 2\n", "cheaper = 2 ; x\n")]
)
def test_uwsgi_is_reloaded_where_an_option_differs(before: str, after: str) -> None:
    text = rendered(HOST, INI).content.decode()
    assert before in text
    assert planned(HOST, {INI: text.replace(before, after)}).programs


@pytest.mark.parametrize(
    ("more", "before"),
    [
        (["python-path=/a", "python-path=/b"], ["python-path=/b", "python-path=/a"]),
        (["env=A=1", "env=A=2"], ["env=A=2", "env=A=1"]),
        (["if-env=X", "lazy-apps=true", "endif="], ["lazy-apps=true", "if-env=X", "endif="]),
        (["ini=:p", "[p]", "lazy-apps=true"], ["ini=:p", "[p]", "lazy-apps=false"]),
    ],
)
def test_uwsgi_is_reloaded_where_order_conditions_or_further_sections_count(
    more: list[str], before: list[str]
) -> None:
    wanted = rendered(HOST, INI)
    there, ours = (wanted.content + "\n".join(lines).encode() for lines in (before, more))
    assert has_effect(
        HOST, FileChange(replace(wanted, content=ours), FoundFile(INI, "0" * 64, content=there), UPDATE)
    )


@pytest.mark.parametrize(("read", "reloads"), [(None, True), (999.0, True), (1001.0, False)])
def test_a_hand_edit_that_may_be_unread_is_reloaded(read: float | None, reloads: bool) -> None:
    """Somebody's edit at 1000, then a comment: the disk is equal in effect, and what runs may not be."""
    for path, name in ((SSL, "apache"), (INI, "uwsgi.serving")):
        times: dict[str, Any] = {
            "rewritten": {path: 1000.0},
            "read": {name: read} if read else {},
            "started": {"web": 1.0},
        }
        text = "# by hand\n" + rendered(HOST, path).content.decode()
        for deployed in ({path: "as deployed\n"}, {}):
            plan = planned(HOST, {path: text}, deployed=deployed, programs={"web": "RUNNING"}, **times)
            expected = {SSL: ("restart", []), INI: ("", [("web", "graceful")])}[path] if reloads else ("", [])
            assert (plan.apache, plan.programs) == expected, (path, deployed)


def test_a_hand_edit_of_a_section_that_supervisord_may_not_have_read_is_applied() -> None:
    text = "; by hand\n" + rendered(HOST, CONF).content.decode()
    state: dict[str, Any] = {"rewritten": {CONF: 1000.0}, "programs": {"web": "RUNNING", "agent": "RUNNING"}}
    deployed = {CONF: "as deployed\n"}
    plan = planned(HOST, {CONF: text}, deployed=deployed, started={"web": 999.0, "agent": 1.0}, **state)
    assert (plan.supervisord, plan.applied) == ("apply", []), "whatever it finds"
    plan = planned(HOST, {CONF: text}, deployed=deployed, started={"web": 1001.0, "agent": 1001.0}, **state)
    assert plan.supervisord == ""


def test_programs_of_included_files_go_on_running() -> None:
    text = rendered(HOST, CONF).content.decode()
    main, header, web = text.partition("[program:web]")
    web = (header + web).replace("stdout_logfile=/home/poms/", "stdout_logfile=%(here)s/../")
    around = Surroundings(included=[("/home/poms/more/web.conf", web)])
    plan = planned(
        HOST, {CONF: f"{main}[include]\nfiles=more/*.conf\n"}, surroundings=around, programs={"web": "RUNNING"}
    )
    assert (plan.supervisord, plan.replaced) == ("", [])
    assert {one for one in named(plan) if one[0] == "program"} == set()
    unknown = planned(HOST, {CONF: f"{main}[include]\nfiles=more/*.conf\n"}, programs={"web": "RUNNING"})
    assert unknown.replaced, "of files that were not read nothing is known"


def test_a_variable_of_the_running_supervisord_is_what_it_stands_for() -> None:
    text = rendered(HOST, CONF).content.decode()
    assert "directory=/home/poms/poms" in text
    found = {CONF: text.replace("directory=/home/poms/poms", "directory=%(ENV_BASE)s/poms")}
    same = Surroundings(variables={"BASE": "/home/poms"})
    assert planned(HOST, found, surroundings=same).supervisord == ""
    other = Surroundings(variables={"BASE": "/srv"})
    assert planned(HOST, found, surroundings=other).replaced == ["web"]


def test_a_variable_in_both_files_restarts_only_what_differs() -> None:
    one = host(**SETTINGS | {"supervisor": {"expand": True, "environment": {"PATH": "/x:%(ENV_PATH)s"}}})
    text = rendered(one, CONF).content.decode()
    assert "%(ENV_PATH)s" in text
    around = Surroundings(variables={"PATH": "/usr/bin"})
    plan = planned(one, {CONF: text.partition("[program:web]")[0]}, surroundings=around)
    assert (plan.supervisord, plan.applied) == ("apply", ["web"])


def test_programs_of_a_dropped_include_need_remove_and_those_of_a_kept_one_go_on() -> None:
    text = rendered(HOST, CONF).content.decode()
    files = [(f"/home/poms/{name}/a.conf", f"[program:{name}]\ncommand=sleep 1\n") for name in ("kept", "gone")]
    around = Surroundings(included=files)
    both = f"{text}[include]\nfiles=kept/*.conf gone/*.conf\n"
    state = {"web": "RUNNING", "agent": "RUNNING", "kept": "RUNNING", "gone": "RUNNING"}
    one = host(**SETTINGS | {"supervisor": SETTINGS["supervisor"] | {"include": ["kept/*.conf"]}})
    for programs in (state, None):
        plan = planned(one, {CONF: both}, deployed={CONF: both}, surroundings=around, programs=programs)
        assert named(plan) == {("program", "gone", False)}
        assert (plan.supervisord, plan.replaced, plan.applied) == ("apply", [], ["gone"])
    deeper = Surroundings(included=[("/home/poms/kept/below/a.conf", "[program:kept]\ncommand=sleep 1\n")])
    plan = planned(one, {CONF: both}, deployed={CONF: both}, surroundings=deeper, programs={"kept": "RUNNING"})
    assert ("program", "kept", False) in named(plan), "a pattern names no file of a deeper folder"


def test_crons_way_in_is_named_if_it_would_end() -> None:
    found = "[uwsgi]\nhttp-socket = /home/poms/run/cron.sock\nsocket = 127.0.0.1:8888\nstats = /home/poms/s\n"
    plan = planned(HOST, {INI: found})
    assert ("socket", "/home/poms/run/cron.sock", False) in named(plan)
    assert plan.unplanned


def test_files_of_supervisord_and_uwsgi_are_where_the_inventory_says() -> None:
    own = host(supervisor={"file": "/home/poms/etc/s.conf"}, uwsgi={"file": "/home/poms/etc/app.ini"})
    assert supervisord_conf(own) == "/home/poms/etc/s.conf"
    assert rendered(own, "/home/poms/etc/s.conf").service == "supervisord"
    assert b"[uwsgi]" in rendered(own, "/home/poms/etc/app.ini").content
