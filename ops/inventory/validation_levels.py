"""How far Apache's files are validated before they are live: the levels, in their order.

How far a host allows is found by trying it (`ops/remote/prove.sh`); `deploy.validation` is the least that a deploy
must reach there.
"""

LEVELS = ("none", "configtest", "trial-start", "identity-probe")  # ops/remote/prove.sh has the same order
MEANING = {
    "none": "not before they are in place; then Apache's own test reads them",
    "configtest": "Apache's own test has read them, in a copy",
    "trial-start": "Apache has started with them and answered on its ports",
    "identity-probe": "a trial start has rejected every forged identity",
}


def is_less(level: str, than: str) -> bool:
    """Whether `level` is below `than`; one that nobody knows is below all."""
    return (LEVELS.index(level) if level in LEVELS else -1) < LEVELS.index(than)
