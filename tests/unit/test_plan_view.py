"""A plan as the operator reads it: equal diffs of several hosts once; a list of files before the question."""

from dataclasses import replace
from hashlib import sha256

import pytest

from ops.deploy.plan import Plan, make_plan
from ops.deploy.snapshot import FoundFile, Snapshot
from ops.rendering.rendered_file import RenderedFile
from ops.secrets.redaction import Hidden
from ops.services.reload import GRACEFUL
from tasks._plan_view import Seen, fingerprint, review, show_plans
from tests.unit.hosts import host

CONF_D = "/etc/httpd/conf.d/"


def plan(name: str, mode: str = "0644", masked_parts: tuple[Hidden, ...] = (), **files: tuple[str, str]) -> Plan:
    """What a deploy would do to that host: file name to (what is there, what is wanted)."""
    wanted, found, deployed = [], {}, {}
    for file, (before, after) in files.items():
        path = f"{CONF_D}{file}.conf"
        digest = sha256(before.encode()).hexdigest()
        wanted.append(RenderedFile("t.j2", path, after.encode(), "0644", "apache", (), masked_parts))
        found[path] = FoundFile(path, digest, mode, False, before.encode())
        deployed[path] = digest
    return make_plan(host(name=name), wanted, Snapshot(found, deployed, None, None, "up", 1, 1000))


def shown(capsys: pytest.CaptureFixture[str], plans: list[Plan], seen: Seen | None = None) -> list[str]:
    show_plans(plans, {} if seen is None else seen)
    return capsys.readouterr().out.splitlines()


ONE, OTHER = ("old\n", "new\n"), ("old\n", "newer\n")


def test_equal_diffs_are_shown_once_with_all_host_names(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, [plan("a", ssl=ONE), plan("b", ssl=OTHER), plan("c", ssl=ONE), plan("d", ssl=("x", "x"))])
    assert [line for line in lines if not line.startswith(" ")] == [
        f"a, c: {CONF_D}ssl.conf  (update)",
        f"b: {CONF_D}ssl.conf  (update)",
        *[line for line in lines if line.startswith("a, b, c: then Apache: ")],
        "d: no difference",
    ]
    assert [line for line in lines if line.startswith("  +")] == ["  +new", "  +newer"]
    assert len([line for line in lines if ": then " in line]) == 1


def test_equal_lines_in_other_file_or_mode_are_shown_separately(capsys: pytest.CaptureFixture[str]) -> None:
    plans = [plan("a", ssl=ONE), plan("b", mode="0600", ssl=ONE), plan("c", other=ONE)]
    titles = [line for line in shown(capsys, plans) if line.startswith(("a: /", "b: /", "c: /"))]
    assert len(titles) == 3


def test_reloads_differing_only_in_free_memory_share_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    reloads = [replace(plan(name), programs=[("web", GRACEFUL)]) for name in "abcd"]
    for number, memory in enumerate(((100, 10**6), (101, 2 * 10**6), (100, 10), (100, 3 * 10**6))):
        reloads[number] = replace(reloads[number], memory={"service": memory})
    several = shown(capsys, reloads)
    assert [line.partition(": then ")[0] for line in several] == ["a, b, d", "c"]
    assert "MB" not in several[0]
    assert "1953 MB are free" in shown(capsys, [reloads[1]])[0]
    assert fingerprint(reloads[0]) == fingerprint(reloads[1]) != fingerprint(reloads[2])


def test_equal_diff_of_later_host_refers_to_first(capsys: pytest.CaptureFixture[str]) -> None:
    seen: Seen = {}
    first = shown(capsys, [plan("a", ssl=ONE)], seen)
    later = shown(capsys, [plan("b", ssl=ONE), plan("c", ssl=ONE)], seen)
    assert "  +new" in first
    assert later[0] == f"b, c: {CONF_D}ssl.conf  (update): as shown for a"
    assert not [line for line in later if line.startswith(" ")]


def test_review_lists_changed_files_with_line_counts_before_diff(capsys: pytest.CaptureFixture[str]) -> None:
    review(plan("a", ssl=("1\n2\n3\n", "1\n3\n4\n5\n"), other=ONE), {})
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[1:3] == [f"update +2 -1 {CONF_D}ssl.conf", f"update +1 -1 {CONF_D}other.conf"]
    then, diff = (next(n for n, line in enumerate(lines) if text in line) for text in ("a: then Apache", "@@"))
    assert 2 < then < diff


def test_secrets_are_masked_in_diffs_but_still_compared(capsys: pytest.CaptureFixture[str]) -> None:
    masked_parts = (Hidden(1, 5),)
    plans = [
        plan(name, masked_parts=masked_parts, db=("key: old-one", f"key: {word}"))
        for name, word in (("a", "x1"), ("b", "y2"))
    ]
    for one in plans:
        review(one, {})
    out = capsys.readouterr().out
    assert not [word for word in ("old-one", "x1", "y2") if word in out]
    assert fingerprint(plans[0]) != fingerprint(plans[1])


def test_plans_are_the_same_where_files_and_lines_are() -> None:
    one = plan("a", ssl=ONE)
    assert fingerprint(one) == fingerprint(plan("b", ssl=ONE))
    for other in (plan("b", ssl=OTHER), plan("b", ssl=ONE, more=ONE), plan("b", mode="0600", ssl=ONE)):
        assert fingerprint(one) != fingerprint(other)
