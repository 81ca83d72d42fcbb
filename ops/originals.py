"""How a host was found: its files before a release first changed them, which `rollback --to=original` puts back."""

import base64
from dataclasses import dataclass, replace

from ops import hiding
from ops.connection import Remote
from ops.errors import HostError, read_answer
from ops.files import RenderedFile, file_at, supervisord_conf
from ops.releases import Contents, need_state_dir, parse_elsewhere, parse_releases, read_contents, request
from ops.schema import Host

ORIGINAL = "original"  # in place of a release's name


@dataclass(frozen=True)
class Originals:
    """The files that were there, the paths of those that were not, and of those whose old content is kept no more."""

    files: list[RenderedFile]
    absent: list[str]
    lost: list[str]


def read_originals(remote: Remote) -> Contents:
    """What a rollback to how the host was found puts there.

    A file that no release has changed is as it was found. Raises HostError where that is not known, and where the
    host had no supervisord.conf: nothing that ran there could be had back.
    """
    host = remote.host
    answer = remote.ask("releases", [*request(host), "originals"])
    need_state_dir(host, parse_elsewhere(answer))
    with read_answer(host.name, "releases"):
        found = parse_originals(host, answer)
        running = next((one.name for one in parse_releases(answer) if one.current), "")
    deployed = read_contents(remote, [running]).get(running) if running else None
    if deployed is None:
        raise HostError(host.name, "nothing was deployed to it, so it is as it was found", left="everything")
    if found.lost:
        raise HostError(host.name, f"how {', '.join(found.lost)} was found is kept no more", left="everything")
    if supervisord_conf(host) in found.absent:
        raise HostError(
            host.name,
            f"it was found without {supervisord_conf(host)}: nothing ran there that could be had back",
            left="everything",
            next_step="docs/guide/uninstall.md says how to take everything away",
        )
    last = {file.path: file for file in deployed.files}
    known = {file.path for file in found.files} | set(found.absent)
    files = [_with_hiding(file, last.get(file.path)) for file in found.files]
    return Contents(ORIGINAL, [*files, *(file for path, file in last.items() if path not in known)], None, [])


def parse_originals(host: Host, answer: list[str]) -> Originals:
    """Read the answer of releases.sh to "originals". Raises ValueError for an odd one."""
    files: list[RenderedFile] = []
    absent: list[str] = []
    lost: list[str] = []
    mode = path = ""
    for line in answer:
        kind, _, value = line.partition(" ")
        if kind == ORIGINAL:
            mode, _, path = value.partition(" ")
            if mode in ("absent", "lost"):
                (absent if mode == "absent" else lost).append(path)
        elif kind == "content" and path:
            files.append(file_at(host, path, base64.b64decode(value, validate=True), f"{int(mode, 8):04o}"))
    return Originals(files, absent, lost)


def _with_hiding(file: RenderedFile, deployed: RenderedFile | None) -> RenderedFile:
    """The file with what may be secret in it hidden: nobody knows how it came about."""
    text = file.content.decode(errors="replace")
    if deployed and deployed.hiding:
        return replace(
            file, hiding=hiding.find_in_unknown(text, deployed.content.decode(errors="replace"), deployed.hiding)
        )
    return replace(file, hiding=hiding.socket_passwords(text)) if file.service == "supervisord" else file
