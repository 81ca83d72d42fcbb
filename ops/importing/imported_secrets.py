"""The last look at what an import would write down: what may be a secret is left out, and named."""

from collections.abc import Iterator

from ops.importing.imported import Data, Imported
from ops.importing.settings import has_secret, is_secret

ADVICE = "it may be a secret, and is not written down: give it to the program in another way (docs/guide/secrets.md)"
_NAMES = ("secrets", "environment_secrets")  # names of secrets, not their values


def leave_out_secrets(into: Imported) -> None:
    """Leave out each value and each line that may be a secret; a program without its command is none."""
    for loc in list(_secrets_in(into.data, ())):
        if loc[-1] == "command" and loc[0] == "programs":
            loc = loc[:-1]
        table = into.data
        for part in loc[:-1]:
            table = table.get(part, {})
        table.pop(loc[-1], None)
        into.leave_out("", ".".join(loc), ADVICE)
    for template, blocks in into.blocks.items():
        for lines in blocks.values():
            for line in [line for line in lines if has_secret(line)]:
                lines.remove(line)
                into.leave_out("", f"{template}: {line.split()[0]}", ADVICE)


def _secrets_in(values: Data, loc: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for key, value in values.items():
        if key in _NAMES:
            continue
        if isinstance(value, dict):
            yield from _secrets_in(value, (*loc, key))
        elif any(map(has_secret, _texts(value))) or (loc[-1:] == ("options",) and is_secret(key)):
            yield *loc, key


def _texts(value: object) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
