"""The levels of validation of Apache's files before they are live, in their order.

A trial finds the highest level that a host allows (`agent/apache_validation.py`); `deploy.validation` is the minimum
that a deploy must reach there.
"""

LEVELS = ("none", "configtest", "trial-start", "identity-probe")  # ops/agent/change_validation.py has the same order
MEANING = {
    "none": "not validated before they are in place; then Apache's configuration test reads them",
    "configtest": "Apache's configuration test has accepted a copy of them",
    "trial-start": "Apache has started with them and answered on its ports",
    "identity-probe": "a trial start has rejected every forged identity",
}


def is_less(level: str, than: str) -> bool:
    """Whether `level` is below `than`; an unknown level is below all."""
    return (LEVELS.index(level) if level in LEVELS else -1) < LEVELS.index(than)
