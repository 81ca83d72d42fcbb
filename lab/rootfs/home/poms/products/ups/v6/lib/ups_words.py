"""STAND-IN for UPS, our own: the words that select instances: on a command line, in a table file, in SETUP_NAME."""

import os
import platform

from ups_database import Entry, instances

CHAINS = {"c": "current", "d": "development", "n": "new", "o": "old", "t": "test"}
FLAGS = ("a", "C", "j", "v", "y", "Y")
WITH_VALUE = ("f", "g", "K", "m", "M", "q", "r", "U", "z")


class BadWords(Exception):
    """The words cannot be understood, or select what they may not; with what is to be said of it."""


class Words:
    """PRODUCT VERSION, in any order with options: `flags` without a value, `values` of the others."""

    def __init__(self, words: "list[str]") -> None:
        """Raises BadWords for an unknown option or one that lacks its value."""
        self.chains: "list[str]" = []
        self.flags: "set[str]" = set()
        self.values: "dict[str, str]" = {}
        rest = list(words)
        named = []
        while rest:
            word = rest.pop(0)
            if word.startswith("-") and len(word) > 1:
                self._options(word[1:], rest)
            else:
                named.append(word)
        if len(named) > 2:
            raise BadWords(f'Invalid argument specified "{named[2]}"')
        self.product, self.version = [*named, "", ""][:2]
        self.qualifiers = ":".join(sorted(filter(None, self.values.get("q", "").split(":"))))

    @property
    def database(self) -> str:
        """The folder of the products database."""
        return self.values.get("z") or os.environ.get("PRODUCTS", "").split(":")[0].split(" ")[0]

    @property
    def flavors(self) -> "list[str]":
        """The flavors that may match, the best one first."""
        return [self.values["f"]] if "f" in self.values else machine_flavors()

    def matching(self) -> "list[Entry]":
        """With -a every instance of the product and version; else of the version, or of the chain, with the best flavor."""
        found = [entry for entry in instances(self.database, self.product) if self.version in ("", entry["VERSION"])]
        if self.chains or not (self.version or "a" in self.flags):
            wanted = self.chains or ["current"]
            found = [entry for entry in found if set(wanted) & set(entry["CHAIN"].split(":"))]
        if "q" in self.values or "a" not in self.flags:
            found = [entry for entry in found if entry.get("QUALIFIERS", "") == self.qualifiers]
        if "f" in self.values or "a" not in self.flags:
            for flavor in self.flavors:
                suiting = [entry for entry in found if entry["FLAVOR"] == flavor]
                if suiting:
                    return suiting
            return []
        return found

    def _options(self, letters: str, rest: "list[str]") -> None:
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in CHAINS:
                self.chains.append(CHAINS[letter])
            elif letter in FLAGS:
                self.flags.add(letter)
            elif letter == "0":
                self.values["f"] = "NULL"
            elif letter in WITH_VALUE and (letters or rest):
                value = letters or rest.pop(0)
                letters = ""
                self.values[letter] = value
                if letter == "g":
                    self.chains.append(value)
            else:
                raise BadWords(f'Invalid argument specified "-{letter}"')


def machine_flavors() -> "list[str]":
    """The flavors that suit this machine, the best one first."""
    release = ".".join(platform.release().split(".")[:2])
    system = f"{platform.system()}64bit"
    library = platform.libc_ver()[1]
    return [
        f"{system}+{release}-{library}",
        f"{system}+{release}",
        f"{system}+{release.split('.')[0]}",
        system,
        "NULL",
    ]
