"""Which releases of a host were live, and which of them a rollback goes to."""

import re

from ops.deploy.releases import PastRelease

_ROLLBACK = re.compile(r"rollback to ([A-Za-z0-9][A-Za-z0-9._-]*),?")


def were_live(past: list[PastRelease]) -> list[PastRelease]:
    """Those that the host has run, up to the running one, the oldest first."""
    end = next((number for number, release in enumerate(past) if release.current), -1)
    return [release for release in past[: end + 1] if release.committed]


def way_back(past: list[PastRelease]) -> list[PastRelease]:
    """Those that a rollback goes to, the nearest first.

    Each was live, and was not rolled back from: a rollback takes the release that it leaves, and all above the one
    that it goes to, off this list. Rollbacks are not on it: they have the contents of a release that is.
    """
    stack = _contents_in_turn(past)
    return stack[-2::-1] if len(stack) > 1 else []


def rolled_back_from(past: list[PastRelease]) -> set[str]:
    """The names of those that were live and that a rollback has left."""
    same = _same_contents(past)
    offered = {same[release.name] for release in _contents_in_turn(past)}
    return {release.name for release in were_live(past) if same[release.name] not in offered}


def _contents_in_turn(past: list[PastRelease]) -> list[PastRelease]:
    """What runs, as the last one, and before it what it took the place of, each as the release that first had it."""
    stack: list[PastRelease] = []
    known = {release.name: release for release in were_live(past)}
    same = _same_contents(past)
    for release in known.values():
        first = known.get(same[release.name], release)
        if not is_rollback(release):
            if first is release:
                stack.append(release)
            continue
        names = [same[one.name] for one in stack]
        if same[release.name] in names:
            del stack[names.index(same[release.name]) + 1 :]
        elif first is release:  # that one is kept no more, so it is older than all that are
            stack = [release]
        else:
            stack.append(first)
    return stack


def _same_contents(past: list[PastRelease]) -> dict[str, str]:
    """The name of each live release, and of the one whose contents it has: its own where it brought its own."""
    same: dict[str, str] = {}
    last = ""
    for release in were_live(past):
        target = rollback_target(release)
        if target:
            same[release.name] = same.get(target, target)
        else:  # one that only made up for a reload has changed no file
            same[release.name] = same[last] if last and not release.changed else release.name
        last = release.name
    return same


def is_rollback(release: PastRelease) -> bool:
    """Whether it brought an earlier one back."""
    return bool(rollback_target(release))


def rollback_target(release: PastRelease) -> str:
    """The release that it brought back; empty where it is none of these."""
    found = _ROLLBACK.fullmatch(release.facts.get("for", ""))
    return found[1] if found else ""
