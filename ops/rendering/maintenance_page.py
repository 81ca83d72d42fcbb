"""The maintenance page of a host, from the templates that the site can replace: for browsers, and in plain text."""

from dataclasses import dataclass

import jinja2
from msgspec import structs

from ops.errors import BadInput
from ops.rendering.renderer import SUFFIX
from ops.rendering.template_tree import TemplateTree, tree_of
from ops.schema import Host

FOLDER = "_maintenance"


@dataclass(frozen=True)
class Notice:
    """What the page says; `since` and `until` are times in the host's zone, `until` is empty without an end."""

    message: str
    since: str
    until: str = ""


def render_page(host: Host, notice: Notice, tree: TemplateTree | None = None) -> tuple[str, str]:
    """The page in HTML, in which every value is escaped, and in plain text. Raises BadInput.

    A value is a text of the inventory or of the operator, so it could bring markup; the template's own text is HTML.
    """
    tree = tree or tree_of(host)
    return _text(host, notice, tree, "page.html"), _text(host, notice, tree, "page.txt")


def _text(host: Host, notice: Notice, tree: TemplateTree, name: str) -> str:
    environment = jinja2.Environment(
        loader=tree.loader(),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=name.endswith(".html"),
    )
    template = f"{FOLDER}/{name}{SUFFIX}"
    values = {"message": notice.message, "since": notice.since, "until": notice.until}
    try:
        # Without the table of secrets: everybody reads this page.
        return environment.get_template(template).render(host=structs.replace(host, secrets={}), **values)
    except (jinja2.TemplateError, TypeError, ValueError, AttributeError, ArithmeticError, LookupError) as error:
        raise BadInput(f"{host.name}: {tree.shown(template)}: {error}. Nothing was touched.") from None
