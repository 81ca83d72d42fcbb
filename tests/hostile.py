"""Values that would do harm if anything took them for more than data, put wherever the inventory may have a text."""

import json
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from hypothesis import strategies as st
from msgspec.structs import FieldInfo
from msgspec.structs import fields as fields_of

from ops.inventory.loader import NOT_GIVEN, Inventory, read_inventory, validate
from ops.schema import Host
from ops.table import Table

CANARY = "CANARY"
ROOT = "/@ROOT@"  # stands for the folder in which a test plays
PIECES = (
    *(
        "'",
        '"',
        "''",
        "`",
        "\\",
        "\\\\",
        "\\n",
        "\\t",
        "\\c",
        "\\0101",
        "\\'",
        "$",
        "$$",
        "$HOME",
        "${HOME}",
        "$((1))",
    ),
    *(
        f"$(touch {CANARY})",
        f"`touch {CANARY}`",
        f"'$(touch {CANARY})'",
        f'"$(touch {CANARY})"',
        f"<(touch {CANARY})",
    ),
    *(f";touch {CANARY};", f"|touch {CANARY}|", f"&touch {CANARY}&", f",touch {CANARY},e;", f"()touch {CANARY}#"),
    *(
        f"$(>{CANARY})",
        f"`>{CANARY}`",
        f";>{CANARY};",
        f">{CANARY}",
        f"<{CANARY}",
        ";",
        "|",
        "&",
        "&&",
        "#",
        "!",
        "!!",
        "(",
        ")",
        "{",
        "}",
        "=",
        ",",
    ),
    *("*", "?", "[a-z]", "{a,b}", "~", "~root", " ", "  ", ".", ":"),
    *("-n", "-e", "--", "--help", "-rf", "end", "word x", "x=y"),
    *("%", "%%", "%s", "%n", "%(here)s", "%d", "{{ 7 * 7 }}", "{% raw %}", "${0}", "@(x)", "é", "日本", "\u00a0"),
    *("\u200b", "\u202e", "\ufeff", "x" * 40),
)
CONTROLS = ("\n", "\r", "\0", "\t", "\x1b[2J", "\x07", "\x7f", "\x85", "\x9b", "\u2028", "\u2029")
STRONG = f"s  'x' \"$(touch {CANARY})`touch {CANARY}`\";touch {CANARY};,e;*?\\n\\c&  "
MILD = f"m\\n\\c\\&,;|&*?[a-z]~`>{CANARY}`{{1,2}}é"  # what most fields take as a name in a path
KEYS = ("A", "web", "X-A", "procname-prefix")  # names that some table takes: else no value of it would be reached


def texts(*more: str, most: int = 4) -> st.SearchStrategy[str]:
    """Texts of several pieces; `more` are pieces too."""
    return st.lists(st.sampled_from([*PIECES, *more]), min_size=1, max_size=most).map("".join)


def values(*more: str) -> st.SearchStrategy[str]:
    """For any field: as it is, or as a path below ROOT."""
    text = texts(*more)
    return st.one_of(text, st.builds(lambda names: "/".join([ROOT, *names]), st.lists(text, min_size=1, max_size=2)))


def filled(kind: Any, text: st.SearchStrategy[str]) -> st.SearchStrategy[Any] | None:
    """Values of `kind` with `text` in the place of each string, keys of tables too; None where none has a place."""
    if isinstance(kind, type) and issubclass(kind, Table):
        fields = {field.encode_name: _of_field(field, text) for field in fields_of(kind)}
        return st.fixed_dictionaries({name: inner for name, inner in fields.items() if inner is not None})
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return filled(arguments[0], text)
    if origin in (Union, types.UnionType):
        inner = [found for one in arguments if (found := filled(one, text)) is not None]
        return st.one_of(inner) if inner else None
    if origin is list:
        found = filled(arguments[0], text)
        return None if found is None else st.lists(found, min_size=1, max_size=2)
    if origin is dict:
        keys, found = st.one_of(text, st.sampled_from(KEYS)), filled(arguments[1], text)
        return st.dictionaries(keys, st.just(1) if found is None else found, min_size=2, max_size=3)
    return text if kind is str or origin is Literal else None


def _of_field(field: FieldInfo, text: st.SearchStrategy[str]) -> st.SearchStrategy[Any] | None:
    found = filled(field.type, text)
    return st.just(1) if found is None and field.required else found


