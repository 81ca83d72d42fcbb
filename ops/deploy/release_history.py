"""Which releases of a host were live, and which of them a rollback can restore."""

import re

from ops.deploy.releases import PastRelease

_ROLLBACK = re.compile(r"rollback to ([A-Za-z0-9][A-Za-z0-9._-]*),?")


def were_live(past: list[PastRelease]) -> list[PastRelease]:
    """The releases that were live, up to the running one, the oldest first."""
    end = next((number for number, release in enumerate(past) if release.current), -1)
    return [release for release in past[: end + 1] if release.committed]


def way_back(past: list[PastRelease]) -> list[PastRelease]:
    """The releases that a rollback can restore, the nearest first.

    Each was live and was not rolled back: a rollback removes the running release, and all above its target, from
    this list. Rollbacks themselves are not on it: they have the contents of a release that is.
    """
    stack = _contents_in_turn(past)
    return stack[-2::-1] if len(stack) > 1 else []


def rolled_back_from(past: list[PastRelease]) -> set[str]:
    """The names of the releases that were live and were rolled back."""
    same = _same_contents(past)
    offered = {same[release.name] for release in _contents_in_turn(past)}
    return {release.name for release in were_live(past) if same[release.name] not in offered}


def _contents_in_turn(past: list[PastRelease]) -> list[PastRelease]:
    """The history as a stack, the running contents last; each entry is the release that first had these contents."""
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
        elif first is release:  # its target is pruned, so older than every remaining release
            stack = [release]
        else:
            stack.append(first)
    return stack


def _same_contents(past: list[PastRelease]) -> dict[str, str]:
    """The name of each live release to the name of the release whose contents it has (its own for new contents)."""
    same: dict[str, str] = {}
    last = ""
    for release in were_live(past):
        target = rollback_target(release)
        if target:
            same[release.name] = same.get(target, target)
        else:  # a release that only did a pending reload has changed no file
            same[release.name] = same[last] if last and not release.changed else release.name
        last = release.name
    return same


def is_rollback(release: PastRelease) -> bool:
    """Whether it restored an earlier release."""
    return bool(rollback_target(release))


def rollback_target(release: PastRelease) -> str:
    """The release that it restored; empty if it is not a rollback."""
    found = _ROLLBACK.fullmatch(release.facts.get("for", ""))
    return found[1] if found else ""
