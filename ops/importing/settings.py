"""What a host is set to, setting by setting, in one form for all programs; and how two such lists differ."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

SUPERVISORD, UWSGI, APACHE, CRONTAB, PRODUCTS = "supervisord", "uwsgi", "apache", "crontab", "products"
_SECRET = re.compile(r"PASS|TOKEN|SECRET|KEY|CREDENTIAL", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"(?i)((?:[\w-]*(?:PASSW|TOKEN|SECRET|API_?KEY)[\w-]*\s*[=:]|--[\w-]*(?:PASSW|TOKEN|SECRET)\w*)\s*)(\S+)"
)
MASKED = "(secret)"
ORDER = "order"  # the name of a difference in the order of settings
# Settings whose order among each other counts.
_ORDERED = {
    UWSGI: re.compile(r"route.*|error-route.*|final-route.*|response-route.*|hook-.*|exec-.*|attach-daemon.*|if-.*"),
    APACHE: re.compile(r"rewrite(rule|cond)|requestheader|header|setenvif.*|require|alias(match)?|proxypass.*"),
}


@dataclass(frozen=True)
class Setting:
    """One setting: `of` a program, at a `place` in its configuration, such as "program web" or "VirtualHost *:443".

    `written` is the name as it stands there, for a reader; a name counts as `name`.
    """

    of: str
    place: str
    name: str
    value: str
    written: str = field(default="", compare=False)

    @property
    def shown(self) -> str:
        """The value for a reader, without what may be a secret."""
        return MASKED if is_secret(self.name) else without_secrets(self.value)


@dataclass(frozen=True)
class Difference:
    """A setting whose values differ: those that only the first has, and those that only the second has."""

    of: str
    place: str
    name: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    written: str = field(default="", compare=False)

    def shown(self) -> tuple[str, str]:
        """Both sides for a reader."""
        hide = is_secret(self.name)
        sides = [
            ", ".join(MASKED if hide else without_secrets(one) for one in side) for side in (self.first, self.second)
        ]
        return sides[0], sides[1]

    def describe(self) -> str:
        """The setting and its place in words."""
        return f"{self.place}: {self.written or self.name}" if self.place else self.written or self.name


def is_secret(name: str) -> bool:
    """Whether a setting of that name may hold a secret: a variable of an environment, or a password."""
    variable = name.partition("environment.")[2] or name.partition("env.")[2]
    return bool(_SECRET.search(variable)) or name == "password"


def is_secret_variable(name: str) -> bool:
    """The same for the name of a variable."""
    return bool(_SECRET.search(name))


def without_secrets(text: str) -> str:
    """A text without what follows a word like "password"."""
    return _ASSIGNED.sub(lambda found: found[1] + MASKED, text)


def compare(first: Iterable[Setting], second: Iterable[Setting]) -> tuple[list[Setting], list[Difference]]:
    """The settings that both have, and those that differ, in the order of the first and then the second."""
    sides = [list(first), list(second)]
    values = [_by_name(side) for side in sides]
    equal = [*(Counter(sides[0]) & Counter(sides[1])).elements()]
    written = {_key(one): one.written for side in reversed(sides) for one in side}
    found = []
    for key in dict.fromkeys(_key(one) for side in sides for one in side):
        own, other = (Counter(side.get(key, [])) for side in values)
        if own != other:
            left, right = tuple((own - other).elements()), tuple((other - own).elements())
            found.append(Difference(*key, left, right, written[key]))
    return equal, found + _out_of_order(sides)


def _out_of_order(sides: list[list[Setting]]) -> list[Difference]:
    """The places where both have the same ordered settings, in another order."""
    both = Counter(sides[0]) & Counter(sides[1])
    found = []
    for of, place in dict.fromkeys((one.of, one.place) for one in both if one.of in _ORDERED):
        orders = [
            tuple(
                f"{one.written or one.name} {one.value}"
                for one in dict.fromkeys(side)
                if _counts(one, of, place, both)
            )
            for side in sides
        ]
        if orders[0] != orders[1]:
            found.append(Difference(of, place, ORDER, orders[0], orders[1]))
    return found


def _counts(one: Setting, of: str, place: str, both: Counter[Setting]) -> bool:
    return (one.of, one.place) == (of, place) and one in both and bool(_ORDERED[of].fullmatch(one.name))


def _by_name(side: list[Setting]) -> dict[tuple[str, str, str], list[str]]:
    found: dict[tuple[str, str, str], list[str]] = {}
    for one in side:
        found.setdefault(_key(one), []).append(one.value)
    return found


def _key(one: Setting) -> tuple[str, str, str]:
    return one.of, one.place, one.name
