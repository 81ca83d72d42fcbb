"""STAND-IN for UPS, our own: what setup and unsetup of a product change in the environment, by its table file."""

import os
import re
import sys

from ups_database import Entry
from ups_words import Words

ACTION = re.compile(r"\s*(\w+)\((.*)\)\s*\Z")
SETTING = re.compile(r"\s*(FLAVOR|QUALIFIERS|ACTION)\s*=\s*(.*?)\s*\Z")
BY_DEFAULT = [("prodDir", ""), ("setupEnv", "")]  # of a version that was declared without a table file


class BrokenTable(Exception):
    """A table file cannot be followed to its end; with what is to be said of it."""


class Environment:
    """A copy of the caller's environment, changed as products are set up."""

    def __init__(self) -> None:
        self.variables = dict(os.environ)

    def script(self) -> str:
        """Shell text that changes the caller's environment into this one."""
        lines = [f"unset {name}" for name in os.environ if name not in self.variables]
        for name, value in self.variables.items():
            if os.environ.get(name) != value:
                lines.append(f"export {name}='" + value.replace("'", "'\\''") + "'")
        return "".join(f"{line}\n" for line in lines)

    def set_up(self, database: str, entry: Entry) -> None:
        """Set the product up, first what it depends on; a version of it that is set up is taken out before.

        A dependency that does not exist is said on standard error, and ends this product's actions: its environment
        stays half.
        """
        self.take_down(entry["PRODUCT"])
        for action, text in self._actions(entry):
            try:
                self._do(action, text, database, entry)
            except BrokenTable as broken:
                print(f'ERROR: {broken}\nERROR: Action parsing failed on "{action}({text})"', file=sys.stderr)
                return

    def take_down(self, product: str) -> None:
        """Undo the actions of the version of the product that is set up, and of what it depends on; the last one first."""
        said = self.variables.get(f"SETUP_{product.upper()}", "")
        if not said:
            return
        entries = Words(said.split()).matching()
        if not entries:
            print(f"ERROR: {said}: set up, but not declared any more", file=sys.stderr)
        for entry in entries[:1]:
            for action, text in reversed(self._actions(entry)):
                self._undo(action, text, entry)
        for name in (f"SETUP_{product.upper()}", f"{product.upper()}_DIR"):
            self.variables.pop(name, None)

    def _do(self, action: str, text: str, database: str, entry: Entry) -> None:
        name = entry["PRODUCT"].upper()
        if action == "prodDir":
            self.variables[f"{name}_DIR"] = entry["PROD_DIR"]
        elif action == "setupEnv":
            qualifiers = f" -q {entry['QUALIFIERS']}" if entry.get("QUALIFIERS") else ""
            instance = f"{entry['PRODUCT']} {entry['VERSION']} -f {entry['FLAVOR']} -z {database}"
            self.variables[f"SETUP_{name}"] = instance + qualifiers
        elif action in ("setupRequired", "setupOptional"):
            words = Words(["-z", database, *text.strip('"').split()])
            found = words.matching()
            if found:
                self.set_up(database, found[0])
            elif action == "setupRequired":
                raise BrokenTable(missing(words))
        elif action in ("pathPrepend", "pathAppend"):
            variable, value = self._arguments(text, entry)
            others = self._without(variable, value)
            self.variables[variable] = ":".join([value, *others] if action == "pathPrepend" else [*others, value])
        elif action == "envSet":
            variable, value = self._arguments(text, entry)
            self.variables[variable] = value
        else:
            raise BrokenTable(f"Invalid action - {action}")

    def _undo(self, action: str, text: str, entry: Entry) -> None:
        if action in ("setupRequired", "setupOptional"):
            self.take_down(Words(text.strip('"').split()).product)
        elif action in ("pathPrepend", "pathAppend"):
            variable, value = self._arguments(text, entry)
            self.variables[variable] = ":".join(self._without(variable, value))
        elif action == "envSet":
            self.variables.pop(self._arguments(text, entry)[0], None)

    def _without(self, variable: str, value: str) -> "list[str]":
        return [part for part in self.variables.get(variable, "").split(":") if part not in ("", value)]

    def _arguments(self, text: str, entry: Entry) -> "tuple[str, str]":
        variable, _, value = text.partition(",")
        value = value.strip().replace("${UPS_PROD_DIR}", entry["PROD_DIR"])
        return variable.strip(), os.path.expandvars(value)

    def _actions(self, entry: Entry) -> "list[tuple[str, str]]":
        """The actions of setup for the entry's flavor, each with the text between its parentheses."""
        if not entry.get("TABLE_FILE"):
            return BY_DEFAULT
        path = os.path.join(entry["PROD_DIR"], entry.get("UPS_DIR", ""), entry["TABLE_FILE"])
        try:
            with open(path, encoding="utf-8") as file:
                lines = file.read().splitlines()
        except OSError:
            print(f"ERROR: File not found - {path}", file=sys.stderr)
            return []
        found: "list[tuple[str, str]]" = []
        inside = {"FLAVOR": "", "QUALIFIERS": "", "ACTION": ""}
        for line in lines:
            setting, action = SETTING.match(line), ACTION.match(line)
            if setting:
                inside[setting[1]] = setting[2].strip('"')
            elif action and inside["ACTION"].upper() == "SETUP" and inside["FLAVOR"] in ("ANY", entry["FLAVOR"]):
                found.append((action[1], action[2]))
        return found


def missing(words: Words) -> str:
    """What is said of a product that is not declared as the words want it."""
    qualifiers = f"(with qualifiers '{words.qualifiers}')"
    if words.version:
        return f"Product '{words.product}' {qualifiers}, has no {words.version} version (or may not exist)"
    return (
        f"Product '{words.product}' {qualifiers}, has no {(words.chains or ['current'])[0]} chain (or may not exist)"
    )
