"""`render`: the files as they would be on the host, without a network."""

from pathlib import Path
from typing import Any

from ops import console
from ops.errors import OperatorError
from ops.templates import RenderedFile, render
from tasks._verb import chosen, verb


@verb(
    name="render",
    help={"out": "Write the files below this folder, as DIR/HOST/path-on-the-host, instead of printing them."},
)
def render_files(_context: Any, out: str | None = None) -> None:
    """Show every file as it would be on the host. Connects to nothing.

    Without -H: all hosts of the inventory.
    """
    for host in chosen(everywhere=True):
        for file in render(host):
            if out:
                _write(Path(out) / host.name, file)
            else:
                console.say(f"# ==> {host.name}:{file.path} (mode {file.mode})", "bold")
                console.say(file.content.decode())


def _write(folder: Path, file: RenderedFile) -> None:
    target = folder / file.path.lstrip("/")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        target.chmod(int(file.mode, 8))
    except OSError as error:
        raise OperatorError(f"Cannot write {target}: {error.strerror}.") from None
    console.say(str(target))
