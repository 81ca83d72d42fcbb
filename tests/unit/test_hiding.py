"""Secrets in files are hidden by their place, the old ones that nobody here knows included."""

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.deploy import transaction
from ops.deploy.file_changes import EDITED_BY_HAND, REMOVE, UPDATE, FileChange
from ops.deploy.plan import make_plan
from ops.deploy.releases import Release
from ops.deploy.snapshot import FoundFile, Snapshot
from ops.deploy.transaction_request import transaction_request
from ops.errors import HostError
from ops.rendering.rendered_file import RenderedFile
from ops.secrets import masking
from ops.secrets.masking import MARK
from ops.secrets.redaction import (
    Hidden,
    MaskedParts,
    find,
    find_in_unknown,
    from_record,
    placeholder,
    recorded,
    shown_lines,
    socket_passwords,
    values,
)
from ops.ui import console
from tasks._apply import Consent, carry_out_plan
from tasks._plan_view import show_plans
from tasks._task import show_error
from tests.unit.hosts import host

PATH = "/home/poms/private/db.ini"


def hidden(text: str, public: str) -> list[str]:
    return [line.shown for line in shown_lines(text, find(text, public))]


def test_rest_of_line_with_secret_is_shown() -> None:
    public = f"url = postgres://u:{placeholder('db')}@db/x\nport = 1\n"
    assert hidden("url = postgres://u:hunter2@db/x\nport = 1\n", public) == [
        f"url = postgres://u:{MARK}@db/x",
        "port = 1",
    ]


def test_each_line_of_multi_line_secret_is_masked() -> None:
    public = f'a = 1\nkey = "{placeholder("tls")}"\nb = 2\n'
    text = 'a = 1\nkey = "-----BEGIN\nMIIE\n\n-----END"\nb = 2\n'
    assert hidden(text, public) == ["a = 1", f'key = "{MARK}', MARK, MARK, MARK, "b = 2"]


def test_line_with_filtered_secret_is_masked_whole() -> None:
    assert hidden("auth = aHVudGVyMg==\n", "auth = 4p+mc2VjcmV0\n") == [MARK]


def test_text_between_two_secrets_in_line_is_masked() -> None:
    public = f"[{placeholder('user')}:{placeholder('db')}]\n"
    assert hidden("[poms:hunter2]\n", public) == [f"[{MARK}]"]


def test_secret_that_overlaps_its_surroundings_is_masked() -> None:
    """The same characters are not taken for what is before it and for what is behind it."""
    assert hidden("xx\n", f"xx{placeholder('a')}xx\n") == [f"xx{MARK}"]


def test_record_contains_position_of_secret_only() -> None:
    masked_parts = (Hidden(2, 11, 1), Hidden(3))
    assert recorded(masked_parts) == "2:11:1,3:0:0"
    assert from_record(recorded(masked_parts)) == masked_parts
    with pytest.raises(ValueError, match="unpack"):
        from_record("2:11")


def test_masked_values_are_read_from_file() -> None:
    assert values("a = 1\nb = x'y'\n", (Hidden(2, 5, 1), Hidden(9))) == ["'y"]


def test_unknown_file_shows_only_public_lines_and_keys() -> None:
    like = "[db]\npassword = hunter2\nthreads = 12\nurl = u:hunter2@db\n"
    masked_parts = (Hidden(2, 11), Hidden(4, 8, 3))
    there = "[db]\npassword = tiger\n\nthreads = 10\nurl = u:lion@db\nother_password=cat\n# password = dog\n"
    shown = [line.shown for line in shown_lines(there, find_in_unknown(there, like, masked_parts))]
    assert shown == ["[db]", f"password = {MARK}", "", f"threads = {MARK}", f"url = u:{MARK}@db", MARK, MARK]


# ---- in a plan -----------------------------------------------------------------------------------------------------

