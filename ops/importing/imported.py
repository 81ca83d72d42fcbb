"""What an import makes of a host: values for the inventory, text for templates, and what it leaves out."""

from dataclasses import dataclass, field
from typing import Any

Data = dict[str, Any]


@dataclass(frozen=True)
class NotImported:
    """A setting that no value of the inventory stands for, and what to do about it."""

    of: str
    what: str
    advice: str


@dataclass
class Imported:
    """The values by their keys, as in a host's table; the text for blocks of templates; and what is left out.

    `blocks`: template, then block, to its lines; `emptied`: templates of files that become empty. `explained`: by the
    key of a setting (program, place, name), why it will be different; "" for a secret, which is not compared.
    `said`: a setting with its value, to the table of the inventory that says the same in another form.
    """

    data: Data = field(default_factory=dict)
    blocks: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    left_out: list[NotImported] = field(default_factory=list)
    explained: dict[tuple[str, str, str], str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    emptied: list[str] = field(default_factory=list)
    said: dict[tuple[str, str, str, str], tuple[str, ...]] = field(default_factory=dict)

    def put(self, value: Any, *key: str) -> None:
        """Set the value of a key."""
        table = self.data
        for name in key[:-1]:
            table = table.setdefault(name, {})
        table[key[-1]] = value

    def put_secret(self, name: str) -> None:
        """Name a secret. Until somebody says another source, its value is in a variable that nobody has by chance.

        The host's own name for it may be the name of a secret of the operator's, such as GITHUB_TOKEN.
        """
        self.put({"env": f"POMS_SITE_{name.upper()}"}, "secrets", name)

    def leave_out(self, of: str, what: str, advice: str) -> None:
        """Leave a setting out."""
        self.left_out.append(NotImported(of, what, advice))

    def add_lines(self, template: str, block: str, lines: list[str]) -> None:
        """Add lines to a block of a template of the site's own."""
        self.blocks.setdefault(template, {}).setdefault(block, []).extend(lines)
