"""What no line to a host can carry is refused before there is one, in the inventory and on the command line."""

import contextlib
import io
from pathlib import Path
from typing import Any
from unittest.mock import Mock, patch

import fabric.main
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ops.errors import BadInput, HostError
from ops.project import PROJECT
from ops.ssh import operator_identity, session
from ops.ssh.session import AgentSession
from ops.text import escape_control_chars
from tests.hostile import CONTROLS, hosts, leaves, placed, read, without_refused
from tests.scale import TIMES
from tests.unit.hosts import host

many = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=10 * TIMES,
    phases=[Phase.generate],
    suppress_health_check=[*HealthCheck],
)


@many
@given(table=hosts(), control=st.sampled_from(CONTROLS), pick=st.randoms(use_true_random=False))
def test_a_control_character_in_any_field_is_refused(
    tmp_path: Path, table: dict[str, Any], control: str, pick: Any
) -> None:
    kept, _ = without_refused(placed(table, tmp_path), tmp_path)
    read(kept, tmp_path)
    loc, text = pick.choice(list(leaves(kept)))
    cut = pick.randint(0, len(text))
    bad = text[:cut] + control + text[cut:]
    with pytest.raises(BadInput) as caught:
        read(changed(kept, loc, bad), tmp_path)
    assert caught.value.code == 3
    assert "must not contain a control character" in str(caught.value)
    assert escape_control_chars(str(caught.value)) == str(caught.value)


def changed(data: Any, loc: tuple[str, ...], text: str) -> Any:
    """`data` with `text` at `loc`, a place of `leaves`."""
    if not loc:
        return text
    if isinstance(data, list):
        return [changed(one, loc[1:], text) if str(n) == loc[0] else one for n, one in enumerate(data)]
    if loc[1:] == ("(its name)",):
        return {text if key == loc[0] else key: value for key, value in data.items()}
    return {key: changed(value, loc[1:], text) if key == loc[0] else value for key, value in data.items()}


@many
@given(table=hosts())
def test_what_is_refused_is_told_with_where_it_stands(tmp_path: Path, table: dict[str, Any]) -> None:
    data = placed(table, tmp_path)
    _, refused = without_refused(data, tmp_path)
    assert refused
    with pytest.raises(BadInput) as caught:
        read(data, tmp_path)
    assert "nothing was touched" in str(caught.value)
    assert "hosts.toml: hosts.web1." in str(caught.value)


HOSTILE = (
    "x\nend",
    "../../x",
    "'; touch CANARY #",
    "$(touch CANARY)",
    "`touch CANARY`",
    "-rf",
    "a/b",
    "\x1b[2J",
    "~",
    "*",
    " ",
)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    "words",
    [
        ("rollback", "--yes", "--to={}"),
        ("status", "-H{}"),
        ("deploy", "--yes", "-H{}"),
        ("tail-logs", "--programs={}"),
        ("restart-programs", "--programs={}"),
        ("reload-programs", "--programs={}"),
        ("tail-logs", "--lines={}"),
        ("tail-logs", "--since={}"),
        ("fetch-logs", "--since={}"),
        ("status", "--parallel={}"),
        ("adopt", "--file={}"),
        ("shell", "--host={}"),
        ("certs", "--days={}"),
    ],
)
def test_invalid_arguments_reach_no_host(words: tuple[str, ...], text: str) -> None:
    said = [word.format(text) for word in words]
    ordered = sorted(said, key=lambda word: not word.startswith("-H"))
    program, printed, login = fabric.main.make_program(), io.StringIO(), Mock()
    with (
        patch.object(fabric.main, "program", program),
        patch.object(session, "_log_in", login),
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
        contextlib.chdir(PROJECT),
        pytest.raises(SystemExit) as ended,
    ):
        program.run(["fab", *ordered])
    assert ended.value.code == 3, printed.getvalue()
    assert not login.called
    assert printed.getvalue() == escape_control_chars(printed.getvalue())


@pytest.mark.parametrize("text", ["a\nactivate touch CANARY", "a\0"])
def test_a_value_with_a_line_break_is_not_sent(text: str) -> None:
    channel = Mock()
    with pytest.raises(HostError, match="line break"):
        AgentSession(host(name="web1"), "probe", channel).send(["state_dir /x", text])
    assert not channel.sendall.called


def test_whom_the_environment_names_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "jane\nactivate touch CANARY\udcff\x1b[2J")
    assert operator_identity.local_user().startswith("jane activate touch CANARY [2J@")