WANTED = "[db]\nname = poms\npassword = hunter2\n"
HIDING: MaskedParts = (Hidden(3, 11),)


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def snapshot(
    there: str, deployed: str | None, masked_parts: MaskedParts = (), mode: str = "0600", fixed: bool = False
) -> Snapshot:
    found = FoundFile(PATH, digest(there), mode, fixed, None if there == WANTED else there.encode())
    manifest = {PATH: digest(deployed)} if deployed else {}
    return Snapshot(
        {PATH: found}, manifest, None, None, "up", 1, 1000, masked_parts={PATH: masked_parts} if masked_parts else {}
    )


def wanted(text: str = WANTED, masked_parts: MaskedParts = HIDING) -> RenderedFile:
    return RenderedFile("t.j2", PATH, text.encode(), "0600", "programs", ("db",), masked_parts)


def shown(
    files: list[RenderedFile], there: Snapshot, capsys: pytest.CaptureFixture[str]
) -> tuple[list[FileChange], str]:
    plan = make_plan(host(), files, there)
    show_plans([plan], {})
    return plan.changed, capsys.readouterr().out


def test_diff_shows_that_secret_changed_without_its_value(capsys: pytest.CaptureFixture[str]) -> None:
    old = WANTED.replace("hunter2", "tiger1")
    (change,), out = shown([wanted()], snapshot(old, old, HIDING), capsys)
    assert change.kind == UPDATE
    assert out.count(f"password = {MARK}") == 2
    assert f"  -password = {MARK}\n  +password = {MARK}\n" in out
    assert "hunter2" not in out
    assert "tiger" not in out
    assert "   name = poms\n" in out


def test_an_unchanged_secret_is_not_seen_to_have_changed(capsys: pytest.CaptureFixture[str]) -> None:
    old = WANTED.replace("poms", "pomsdb")
    _, out = shown([wanted()], snapshot(old, old, HIDING), capsys)
    assert f"  -name = pomsdb\n  +name = poms\n   password = {MARK}\n" in out


@pytest.mark.parametrize("deployed", [None, "something else"])
def test_diff_masks_unknown_lines_of_file_not_deployed_here(
    capsys: pytest.CaptureFixture[str], deployed: str | None
) -> None:
    old = "[db]\nname = pomsdb\npassword = tiger1\nbackup_password: lion22\n"
    _, out = shown([wanted()], snapshot(old, deployed, mode="0640"), capsys)
    assert f"-name = {MARK}" in out
    assert f"-password = {MARK}" in out
    assert "mode 0640 to 0600" in out
    for old_secret in ("tiger1", "lion22", "hunter2"):
        assert old_secret not in out


def test_hand_edit_of_secret_is_refused_and_masked(capsys: pytest.CaptureFixture[str]) -> None:
    edited = WANTED.replace("hunter2", "by-hand")
    (change,), out = shown([wanted()], snapshot(edited, WANTED, HIDING), capsys)
    assert change.kind == EDITED_BY_HAND
    assert "by-hand" not in out


def test_diff_masks_secret_that_template_no_longer_contains(capsys: pytest.CaptureFixture[str]) -> None:
    plain = "[db]\nname = poms\n"
    _, out = shown([wanted(plain, ())], snapshot(WANTED.replace("2", "1"), WANTED.replace("2", "1"), HIDING), capsys)
    assert f"  -password = {MARK}\n" in out
    assert "hunter1" not in out


def test_removal_of_unmanaged_file_shows_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    other = RenderedFile("t.j2", "/home/poms/x", b"x", "0640", "programs")
    old = WANTED.replace("hunter2", "tiger1")
    there = snapshot(old, old, HIDING)
    changes, out = shown([other], there, capsys)
    assert [change.kind for change in changes][1:] == [REMOVE]
    assert f"-password = {MARK}" in out
    assert "tiger1" not in out


def test_diff_masks_line_that_became_secret(capsys: pytest.CaptureFixture[str]) -> None:
    old, masked_parts = (
        f"{WANTED}pin = 1234\n",
        (Hidden(4, 6),),
    )  # the record says that the pin was one, the password not
    _, out = shown([wanted()], snapshot(old, old, masked_parts), capsys)
    assert "hunter2" not in out


