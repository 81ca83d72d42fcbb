"""Text from hosts cannot command the operator's terminal."""

import io

import pytest

from ops.secrets.redaction import shown_lines
from ops.text import escape_control_chars
from ops.ui import console


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é\tx\n", "plain é\tx\n"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("over\rwritten", "over\\x0dwritten"),
        ("\x9b31m", "\\x9b31m"),
        ("right\u202eleft", "right\\u202eleft"),
        ("bell\x07\x00", "bell\\x07\\x00"),
    ],
)
def test_control_characters_are_written_out(text: str, shown: str) -> None:
    assert escape_control_chars(text) == shown


def test_say_table_and_diff_print_nothing_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    console.say("a\x1b]0;title\x07")
    console.table(["x"], [["b\x1b[31m[bold]"]])
    console.print_lines(
        console.styled_diff(console.diff_lines(shown_lines("old\x1b\n", ()), shown_lines("new\n", ())))
    )
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[bold]" in out
    assert "-old\\x1b" in out


def test_a_diff_shows_lines_that_look_like_its_own_marks(capsys: pytest.CaptureFixture[str]) -> None:
    lines = console.diff_lines(shown_lines("-- old\nsame\n", ()), shown_lines("++ new\nsame\n", ()))
    console.print_lines(console.styled_diff(lines))
    assert capsys.readouterr().out == "  @@ -1,2 +1,2 @@\n  --- old\n  +++ new\n   same\n"


def test_what_the_terminal_cannot_show_is_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    monkeypatch.setattr("sys.stdout", stream)
    console.say("pl\u00ebin")
    console.table(["x"], [["\u00eb"]])
    assert stream.buffer.getvalue().decode().split() == ["pl\\xebin", "x", "\\xeb"]


@pytest.mark.parametrize("err", [False, True])
def test_what_is_said_is_in_a_pipe_at_once(monkeypatch: pytest.MonkeyPatch, err: bool) -> None:
    """A log of a deploy shows the step that it is at; and where fab is killed, none is missing."""
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stderr" if err else "sys.stdout", io.TextIOWrapper(io.BufferedWriter(raw)))
    console.say("reloading Apache", err=err)
    assert raw.getvalue() == b"reloading Apache\n"
