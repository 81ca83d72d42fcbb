"""STAND-IN for UPS, our own: the commands `ups list`, `exist`, `declare`, `undeclare`, `flavor`, `setup`, `unsetup`.

It behaves as a real UPS was measured to, oddities included; what was not measured is kept simple. `setup` and `unsetup`
print shell text, which the functions of these names in `products/setup` follow.
"""

import getpass
import os
import shutil
import sys

from ups_database import Entry, products, remove, stamp, write_chain, write_version
from ups_environment import Environment, missing
from ups_words import BadWords, Words, machine_flavors

COLUMNS = "product:version:flavor:qualifiers:chain"  # what `+` stands for in -K
NO_FLAVOR = "Specification must include a single flavor"


def list_(words: Words) -> int:
    """A line an instance; an unknown product has none. Without -a or a version only those of the chain `current`."""
    for name in [words.product] if words.product else products(words.database):
        words.product = name
        for entry in words.matching():
            if "K" in words.values:
                columns = words.values["K"].replace("+", COLUMNS).split(":")
                print("".join(f'"{_column(entry, column)}" ' for column in columns))
            else:
                print(f"\tProduct={entry['PRODUCT']}\tVersion={entry['VERSION']}\tFlavor={entry['FLAVOR']}")
                print(f'\t\tQualifiers="{entry.get("QUALIFIERS", "")}"\tChain={entry["CHAIN"]}\n')
    return 0


def exist(words: Words) -> int:
    """0 where there is such an instance; prints nothing."""
    return 0 if words.product and words.matching() else 1


def declare(words: Words) -> int:
    """Declare a version, which needs a flavor and a folder; or give chains to a declared one, whose flavor is known."""
    if not (words.product and words.version):
        raise BadWords("Declare: Specification must include a product and a version")
    chains, words.chains = words.chains, []
    found = words.matching()
    if not chains and "f" not in words.values:
        raise BadWords(f"Declare: {NO_FLAVOR}")
    if not chains and found:
        raise BadWords("Declare: Exact product definition exists")
    if not found and "f" not in words.values:
        raise BadWords(f"Declare: {NO_FLAVOR}")
    entry = found[0] if found else _new(words)
    if not found:
        write_version(words.database, entry)
    who = {"DECLARER": getpass.getuser(), "DECLARED": stamp(), "MODIFIER": getpass.getuser(), "MODIFIED": stamp()}
    for chain in chains:
        write_chain(words.database, {**entry, **who}, chain)
    print()
    return 0


def undeclare(words: Words) -> int:
    """Take the declaration of a version and its chains away, with -Y its folder; or, without a version, a chain."""
    if not (words.product and (words.version or words.chains)):
        raise BadWords("Undeclare: Specifications must include a product and a version or chain(s)")
    if words.version and words.chains:
        raise BadWords("Undeclare: Specify a version, which will remove ALL chains, or chains(s) not both")
    found = words.matching()
    if not found:
        raise BadWords("Undeclare: No matching product found")
    remove(words.database, found[0], [] if words.version else words.chains)
    if words.version and "Y" in words.flags:
        shutil.rmtree(found[0]["PROD_DIR"], ignore_errors=True)
    print()
    return 0


def flavor(_words: Words) -> int:
    """The flavor of this machine."""
    print(machine_flavors()[0])
    return 0


def setup(words: Words) -> int:
    """Shell text that sets the product up; 1 if there is no such instance, 0 even if a dependency is missing."""
    found = words.matching()
    if not found:
        print(f"INFORMATIONAL: {missing(words)}", file=sys.stderr)
        return 1
    environment = Environment()
    environment.set_up(words.database, found[0])
    print(f"{environment.script()}echo '{found[0]['PRODUCT']} {found[0]['VERSION']} is set up'")
    return 0


def unsetup(words: Words) -> int:
    """Shell text that takes the product's entries out of the environment; 1 if it is not set up."""
    environment = Environment()
    if f"SETUP_{words.product.upper()}" not in environment.variables:
        print(f"INFORMATIONAL: Product '{words.product}' is not setup", file=sys.stderr)
        return 1
    environment.take_down(words.product)
    print(environment.script(), end="")
    return 0


COMMANDS = {
    "list": list_,
    "exist": exist,
    "declare": declare,
    "undeclare": undeclare,
    "flavor": flavor,
    "setup": setup,
    "unsetup": unsetup,
}


def main(arguments: "list[str]") -> int:
    """Run a command; the exit code."""
    command = COMMANDS.get(arguments[0]) if arguments else None
    if not command:
        print(f"usage: ups {'|'.join(COMMANDS)} [OPTION...] [PRODUCT [VERSION]]", file=sys.stderr)
        return 1
    try:
        return command(Words(arguments[1:]))
    except BadWords as bad:
        print(f"ERROR: {bad}", file=sys.stderr)
        return 1


def _column(entry: Entry, column: str) -> str:
    return entry.get(column.lstrip("@").upper(), "")


def _new(words: Words) -> Entry:
    who, now = getpass.getuser(), stamp()
    entry = {
        "PRODUCT": words.product,
        "VERSION": words.version,
        "FLAVOR": words.values["f"],
        "QUALIFIERS": words.qualifiers,
        "DECLARER": who,
        "DECLARED": now,
        "MODIFIER": who,
        "MODIFIED": now,
        "PROD_DIR": words.values.get("r", ""),
        "CHAIN": "",
    }
    if "m" in words.values:
        entry["TABLE_FILE"] = words.values["m"]
        entry["UPS_DIR"] = words.values.get(
            "U", "ups" if os.path.isdir(os.path.join(entry["PROD_DIR"], "ups")) else ""
        )
    return entry


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