def test_secret_file_readable_by_others_is_reported_as_change(capsys: pytest.CaptureFixture[str]) -> None:
    there = snapshot(WANTED, WANTED, HIDING, "0644", fixed=True)
    plan = make_plan(host(), [wanted()], there)
    assert [change.wanted.path for change in plan.exposed] == [PATH]
    assert "mode 0644 lets others read its secrets" in shown([wanted()], there, capsys)[1]
    for mode, fixed in (("0600", True), ("0644", False)):
        assert make_plan(host(), [wanted()], snapshot(WANTED, WANTED, HIDING, mode, fixed)).exposed == []


def test_deploy_refuses_secret_file_readable_by_others(capsys: pytest.CaptureFixture[str]) -> None:
    remote: Any = None  # it is not come to
    plan = make_plan(host(), [wanted()], snapshot("[db]\n", "[db]\n", mode="0640", fixed=True))
    with pytest.raises(HostError, match=rf"other accounts could read the secrets in {PATH}"):
        carry_out_plan(remote, plan, Release("r", "me"), Consent(yes=True, force=True))


def test_old_secret_in_host_error_is_masked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise HostError("web1", "the log says: login with tiger-tiger failed")

    monkeypatch.setattr(masking, "_this_run", masking.Masker())
    monkeypatch.setattr(transaction, "carry_out", fail)
    old = WANTED.replace("hunter2", "tiger-tiger")
    plan = make_plan(host(), [wanted()], snapshot(old, old, HIDING))
    remote: Any = None
    with pytest.raises(HostError) as caught:
        carry_out_plan(remote, plan, Release("r", "me"), Consent(yes=True))
    show_error(caught.value)
    assert f"login with {MARK} failed" in capsys.readouterr().err


def test_deploy_request_records_secret_positions_without_values() -> None:
    plan = make_plan(host(), [wanted()], snapshot("old", "old"))
    request = transaction_request(plan, Release("r", "me"))
    assert f"secret 3:11:0 {PATH}" in request.record.meta
    assert "hunter2" not in str(request.record)
    assert [file.mode for file in request.files] == ["0600"]


# Public text is of lower case letters, secrets of upper case ones: none of these may be seen.
PUBLIC_LINE = st.text("ab =:", min_size=0, max_size=8)
SECRET = st.text("XYZ\n", min_size=1, max_size=8)
LINES = st.lists(st.tuples(PUBLIC_LINE, st.booleans(), st.text("ab", max_size=2)), min_size=1, max_size=6)


@settings(derandomize=True, deadline=None, database=None, max_examples=150)
@given(new=LINES, old=LINES, value=SECRET, old_value=SECRET, known=st.booleans())
def test_no_difference_shows_a_character_of_a_secret(
    new: list[tuple[str, bool, str]], old: list[tuple[str, bool, str]], value: str, old_value: str, known: bool
) -> None:
    def rendered(lines: list[tuple[str, bool, str]], text: str) -> str:
        return "".join(f"{before}{text if has else ''}{after}\n" for before, has, after in lines)

    after, public = rendered(new, value), rendered(new, placeholder("db"))
    before = rendered(old, old_value)
    masked_parts = find(after, public)
    old_hiding = (
        find(before, rendered(old, placeholder("db"))) if known else find_in_unknown(before, after, masked_parts)
    )
    if not masked_parts and not known:
        return  # such a file has never had a secret, as far as anybody can tell
    out = list(console.diff_lines(shown_lines(before, old_hiding), shown_lines(after, masked_parts)))
    assert not set("".join(out)) & set("XYZ"), out
    assert bool(out) == (before != after)


def test_supervisord_socket_password_is_masked() -> None:
    text = "[unix_http_server]\nfile=/x\nusername = ops\n password : very secret ; said\n"
    shown = [line.shown for line in shown_lines(text, socket_passwords(text))]
    assert shown == ["[unix_http_server]", "file=/x", "username = ops", " password : ***"]
