"""Rendering the template tree for one host: the files, their paths and their content.

The tree mirrors the host: `templates/home/…` goes to the account's home, `templates/httpd/…` to Apache's server
root. A file or folder whose name begins with `_` is a part of other templates and is not deployed. One with `{app}`
in its name becomes a file for each app.
"""

import contextlib
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

import jinja2
import jinja2.bccache
import jinja2.meta
from jinja2 import nodes
from msgspec import structs

from ops.errors import BadInput
from ops.formats import apache, apps, locations, start_program, supervisor, uwsgi, web_program
from ops.rendering.rendered_file import RenderedFile, file_at, mode_of, service_of
from ops.rendering.template_tree import TOOLKIT, TOOLKIT_TREE, TemplateTree, tree_of
from ops.schema import Host
from ops.secrets import masking, redaction
from ops.secrets.sources import Secrets, names_used

SUFFIX = ".j2"
APP = "{app}"  # in a template's name: of each app
POMS = "home/private/config/poms"
OF_GIT = (".gitignore", ".gitattributes", ".gitkeep")
BACKUP = re.compile(r".*~|\..*\.sw[a-p]|#.*#|.*\.(bak|orig|rej|save|tmp)|4913")
NOT_SHOWN = "(not shown: the template changes its secrets)\n"


def render(host: Host, tree: TemplateTree | None = None, *, values: bool = True) -> list[RenderedFile]:
    """Every managed file of `host`, sorted by path on the host. Raises BadInput; nothing is sent or written.

    With `values` off, secrets are not read, and placeholders stand for them. A template that renders only white space
    is no file of this host, unless the template itself is empty. `tree`: other templates than the host's.
    """
    tree = tree or tree_of(host)
    templates = _templates(tree)
    # A template for one app, by its own name, goes before the one for all apps.
    own = {_destination(host, template, tree) for template in templates if APP not in template}
    pairs = [(view, name) for name in templates for view in (apps.views(host) if APP in name else [host])]
    files = [
        render_one(view, template, tree, values=values)
        for view, template in pairs
        if APP not in template or _destination(view, template, tree) not in own
    ]
    kept = [file for file in files if file.content.strip() or _is_empty(tree, file.template)]
    return sorted(kept, key=lambda file: file.path)


def _is_empty(tree: TemplateTree, template: str) -> bool:
    file = tree.file_of(template)
    return file is not None and not file.read_bytes().strip()


def render_one(host: Host, template: str, tree: TemplateTree | None = None, *, values: bool = True) -> RenderedFile:
    """The file of one template, as in `render`.

    A template with APP in its name is rendered for one app, of which `host` is a view (ops/formats/apps.py). It is
    rendered with placeholders first: this shows which secrets it uses, and which of its text is public.
    """
    tree = tree or tree_of(host)
    path, public, failure = _destination(host, template, tree), Secrets(host, values=False), None
    try:
        shown = _text(host, tree, template, public)
    except TemplateFailure as error:
        if not names_used(public):
            raise
        shown, failure = NOT_SHOWN, error
    used = names_used(public)
    if not used:
        mode = mode_of(host, path, shown.encode(), secret=False)
        return file_at(host, path, shown.encode(), mode, template)
    mode = mode_of(host, path, shown.encode(), secret=True)
    made = RenderedFile(template, path, shown.encode(), mode, service_of(host, path), used)
    if not values:
        return made
    secrets = Secrets(host, values=True)
    try:
        text = _text(host, tree, template, secrets)
    except TemplateFailure as error:
        raise failure or error.without_words(names_used(secrets)) from None
    used = tuple(dict.fromkeys([*used, *names_used(secrets)]))
    hidden = redaction.whole(text) if failure else redaction.find(text, shown)
    for part in [] if failure else redaction.values(text, hidden):
        masking.add_secret_words(part, shown)
    return replace(made, content=text.encode(), secrets=used, masked_parts=hidden)


def render_again(host: Host, file: RenderedFile, tree: TemplateTree) -> RenderedFile:
    """The file of the same template and app, for a host or tree that may differ. Raises as `render`."""
    of_apps = apps.views(host) if APP in file.template else []
    view = next((view for view in of_apps if _destination(view, file.template, tree) == file.path), host)
    return render_one(view, file.template, tree)


def _templates(tree: TemplateTree) -> list[str]:
    kept = [name for name in tree.files() if name.endswith(SUFFIX) and not _is_part(PurePath(name))]
    if not kept:
        raise BadInput(f"{tree.toolkit} has no templates; nothing was touched.")
    return kept


