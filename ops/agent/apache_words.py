"""The directives of Apache's configuration text, word by word as Apache itself splits them.

Source: `ap_getword_conf` in server/util.c and `ap_cfg_getline` in server/config.c of 2.4: quotes of both kinds, a
backslash only before a quote or another one, a backslash at the end of a line. The same reader takes what
`httpd -t -D DUMP_CONFIG` prints (mod_info), where each file is named in a comment.
"""

import re

IN_FILE = re.compile(r"\s*# In file: (.*)")
SECTION = re.compile(r"<(/?)([A-Za-z]\w*)\s*(.*?)>?\s*\Z", re.DOTALL)
CONTINUED = re.compile(r"\\\r?\n")
CONDITIONS = ("ifmodule", "ifdefine", "ifversion", "iffile", "ifdirective", "ifsection")


class Directive:
    """One directive: the sections around it (each its words), its name, its words, and the file, if it is known.

    `name` is in lower case, since Apache ignores it; `written` as it stands there. A section is one with a "<" before
    its name. Headings have normal spellings (`_normal`).
    """

    def __init__(self, path: "tuple[str, ...]", written: str, words: "list[str]", file: str = "") -> None:
        self.path = path
        self.written = written
        self.name = written.lower()
        self.words = words
        self.file = file

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Directive) and self.key() == other.key()

    def __hash__(self) -> int:
        return hash(self.key())

    def key(self) -> "tuple[tuple[str, ...], str, tuple[str, ...]]":
        """What counts: not the file."""
        return self.path, self.name, tuple(self.words)


def directives_of(text: str, file: str = "") -> "list[Directive]":
    """All directives of a text, with the sections around them; a section without a directive is one, too."""
    found: list[Directive] = []
    path: list[str] = []
    for line in CONTINUED.sub("", text).splitlines():
        line = line.strip()
        named = IN_FILE.match(line)
        if named:
            file = named.group(1)
        if not line or line.startswith("#"):
            continue
        section = SECTION.match(line)
        if section and section.group(1):
            del path[-1:]
        elif section:
            name, words = section.group(2), words_of(section.group(3))
            found.append(Directive(tuple(path), f"<{name}", words, file))
            path.append(_normal(name.lower(), words))
        else:
            words = words_of(line)
            found.append(Directive(tuple(path), words[0], words[1:], file))
    return found


def words_of(text: str) -> "list[str]":
    """The words of a line, without their quotes."""
    found: list[str] = []
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at >= len(text):
            return found
        quote = text[at] if text[at] in "\"'" else ""
        at += len(quote)
        word = ""
        while at < len(text) and (text[at] != quote if quote else not text[at].isspace()):
            if text[at] == "\\" and text[at + 1 : at + 2] and text[at + 1] in (quote, "\\"):
                at += 1
            word += text[at]
            at += 1
        at += len(quote)
        found.append(word)


def in_effect(found: "list[Directive]") -> "list[Directive]":
    """Without the conditions on modules, versions and defines: what is in them is taken as being there."""
    return [
        Directive(
            tuple(one for one in each.path if _kind(one) not in CONDITIONS), each.written, each.words, each.file
        )
        for each in found
        if each.name.lstrip("<") not in CONDITIONS
    ]


def _kind(heading: str) -> str:
    return heading.partition(" ")[0]


def _normal(name: str, words: "list[str]") -> str:
    """A section's heading; of a virtual host, any address is "*"."""
    if name == "virtualhost":
        words = [re.sub(r"\A(_default_|0\.0\.0\.0)(?=:|\Z)", "*", word) for word in words]
    return " ".join([name, *words])
