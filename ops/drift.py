"""What differs on a host, and why: wanted, last deployed and found, compared three ways. Pure."""

from dataclasses import dataclass

from ops.schema import Host
from ops.snapshot import Snapshot
from ops.templates import RenderedFile

SAME, NOT_DEPLOYED, TEMPLATE, EDITED, BOTH, MISSING, MODE, UNREADABLE = (
    "same",
    "never deployed",
    "the template or the inventory changed",
    "edited on the host",
    "edited on the host, and the template or the inventory changed",
    "missing on the host",
    "its mode changed",
    "cannot be read",
)


@dataclass(frozen=True)
class Drift:
    """One managed file and in what way it is not as it should be."""

    path: str
    state: str


def find_drift(wanted: list[RenderedFile], snapshot: Snapshot) -> list[Drift]:
    """Every managed file, the unchanged ones too, in the order of `wanted`."""
    return [Drift(file.path, _state(file, snapshot)) for file in wanted]


def unmanaged(host: Host, wanted: list[RenderedFile], snapshot: Snapshot) -> list[str]:
    """Files in our places that no template makes: all of the configuration's folder, and what Apache would load."""
    managed = {file.path for file in wanted}
    loaded = [path for path in snapshot.present if path.startswith(host.config_dir + "/") or path.endswith(".conf")]
    return [path for path in loaded if path not in managed]


def places(host: Host) -> list[str]:
    """The folders that are ours to put files in."""
    return [host.config_dir, host.apache.conf_d]


def _state(file: RenderedFile, snapshot: Snapshot) -> str:
    found, deployed = snapshot.files[file.path], snapshot.deployed.get(file.path)
    if not found.readable:
        return UNREADABLE
    if found.digest is None:
        return MISSING if deployed else NOT_DEPLOYED
    if found.digest == file.digest:
        return SAME if found.mode_is_fixed or found.mode == file.mode else MODE
    if deployed is None:
        return NOT_DEPLOYED
    if found.digest == deployed:
        return TEMPLATE
    return EDITED if file.digest == deployed else BOTH