def not_rendered(tree: TemplateTree) -> Iterator[tuple[str, str]]:
    """Each file of `tree` that is neither a template nor a part of one: its name for a reader, and the reason."""
    files = map(PurePath, tree.files())
    left = [file for file in files if file.suffix != SUFFIX and file.name not in OF_GIT and not _is_part(file)]
    if not left:
        return
    used = _parts_named(tree)
    for name in (file.as_posix() for file in left if file.as_posix() not in used):
        backup = BACKUP.fullmatch(name.rpartition("/")[2])
        yield tree.shown(name), "an editor's copy" if backup else f"its name does not end in {SUFFIX}"


def _is_part(file: PurePath) -> bool:
    return any(part.startswith("_") for part in file.parts)


def _parts_named(tree: TemplateTree) -> set[str]:
    """The names of all files that the templates include, extend or import."""
    environment = jinja2.Environment()  # noqa: S701 - it only parses
    found: set[str] = set()
    for path in [path for folder in tree.folders for path in folder.rglob("*" + SUFFIX)]:
        with contextlib.suppress(OSError, ValueError, jinja2.TemplateError):  # rendering reports it
            named = jinja2.meta.find_referenced_templates(environment.parse(path.read_text(encoding="utf-8-sig")))
            found.update(name.removeprefix(TOOLKIT) for name in named if name)
    return found


class TemplateFailure(BadInput):
    """A template cannot be rendered."""

    def __init__(self, host: Host, where: str, said: str) -> None:
        self.where = f"{host.name}: {where}"
        super().__init__(f"{self.where}: {said}. Nothing was touched.")

    def without_words(self, secrets: Sequence[str]) -> BadInput:
        """The same without the error's text, which may contain a secret."""
        fails = f"fails with the values of its secrets ({', '.join(secrets)})"
        return BadInput(f"{self.where}: {fails}; the error may contain them and is not shown. Nothing was touched.")


def _text(host: Host, tree: TemplateTree, template: str, secrets: Secrets) -> str:
    managed = f"Managed by poms-ops from templates/{template}: edit there, a change made here is found."
    # Without the table of the secrets' sources, which a template could mistake for their values.
    known = structs.replace(host, secrets={})
    try:
        text = _environment(tree).get_template(template).render(host=known, managed=managed, secrets=secrets)
        if "\r" in text:  # from a value: Jinja reads the template's own Windows line ends as plain ones
            raise TemplateFailure(host, tree.shown(template), "it writes a carriage return (\\r) into the file")
        return text
    except jinja2.TemplateSyntaxError as error:
        where = f"{tree.shown(error.name or template)}, line {error.lineno}"
        raise TemplateFailure(host, where, str(error.message)) from None
    except supervisor.UnwritableSecretError as error:
        raise BadInput(f"{host.name}: {error}. Nothing was touched.") from None
    except (
        jinja2.TemplateError,
        TypeError,
        ValueError,
        AttributeError,
        ArithmeticError,
        LookupError,
        RuntimeError,
    ) as error:
        where = _where(error, tree) or tree.shown(template)
        raise TemplateFailure(host, where, str(error)) from None


def _destination(host: Host, template: str, tree: TemplateTree) -> str:
    """The path of a template's file on the host; the longest matching root decides.

    The files of supervisord and uWSGI have places of their own.
    """
    roots = {
        POMS: host.config_dir,
        "home": host.home,
        "httpd/conf.d": host.apache.conf_d,
        "httpd": host.apache.server_root,
    }
    name = template.removesuffix(SUFFIX)
    files = {"home/supervisord.conf": host.supervisor.file, f"{POMS}/uwsgi-{APP}.ini": host.uwsgi.file}
    if own := files.get(name):
        return own
    path = PurePosixPath(name.replace(APP, host.app_name))
    for root, place in roots.items():
        if path.is_relative_to(root) and path != PurePosixPath(root):
            return f"{place}/{path.relative_to(root)}"
    raise BadInput(
        f"{tree.shown(template)}: the first folder must be one of {', '.join(roots)}. Nothing was touched."
    )


