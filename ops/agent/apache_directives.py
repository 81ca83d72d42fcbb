"""What files of Apache's say: the values of a directive, by a look at each line."""

import glob
import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LINE = re.compile(r"[ \t]*([A-Za-z]\w*)[ \t]+(.*)")
VALUE = re.compile(r'"((?:[^"\\]|\\.)*)"' r"|'((?:[^'\\]|\\.)*)'" r"|([^\s\"']+)")
ESCAPED = re.compile(r"\\([\"'\\])")


def values_of(directive: str, text: str) -> "list[str]":
    """The first argument of each such directive in the text of a file; Apache ignores the case of its name."""
    found = []
    for line in text.splitlines():
        said = LINE.match(line)
        value = VALUE.match(said.group(2)) if said and said.group(1).lower() == directive.lower() else None
        if value:
            double, single, bare = value.groups()
            found.append(bare if bare is not None else ESCAPED.sub(r"\1", double if double is not None else single))
    return found


def named_in(paths: "Iterable[str]", *directives: str) -> "list[str]":
    """The values of some directives in several files, each once."""
    texts = [text_of(path) for path in paths]
    found = [value for text in texts for directive in directives for value in values_of(directive, text)]
    return list(dict.fromkeys(found))


def text_of(path: str) -> str:
    """The text of a file, which any path in it can be restored from; "" if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def files_in(*folders: str) -> "list[str]":
    """The *.conf files of some folders."""
    found = [path for folder in folders for path in sorted(glob.glob(os.path.join(glob.escape(folder), "*.conf")))]
    return [path for path in found if os.path.isfile(path)]


def files_below(root: str) -> "list[str]":
    """All *.conf files below Apache's folder."""
    return [
        os.path.join(folder, name)
        for folder, _, names in os.walk(root)
        for name in sorted(names)
        if name.endswith(".conf")
    ]


def listen_ports(text: str) -> "list[int]":
    """The ports of the Listen directives."""
    ends = [address.rpartition(":")[2] for address in values_of("Listen", text)]
    return sorted({int(end) for end in ends if end.isdigit()})
