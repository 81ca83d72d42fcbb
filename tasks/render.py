"""`render`: the files as they would be on the host, without any connection."""

import os
from pathlib import Path
from typing import Any

from ops.errors import BadInput, OperatorError
from ops.rendering.rendered_file import RenderedFile
from ops.rendering.renderer import render
from ops.rendering.template_tree import tree_of
from ops.schema import Host
from ops.ui import colours, console
from tasks._task import chosen, task
from tasks._templates import warn_of_what_is_not_rendered


@task(
    name="render",
    help={
        "out": "Write the files below this folder, as DIR/HOST/path-on-the-host, instead of printing them.",
        "explain": "Show instead, for each file, from which templates it is made: the site's and the toolkit's.",
        "secrets": "Write the values of secrets instead of placeholders; only with --out.",
    },
)
def render_files(_context: Any, out: str | None = None, secrets: bool = False, explain: bool = False) -> None:
    """Show every file as it would be on the host. Connects to nothing, and asks for no secret without --secrets.

    Without -H: all hosts of the inventory.
    """
    if secrets and not out:
        raise BadInput("--secrets writes the values of secrets to files: it needs --out=DIR. Nothing was touched.")
    if explain and (secrets or out):
        raise BadInput("--explain shows no content: without --out and --secrets. Nothing was written.")
    hosts = chosen(everywhere=True)
    warn_of_what_is_not_rendered(hosts)
    for host in hosts:
        for file in render(host, values=secrets):
            if explain:
                _explain(host, file)
            elif out:
                _write(Path(out) / host.name, file)
            else:
                console.say(f"# ==> {host.name}:{file.path} (mode {file.mode})", "bold")
                console.say(file.content.decode())


def _explain(host: Host, file: RenderedFile) -> None:
    """Its path, then the template and all that this extends, includes or imports."""
    tree = tree_of(host)
    console.say(f"{host.name}:{file.path}", "bold")
    for name, _ in tree.parts_of(file.template):
        console.say(f"  {tree.shown(name)}", colours.OK if tree.is_own(name) else "")


def _write(folder: Path, file: RenderedFile) -> None:
    target = folder / file.path.lstrip("/")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)  # it may be readable by others, or a link
        # Path.open cannot create a file with mode 600: use a descriptor.
        with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:  # noqa: PTH123 - of a descriptor
            os.fchmod(written.fileno(), int(file.mode, 8))
            written.write(file.content)
    except OSError as error:
        raise OperatorError(f"Cannot write {target}: {error.strerror}.") from None
    console.say(str(target))