def hosts(*more: str) -> st.SearchStrategy[dict[str, Any]]:
    """The table of a host as it stands in the inventory, with hostile texts in every field there is."""
    found = filled(Host, values(*more))
    assert found is not None
    # The name is the table's; and activate is the one value that is shell, as its text in docs/inventory.md says.
    return found.map(lambda table: {key: table[key] for key in table if key not in ("activate", *NOT_GIVEN)})


def placed(data: Any, root: Path) -> Any:
    """`data` with `root` for ROOT."""
    if isinstance(data, dict):
        return {placed(key, root): placed(value, root) for key, value in data.items()}
    if isinstance(data, list):
        return [placed(value, root) for value in data]
    return data.replace(ROOT, str(root)) if isinstance(data, str) else data


def plain(root: Path) -> dict[str, Any]:
    """What stands where a hostile value was refused, so that no default leads out of `root`."""
    own = {"home": "h", "config_dir": "c", "log_dir": "l", "state_dir": "s"}
    apache = ("server_root", "conf_d", "log_dir", "certificate", "key", "ca_dir", "revocation_dir")
    return {
        **{key: f"{root}/{name}" for key, name in own.items()},
        "activate": ":",
        "apache": {key: f"{root}/httpd/{key}" for key in apache},
        "certificates": {"shibboleth_dir": f"{root}/shibboleth"},
        "supervisor": {key: f"{root}/{key}" for key in ("socket", "pidfile", "logfile")},
    }


def without_refused(data: dict[str, Any], root: Path) -> tuple[dict[str, Any], set[tuple[str, ...]]]:
    """What is left of a host's table, and the places where something was refused.

    There the same text stands as a path, or what more fields take for one; where that is refused too, a plain value.
    """
    refused: set[tuple[str, ...]] = set()
    for _ in range(99):
        _, errors = validate({**merged(plain(root), data), "name": "web1"})
        if not errors:
            return merged(plain(root), data), refused
        before = data
        for loc, rule in reversed(errors):
            refused.add(loc)
            data = _changed(data, loc[:-1] if rule == "is missing" else loc, root)
        if data == before:  # what is refused follows from a value elsewhere
            data = _changed(data, errors[0][0][:1] if errors[0][0][0] in data else (next(iter(data)),), root)
    raise AssertionError(errors)


def merged(under: Any, over: Any) -> Any:
    """`over` over `under`, table by table."""
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    return under | {key: merged(under[key], value) if key in under else value for key, value in over.items()}


def _changed(data: Any, loc: tuple[str, ...], root: Path) -> Any:
    """A copy with something milder at `loc`, and without what is empty by that; None where nothing is left."""
    if not loc:
        return _milder(data, root)
    if isinstance(data, list):
        changed = [_changed(one, loc[1:], root) if str(n) == loc[0] else one for n, one in enumerate(data)]
        return [one for one in changed if one] or None
    if not isinstance(data, dict):
        return data
    for count in range(len(loc), 0, -1):  # rules join the names of tables in tables with dots
        key = ".".join(loc[:count])
        if key in data:
            inner = _changed(data[key], loc[count:], root)
            return {name: inner if name == key else old for name, old in data.items() if name != key or inner} or None
    return data


def _milder(value: Any, root: Path) -> str | None:
    if not isinstance(value, str) or value.startswith(f"{root}/{MILD}"):
        return None
    text = value.removeprefix(f"{root}/")
    if text == value:
        return f"{root}/{STRONG}{text}"
    return f"{root}/{text.removeprefix(STRONG)}" if text.startswith(STRONG) else f"{root}/{MILD}{len(text)}"


def read(data: dict[str, Any], folder: Path) -> Inventory:
    """The inventory that has this one host, read from a file. Raises BadInput."""
    path = folder / "hosts.toml"
    path.write_text(f"fleet.default = 'web1'\nhosts.web1 = {toml(data)}\n", encoding="utf-8")
    return read_inventory(path)


def toml(value: Any) -> str:
    """`value` on one line."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{toml(key)} = {toml(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def leaves(data: Any, *loc: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each text in `data`, keys too, and where it stands."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield (*loc, key, "(its name)"), key
            yield from leaves(value, *loc, key)
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from leaves(value, *loc, str(number))
    elif isinstance(data, str):
        yield loc, data
