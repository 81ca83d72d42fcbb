"""The template tree rendered for one host: which files, where they land, what they say.

The tree mirrors the host: `templates/home/…` lands in the account's home, `templates/httpd/…` in Apache's
server root; a file or folder whose name begins with `_` is a part of others and is never deployed.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path, PurePosixPath

import jinja2

from ops import apache, supervisor, uwsgi
from ops.errors import BadInput
from ops.inventory import PROJECT
from ops.schema import Host

TREE = PROJECT / "templates"
SUFFIX = ".j2"
HOME_MODE, APACHE_MODE = "0640", "0644"


@dataclass(frozen=True)
class RenderedFile:
    """One file as it should be on the host.

    `service` is what has to take it in when it changes: "apache", "supervisord" or "programs".
    """

    template: str
    path: str
    content: bytes
    mode: str
    service: str

    @property
    def digest(self) -> str:
        """SHA-256 of the content, in hex."""
        return sha256(self.content).hexdigest()


def render(host: Host, tree: Path = TREE) -> list[RenderedFile]:
    """Every managed file of `host`, sorted by path on the host. Raises BadInput; nothing is sent or written."""
    files = [_render_one(host, tree, template) for template in _templates(tree)]
    return sorted(files, key=lambda file: file.path)


def supervisord_conf(host: Host) -> str:
    """Where supervisord's configuration lands, as in the production document."""
    return f"{host.home}/supervisord.conf"


def file_at(host: Host, path: str, content: bytes, mode: str, template: str = "") -> RenderedFile:
    """A file with the service that follows from where it lands; `template` is empty for one from an old release."""
    return RenderedFile(template, path, content, mode, _service(host, path))


def _templates(tree: Path) -> list[str]:
    found = [path.relative_to(tree) for path in tree.rglob("*" + SUFFIX) if path.is_file()]
    kept = [path.as_posix() for path in found if not any(part.startswith("_") for part in path.parts)]
    if not kept:
        raise BadInput(f"{tree} holds no templates; nothing was touched.")
    return sorted(kept)


def _render_one(host: Host, tree: Path, template: str) -> RenderedFile:
    path = _destination(host, template)
    managed = f"Managed by poms-ops from templates/{template}: edit there, a change made here is found."
    try:
        text = _environment(tree).get_template(template).render(host=host, managed=managed)
    except jinja2.TemplateSyntaxError as error:
        where = f"templates/{error.name or template}, line {error.lineno}"
        raise BadInput(f"{host.name}: {where}: {error.message}. Nothing was touched.") from None
    except (jinja2.TemplateError, TypeError, ValueError, AttributeError, ArithmeticError, LookupError) as error:
        where = f"templates/{template}{_line(error, tree)}"
        raise BadInput(f"{host.name}: {where}: {error}. Nothing was touched.") from None
    mode = APACHE_MODE if _service(host, path) == "apache" else HOME_MODE
    return file_at(host, path, text.encode(), mode, template)


def _destination(host: Host, template: str) -> str:
    """Where a template lands; the longest root that the inventory places wins."""
    roots = {
        "home/private/config/poms": host.config_dir,
        "home": host.home,
        "httpd/conf.d": host.apache.conf_d,
        "httpd": host.apache.server_root,
    }
    path = PurePosixPath(template.removesuffix(SUFFIX))
    for root, place in roots.items():
        if path.is_relative_to(root) and path != PurePosixPath(root):
            return f"{place}/{path.relative_to(root)}"
    raise BadInput(f"templates/{template}: the first folder must be one of {', '.join(roots)}. Nothing was touched.")


def _service(host: Host, path: str) -> str:
    if path.startswith((host.apache.conf_d + "/", host.apache.server_root + "/")):
        return "apache"
    return "supervisord" if path == supervisord_conf(host) else "programs"


@cache
def _environment(tree: Path) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(tree),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - configuration files, not HTML; each format has its own quoting below
    )
    environment.filters |= {"quote": apache.quote, "literal": apache.literal}
    environment.globals |= {
        "proxy_target": apache.proxy_target,
        "response_headers": apache.response_headers,
        "program_options": supervisor.program_options,
        "supervisord_options": supervisor.supervisord_options,
        "ini_lines": uwsgi.ini_lines,
    }
    return environment


def _line(error: BaseException, tree: Path) -> str:
    """ ", line N" of the template in which `error` was raised, from its traceback."""
    line, frame = "", error.__traceback__
    while frame:
        if frame.tb_frame.f_code.co_filename.startswith(str(tree)):
            line = f", line {frame.tb_lineno}"
        frame = frame.tb_next
    return line
