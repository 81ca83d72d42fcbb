"""Where a rollback goes: never to what was rolled back from, never to what was not live."""

import pytest

from ops.deploy.release_history import rolled_back_from, way_back, were_live
from ops.deploy.releases import PastRelease


def history(*said: str) -> list[PastRelease]:
    """Releases in their order: "A", "B!" (failed), "C=A" (a rollback to A), "D~" (no file changed); the last runs."""
    found = []
    for word in said:
        name, _, target = word.rstrip("!~").partition("=")
        facts = {"for": f"rollback to {target}," if target else "deploy"}
        facts["ended"] = "rolled-back failed check" if word.endswith("!") else "committed"
        found.append(PastRelease(name, False, facts, [] if word.endswith("~") else ["update /x"]))
    last = next((one for one in reversed(found) if one.committed), None)
    return [PastRelease(one.name, one is last, one.facts, one.changed) for one in found]


@pytest.mark.parametrize(
    ("said", "goes", "left"),
    [
        ("A", "", ""),
        ("A B", "A", ""),
        ("A B C", "B A", ""),
        ("A B!", "", ""),  # what was never live
        ("A B C!", "A", ""),
        ("A B! C", "A", ""),
        ("A B C=A", "", "B"),  # B is the bad one
        ("G A B C=A", "G", "B"),
        ("G A B C=A D=G", "", "A B C"),  # twice
        ("A B C=A D", "A", "B"),  # a new one after it
        ("A B C=A D E=A", "", "B D"),
        ("A B C D=A", "", "B C"),
        ("A B C=A D=B", "A", ""),  # wanted by its name: it is live again
        ("A B C=A D=B E=A", "", "B D"),
        ("A B C=A D=C", "", "B"),  # a rollback by its own name
        ("A B C~", "A", ""),  # made up for a reload: the same files
        ("A B C~ D=A", "", "B C"),
        ("B C=A", "", "B"),  # A is kept no more
        ("B C=A D", "C", "B"),
        ("B C=A D E=C", "", "B D"),
        ("B C=A D E=A", "", "B D"),
    ],
)
def test_rollback_skips_failed_and_rolled_back_releases(said: str, goes: str, left: str) -> None:
    past = history(*said.split())
    assert " ".join(one.name for one in way_back(past)) == goes
    assert sorted(rolled_back_from(past)) == left.split()


def test_rollback_has_no_target_without_live_release() -> None:
    assert (way_back([]), way_back(history("A!"))) == ([], [])
    assert were_live(history("A!", "B", "C!")) == history("A!", "B", "C!")[1:2]
