"""Text from hosts cannot command the operator's terminal."""

import pytest

from ops import console


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
    assert console.harmless(text) == shown


def test_say_table_and_diff_print_nothing_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    console.say("a\x1b]0;title\x07")
    console.table(["x"], [["b\x1b[31m[bold]"]])
    console.diff("/p\x1b", "old\x1b\n", "new\n")
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[bold]" in out
    assert "-old\\x1b" in out
