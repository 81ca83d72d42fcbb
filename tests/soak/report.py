"""What a soak prints: counts, and each violation with its trace and how to run it again."""

from collections.abc import Sequence

from tests.soak.lane import Ran, count_kinds


def table(seed: int, ran: Sequence[Ran], seconds: float) -> str:
    """Counts by kind, in Markdown."""
    violations = sum(len(one.violations) for one in ran)
    broken = sum(bool(one.violations) for one in ran)
    answers, missing = sum(one.answers for one in ran), sum(one.unanswered for one in ran)
    rows = [("what", "how often"), ("---", "---:"), *sorted(count_kinds(list(ran)).items())]
    lines = [f"| {what} | {count} |" for what, count in rows]
    return "\n".join(
        [
            f"seed {seed}: {len(ran)} operations in {seconds / 60:.0f} minutes;"
            f" {violations} violations in {broken} of them",
            f"visitors asked {answers} times, {missing} times in vain (reboots, cut lines, restarts)",
            "",
            *lines,
        ]
    )


def violation_text(seed: int, one: Ran) -> str:
    """What was found, the trace, and the command that runs the operation again."""
    number = one.operation.number
    return "\n".join(
        [
            f"== seed {seed}, operation {number}: {one.operation}",
            *(f"VIOLATION: {violation}" for violation in one.violations),
            *one.trace,
            f"== again: python -m tests.soak --seed {seed} --first {number} --operations 1",
        ]
    )
