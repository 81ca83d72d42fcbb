"""The templates of the toolkit and of a site, as one tree: a site's own replaces the toolkit's, or extends it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jinja2
import jinja2.meta

from ops.project import PROJECT
from ops.schema import Host

TOOLKIT_TREE = PROJECT / "templates"
TOOLKIT = "toolkit:"  # before the name of the toolkit's own template, which the site's replaces
FOLDER = "templates"


@dataclass(frozen=True)
class TemplateTree:
    """The folder of the toolkit's templates, and the site's `own` one, if it has one.

    A template's name is its path below either, such as `httpd/_vhost.conf.j2`; the site's comes first. With TOOLKIT
    before it, the toolkit's is meant.
    """

    toolkit: Path = TOOLKIT_TREE
    own: Path | None = None

    @property
    def folders(self) -> list[Path]:
        """The site's, then the toolkit's."""
        return [*([self.own] if self.own else []), self.toolkit]

    def files(self) -> list[str]:
        """The names of all files, sorted."""
        found = {
            path.relative_to(folder).as_posix()
            for folder in self.folders
            for path in folder.rglob("*")
            if path.is_file()
        }
        return sorted(found)

    def file_of(self, name: str) -> Path | None:
        """The file of that name; None if there is none."""
        folders = [self.toolkit] if name.startswith(TOOLKIT) else self.folders
        places = [folder / name.removeprefix(TOOLKIT) for folder in folders]
        return next((place for place in places if place.is_file()), None)

    def is_own(self, name: str) -> bool:
        """Whether the file of that name is the site's."""
        found = self.file_of(name)
        return self.own is not None and found is not None and found.is_relative_to(self.own)

    def shown(self, name: str) -> str:
        """The name for a reader: of the toolkit's "templates/…", of the site's with the path of its folder."""
        return f"{self.own if self.is_own(name) else FOLDER}/{name.removeprefix(TOOLKIT)}"

    def loader(self) -> jinja2.BaseLoader:
        """For Jinja."""
        toolkit = jinja2.FileSystemLoader(self.toolkit, encoding="utf-8-sig")
        both = jinja2.FileSystemLoader(self.folders, encoding="utf-8-sig")
        return jinja2.ChoiceLoader([jinja2.PrefixLoader({TOOLKIT[:-1]: toolkit}, delimiter=TOOLKIT[-1]), both])

    def parts_of(self, template: str) -> Iterator[tuple[str, Path]]:
        """The template, then all that it extends, includes or imports, each once: name and file."""
        environment = jinja2.Environment()  # noqa: S701 - it only parses
        known: set[str] = set()
        waiting = [template]
        while waiting:
            name = waiting.pop(0)
            file = self.file_of(name)
            if name in known or file is None:
                continue
            known.add(name)
            yield name, file
            parsed = environment.parse(file.read_text(encoding="utf-8-sig"))
            waiting += [other for other in jinja2.meta.find_referenced_templates(parsed) if other]


def tree_of(host: Host) -> TemplateTree:
    """The templates for a host: those beside its inventory, and the toolkit's."""
    return TemplateTree(own=Path(host.templates) if host.templates else None)
