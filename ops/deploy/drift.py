"""Drift: a three-way comparison of wanted, last deployed and found files. Pure."""

from dataclasses import dataclass

from ops.deploy.file_changes import mode_matches
from ops.deploy.snapshot import Snapshot
from ops.rendering.rendered_file import RenderedFile
from ops.schema import Host

SAME, NOT_DEPLOYED, TEMPLATE, EDITED, BOTH, MISSING, MODE, UNREADABLE, GONE = (
    "same",
    "never deployed",
    "the template or the inventory changed",
    "edited on the host",
    "edited on the host, and the template or the inventory changed",
    "missing on the host",
    "its mode changed",
    "cannot be read",
    "its template is gone: the next deploy removes it",
)


@dataclass(frozen=True)
class Drift:
    """One managed file and how it differs."""

    path: str
    state: str


def find_drift(wanted: list[RenderedFile], snapshot: Snapshot, *, values: bool = True) -> list[Drift]:
    """Every managed file, including unchanged ones, in the order of `wanted`; then files that are no longer managed.

    Without `values`, `wanted` was rendered without secrets: a file with secrets is compared with the last release.
    """
    listed = []
    for file in wanted:
        digest = file.digest if values or not file.secrets else snapshot.deployed.get(file.path)
        listed.append(Drift(file.path, _state(file, digest, snapshot)))
    return listed + [Drift(path, GONE) for path in _gone(wanted, snapshot)]


def unmanaged(host: Host, wanted: list[RenderedFile], snapshot: Snapshot) -> list[str]:
    """Files in the managed directories without a template: all in config_dir, and what Apache would load."""
    managed = {file.path for file in wanted} | {*_gone(wanted, snapshot)}
    loaded = [path for path in snapshot.present if path.startswith(host.config_dir + "/") or path.endswith(".conf")]
    return [path for path in loaded if path not in managed]


def managed_directories(host: Host) -> list[str]:
    """The managed directories."""
    return [host.config_dir, host.apache.conf_d]


def _gone(wanted: list[RenderedFile], snapshot: Snapshot) -> list[str]:
    """Files of the last release that still exist and are no longer wanted."""
    paths = sorted(snapshot.deployed.keys() - {file.path for file in wanted})
    return [path for path in paths if path in snapshot.files and snapshot.files[path].digest]


def _state(file: RenderedFile, wanted: str | None, snapshot: Snapshot) -> str:
    found, deployed = snapshot.files[file.path], snapshot.deployed.get(file.path)
    if not found.readable:
        return UNREADABLE
    if found.digest is None:
        return MISSING if deployed else NOT_DEPLOYED
    if found.digest == wanted:
        return SAME if mode_matches(file, found) else MODE
    if deployed is None:
        return NOT_DEPLOYED
    if found.digest == deployed:
        return TEMPLATE
    return EDITED if wanted == deployed else BOTH
