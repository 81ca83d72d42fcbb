"""An edit is carried over from one text to another, or said to clash."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ops.importing.line_edits import Hunk, carry_over, hunks, lines_of


def carried(base: str, edited: str, to: str) -> tuple[str, list[Hunk]]:
    result, clashes = carry_over(lines_of(base), lines_of(edited), lines_of(to))
    return "".join(result), clashes


def test_text_is_split_only_at_line_feeds() -> None:
    assert lines_of("a\n\nb\x0c\r\nc") == ["a\n", "\n", "b\x0c\r\n", "c"]
    assert lines_of("") == []


def test_merge_keeps_edit_and_distant_change() -> None:
    base = "a\nb\nc\nd\ne\n"
    assert carried(base, "a\nb\nc\nd\nE\nf\n", "A\nb\nc\nd\ne\n") == ("A\nb\nc\nd\nE\nf\n", [])
    assert carried(base, "new\na\nb\nc\nd\n", "a\nb\nC\nd\ne\n") == ("new\na\nb\nC\nd\n", [])


def test_what_both_changed_alike_is_no_clash() -> None:
    assert carried("a\nb\nc\n", "a\nB\nc\n", "a\nB\nc\n") == ("a\nB\nc\n", [])


def test_conflicting_edit_is_reported_and_not_merged() -> None:
    assert carried("a\nb\nc\n", "a\nx\nc\n", "a\ny\nc\n") == ("a\ny\nc\n", [Hunk(1, 2, ("b\n",), ("x\n",))])


def test_merge_separates_adjacent_changed_lines() -> None:
    base, edited, mine = "a=1\nb=1\nc=1\nd=1\n", "a=1\nb=2\nc=2\nd=2\n", "a=1\nb=3\nc=2\nd=1\n"
    assert carried(base, edited, mine) == ("a=1\nb=3\nc=2\nd=2\n", [Hunk(1, 2, ("b=1\n",), ("b=2\n",))])


def test_merge_keeps_insertion_next_to_change() -> None:
    assert carried("a\nb\nc\n", "a\nb\nnew\nc\n", "a\nB\nc\n") == ("a\nB\nnew\nc\n", [])
    assert carried("a\nb\nc\n", "a\nc\n", "a\nB\nc\n") == ("a\nB\nc\n", [Hunk(1, 2, ("b\n",), ())])


TEXT = st.lists(st.sampled_from(["a\n", "b\n", "c\n"]), max_size=8)


@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(base=TEXT, edited=TEXT)
def test_an_edit_of_the_text_itself_gives_the_edited_text(base: list[str], edited: list[str]) -> None:
    assert carry_over(base, edited, base) == (edited, [])
    assert carry_over(base, edited, edited) == (edited, [])
    assert carry_over(base, base, edited) == (edited, [])
    assert bool(hunks(base, edited)) == (base != edited)
