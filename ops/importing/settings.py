"""What a host is set to, setting by setting, in one form for all programs; and how two such lists differ."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

SUPERVISORD, UWSGI, APACHE, CRONTAB, PRODUCTS = "supervisord", "uwsgi", "apache", "crontab", "products"
# The names of variables whose values may be secrets, and those of settings: a file of a key is none.
_VARIABLE = re.compile(r"PASS|PWD|TOKEN|SECRET|KEY|CREDENTIAL|PRIVATE|DSN|COOKIE", re.IGNORECASE)
_SETTING = re.compile(r"PASSW|PASSPHRASE(?!DIALOG)|SECRET|TOKEN|CREDENTIAL", re.IGNORECASE)
_MASKED_PARTS = (
    re.compile(
        r"(?i)((?:[\w-]*(?:PASS|PWD|TOKEN|SECRET|API_?KEY)[\w-]*\s*[=:]|--[\w-]*(?:PASS|PWD|TOKEN|SECRET)[\w-]*)\s*)(\S+)"
    ),
    re.compile(r"(?i)((?:setenv\s+|\bset\s+|^)\"?[\w-]*(?:PASS|PWD|TOKEN|SECRET|API_?KEY)[\w-]*\"?\s+)(\S+)"),
    re.compile(r"(?i)(\b(?:Basic|Bearer)\s+)(\S+)"),
    re.compile(r"(?i)(\bbasicauth:)(\S+)"),
    re.compile(r"(?<=://)([^/\s:@]*:)([^/\s@]+)(?=@)"),  # of a URL with an account
)
MASKED = "(secret)"
_ADDS_UP = re.compile(
    r"listen|serveralias|loadmodule|include(optional)?|add(type|encoding|charset)|attach-daemon.*|([a-z0-9]+-)?socket"
)
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
        return shown(self.name, self.value)


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
        sides = [", ".join(shown(self.name, one) for one in side) for side in (self.first, self.second)]
        return sides[0], sides[1]

    def describe(self) -> str:
        """The setting and its place in words."""
        return f"{self.place}: {self.written or self.name}" if self.place else self.written or self.name


def shown(name: str, value: str) -> str:
    """The value of a setting for a reader, without what may be a secret."""
    return MASKED if is_secret(name) else without_secrets(value)


def is_secret(name: str) -> bool:
    """Whether a setting of that name may hold a secret: a variable of an environment, or a password."""
    variable = name.partition("environment.")[2] or name.partition("env.")[2]
    return bool(_VARIABLE.search(variable)) if variable else bool(_SETTING.search(name))


def is_secret_variable(name: str, value: str = "") -> bool:
    """The same for a variable: by its name, or by a value such as a URL with a password."""
    return bool(_VARIABLE.search(name)) or has_secret(value)


def has_secret(text: str) -> bool:
    """Whether a part of a text may be a secret; the path of a file with one is none."""
    return any(not found[2].startswith("/") for part in _MASKED_PARTS for found in part.finditer(text))


def without_secrets(text: str) -> str:
    """A text without its parts that may be secrets."""
    for part in _MASKED_PARTS:
        text = part.sub(lambda found: found[1] + MASKED, text)
    return text


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
        elif _last_wins(key) and values[0].get(key) != values[1].get(key):
            found.append(Difference(*key, tuple(values[0][key]), tuple(values[1][key]), written[key]))
    return equal, found + _out_of_order(sides)


def _last_wins(key: tuple[str, str, str]) -> bool:
    """Whether the order of values of one name counts, and is not told with that of others."""
    of, _, name = key
    return of in _ORDERED and not _ADDS_UP.fullmatch(name) and not _ORDERED[of].fullmatch(name)


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