@cache
def _environment(tree: TemplateTree) -> jinja2.Environment:
    environment = _Environment(
        loader=tree.loader(),
        bytecode_cache=_Compiled(tree.toolkit) if tree.toolkit == TOOLKIT_TREE else None,  # none beside another tree
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {
        "apache_quote": apache.quote,
        "regex_escape": apache.regex_escape,
        "shell_quote": shlex.quote,
    }
    environment.globals |= {
        "app_of": apps.app_of,
        "attribute_headers": locations.attribute_headers,
        "bearer": locations.BEARER,
        "with_pages": apps.with_pages,
        "check_page": apache.check_page,
        "dropped_headers": locations.dropped_headers,
        "from_addresses": locations.from_addresses,
        "has_optional_certificate": locations.has_optional_certificate,
        "identity_headers": locations.identity_headers,
        "is_by_certificate": locations.is_by_certificate,
        "is_http": locations.is_http,
        "listens": apache.listens,
        "location_target": locations.target,
        "locations_on": locations.locations_on,
        "maintenance_pages": apache.PAGES,
        "maintenance_paths": apache.maintenance_paths,
        "maintenance_switch": apache.maintenance_switch,
        "own_page": apache.own_page,
        "proxy_target": apache.proxy_target,
        "reverse_target": locations.reverse_target,
        "response_headers": apache.response_headers,
        "included_files": supervisor.included_files,
        "inet_options": supervisor.inet_options,
        "program_options": supervisor.program_options,
        "shares_worker": locations.shares_worker,
        "supervisord_options": supervisor.supervisord_options,
        "holds_app_socket": web_program.holds_app_socket,
        "web_program": web_program.web_program,
        "handover_socket": uwsgi.handover_socket,
        "serving_file": uwsgi.serving_file,
        "ini_lines": uwsgi.ini_lines,
        "runs_python": uwsgi.runs_python,
        "kept_variables": start_program.kept_variables,
        "own_names": start_program.OWN_NAMES,
        "start_program_path": start_program.start_program_path,
    }
    return environment


class _Environment(jinja2.Environment):
    """Jinja's environment, but text outside the blocks of a template that extends another one is an error."""

    def compile(self, source: Any, name: str | None = None, filename: str | None = None, *args: Any) -> Any:
        """Compile a template. Raises TemplateSyntaxError."""
        parsed = self.parse(source, name, filename) if isinstance(source, str) else source
        for extended in (node for node in parsed.body if isinstance(node, nodes.Extends)):
            if isinstance(extended.template, nodes.Const) and extended.template.value == name:
                said = f"it extends itself; the toolkit's is {TOOLKIT}{name}"
                raise jinja2.TemplateSyntaxError(said, extended.lineno, name, filename)
        if any(isinstance(node, nodes.Extends) for node in parsed.body):
            for lineno in map(_dropped, parsed.body):
                if lineno is not None:
                    said = "this text would be dropped: a template that extends another one has text only in blocks"
                    raise jinja2.TemplateSyntaxError(said, lineno, name, filename)
        return super().compile(parsed, name, filename, *args)


def _dropped(node: nodes.Node) -> int | None:
    """The line of the first text or value that the node, which is outside the blocks, would print."""
    if isinstance(node, nodes.Block | nodes.Macro | nodes.AssignBlock):
        return None
    printed = [node] if isinstance(node, nodes.Output) else list(node.find_all(nodes.Output))
    for part in (part for output in printed for part in output.nodes):
        if not isinstance(part, nodes.TemplateData):
            return part.lineno
        if part.data.strip():
            return part.lineno + part.data[: len(part.data) - len(part.data.lstrip())].count("\n")
    return None


class _Compiled(jinja2.FileSystemBytecodeCache):
    """A cache of compiled templates beside the tree: compiling takes as long as a login."""

    def __init__(self, tree: Path) -> None:
        super().__init__(str(tree.with_name(f".{tree.name}-compiled")))

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        """Store a template, if the folder can be written."""
        with contextlib.suppress(OSError):
            Path(self.directory).mkdir(mode=0o700, exist_ok=True)
            super().dump_bytecode(bucket)


def _where(error: BaseException, tree: TemplateTree) -> str:
    """ "FILE, line N" for the template in which `error` was raised, from its traceback; empty if there is none."""
    where, frame = "", error.__traceback__
    while frame:
        file = Path(frame.tb_frame.f_code.co_filename)
        for folder in tree.folders:
            if file.is_relative_to(folder):
                name = file.relative_to(folder).as_posix()
                shown = tree.shown(name if folder == tree.own else f"{TOOLKIT}{name}")
                where = f"{shown}, line {frame.tb_lineno}"
        frame = frame.tb_next
    return where
