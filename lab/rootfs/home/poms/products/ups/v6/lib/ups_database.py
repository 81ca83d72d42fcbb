"""STAND-IN for UPS, our own: the products database, a folder a product with files of versions and chains.

    poms/v4_4_0.version     an entry a flavor: where the version lies, its table file, who declared it and when
    poms/current.chain      an entry a flavor: the version that has the chain

An entry is a dictionary of the keys in the file, in capitals.
"""

import os
import re
import sys
import time

CORRUPT = "Possible UPS database corruption"
LINE = re.compile(r"\s*([A-Z_]+)\s*=\s*(.*?)\s*\Z")
OF_VERSION = (
    "FLAVOR",
    "QUALIFIERS",
    "DECLARER",
    "DECLARED",
    "MODIFIER",
    "MODIFIED",
    "PROD_DIR",
    "UPS_DIR",
    "TABLE_FILE",
)
OF_CHAIN = ("FLAVOR", "VERSION", "QUALIFIERS", "DECLARER", "DECLARED", "MODIFIER", "MODIFIED")

Entry = dict[str, str]


def products(database: str) -> "list[str]":
    """The names of all products that have a version."""
    return sorted(name for name in _listed(database) if _files(database, name, "version"))


def instances(database: str, product: str) -> "list[Entry]":
    """Every declared instance, with PRODUCT, VERSION and CHAIN ("test:current"); corrupt ones are left out, with a message."""
    found = []
    for version in _files(database, product, "version"):
        for entry in _read(_path(database, product, version, "version"), "PROD_DIR"):
            found.append({**entry, "PRODUCT": product, "VERSION": version, "CHAIN": ""})
    for chain in reversed(_files(database, product, "chain")):
        path = _path(database, product, chain, "chain")
        for entry in _read(path, "VERSION"):
            having = [
                instance for instance in found if _same(instance, entry) and instance["VERSION"] == entry["VERSION"]
            ]
            if not having:
                _complain(f"{path} names {product} {entry['VERSION']}, which has no usable entry. {CORRUPT}")
            for instance in having:
                instance["CHAIN"] = ":".join(filter(None, [instance["CHAIN"], chain]))
    return found


def write_version(database: str, entry: Entry) -> None:
    """Declare the instance; one of the same version, flavor and qualifiers is replaced."""
    head = {"FILE": "version", "PRODUCT": entry["PRODUCT"], "VERSION": entry["VERSION"]}
    _add(_path(database, entry["PRODUCT"], entry["VERSION"], "version"), head, OF_VERSION, entry)


def write_chain(database: str, entry: Entry, chain: str) -> None:
    """Give the instance the chain; the instance of the same flavor and qualifiers that had it loses it."""
    head = {"FILE": "chain", "PRODUCT": entry["PRODUCT"], "CHAIN": chain}
    _add(_path(database, entry["PRODUCT"], chain, "chain"), head, OF_CHAIN, entry)


def remove(database: str, entry: Entry, chains: "list[str]") -> None:
    """Take these chains away from the instance; if none is named, all of them and its declaration."""
    product, version = entry["PRODUCT"], entry["VERSION"]
    for chain in chains or filter(None, entry["CHAIN"].split(":")):
        path = _path(database, product, chain, "chain")
        kept = [other for other in _read(path, "VERSION") if not _same(other, entry)]
        _write(path, {"FILE": "chain", "PRODUCT": product, "CHAIN": chain}, OF_CHAIN, kept)
    if not chains:
        path = _path(database, product, version, "version")
        kept = [other for other in _read(path, "PROD_DIR") if not _same(other, entry)]
        _write(path, {"FILE": "version", "PRODUCT": product, "VERSION": version}, OF_VERSION, kept)


def stamp() -> str:
    """The present time, as a declaration has it."""
    return time.strftime("%Y-%m-%d %H.%M.%S GMT", time.gmtime())


def _listed(folder: str) -> "list[str]":
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _files(database: str, product: str, kind: str) -> "list[str]":
    names = _listed(os.path.join(database, product))
    return [name[: -len(kind) - 1] for name in names if name.endswith(f".{kind}")]


def _path(database: str, product: str, name: str, kind: str) -> str:
    return os.path.join(database, product, f"{name}.{kind}")


def _same(one: Entry, other: Entry) -> bool:
    return all(one.get(key, "") == other.get(key, "") for key in ("FLAVOR", "QUALIFIERS"))


def _read(path: str, needed: str) -> "list[Entry]":
    """The entries of the file; a corrupt one is left out, with a message."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return []
    found: "list[Entry]" = []
    is_good = True
    for line in lines:
        match = LINE.match(line)
        if not match:
            is_good = is_good and (not line.strip() or line.lstrip().startswith("#"))
        elif match[1] == "FLAVOR":
            found.append({"FLAVOR": match[2]})
        elif found:
            found[-1][match[1]] = os.path.expandvars(match[2].strip('"'))
    good = [entry for entry in found if needed in entry]
    if not is_good or not found or len(good) < len(found):
        _complain(f"{path} has an entry that cannot be read. {CORRUPT}")
    return good if is_good else []


def _add(path: str, head: "dict[str, str]", keys: "tuple[str, ...]", entry: Entry) -> None:
    needed = "PROD_DIR" if "PROD_DIR" in keys else "VERSION"
    others = [other for other in _read(path, needed) if not _same(other, entry)]
    _write(path, head, keys, [*others, entry])


def _write(path: str, head: "dict[str, str]", keys: "tuple[str, ...]", entries: "list[Entry]") -> None:
    """Write the file in one step; without an entry there is none."""
    if not entries:
        os.unlink(path)
        return
    lines = [f"{key} = {value}" for key, value in head.items()]
    for entry in entries:
        values = {key: f'"{entry[key]}"' if key == "QUALIFIERS" else entry[key] for key in keys if key in entry}
        lines += ["", *(f"{'' if key in OF_CHAIN[:3] else '  '}{key} = {value}" for key, value in values.items())]
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    os.replace(f"{path}.new", path)


def _complain(text: str) -> None:
    print(f"ERROR: {text}", file=sys.stderr)
