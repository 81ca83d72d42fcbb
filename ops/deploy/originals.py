"""The original files of a host, from before its first deploy: `rollback --to=original` restores them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from msgspec import structs

from ops.agent.releases_messages import OriginalFile
from ops.deploy.releases import ORIGINAL, Contents, ask, read_contents
from ops.deploy.supervisor_changes import Effect, read_effect
from ops.errors import HostError, read_answer
from ops.formats.processes import names_of
from ops.formats.uwsgi import ini_path, pairs_of
from ops.rendering.rendered_file import RenderedFile, file_at, supervisord_conf
from ops.schema import Host
from ops.secrets import redaction
from ops.secrets.masking import add_secret_words
from ops.ssh.session import Remote

_LISTEN = re.compile(r"^[ \t]*Listen[ \t]+(?:\S*:)?([0-9]{1,5})\b", re.MULTILINE | re.IGNORECASE)
_SOCKETS = ("socket", "uwsgi-socket")


@dataclass(frozen=True)
class Originals:
    """The original files, the paths that did not exist, and the paths whose original content is lost."""

    files: list[RenderedFile]
    absent: list[str]
    lost: list[str]


def read_originals(remote: Remote) -> Contents:
    """The contents of a rollback to the original state.

    Files that no release has changed are included as they are. Raises HostError if the originals are not known, or
    if the host had no supervisord.conf: nothing ran there that could be restored.
    """
    host = remote.host
    answer = ask(remote, originals=True)
    with read_answer(host.name, "releases"):
        found = originals_of(host, answer.originals)
    running = answer.releases.current
    deployed = read_contents(remote, [running]).get(running) if running else None
    if deployed is None:
        raise HostError(host.name, "nothing was deployed yet: the host is in its original state", left="everything")
    if found.lost:
        raise HostError(host.name, f"the original content of {', '.join(found.lost)} is lost", left="everything")
    if supervisord_conf(host) in found.absent:
        raise HostError(
            host.name,
            f"it had no {supervisord_conf(host)} before the first deploy: nothing ran there that could be restored",
            left="everything",
            next_step="docs/guide/uninstall.md says how to remove everything",
        )
    last = {file.path: file for file in deployed.files}
    known = {file.path for file in found.files} | set(found.absent)
    files = [_with_masked_parts(file, last.get(file.path)) for file in found.files]
    files += [file for path, file in last.items() if path not in known]
    return Contents(ORIGINAL, files, host_as_found(host, files), [])


def host_as_found(today: Host, files: list[RenderedFile]) -> Host:
    """`today` with the programs, ports and app socket that these files configure."""
    texts = {file.path: file.content.decode(errors="replace") for file in files}
    effect = read_effect(texts.get(supervisord_conf(today), "").encode(), today)
    programs = {name: one for name, one in today.programs.items() if effect and _has(effect, today, name)}
    groups = {
        name: structs.replace(group, programs=kept)
        for name, group in today.groups.items()
        if (kept := [program for program in group.programs if program in programs])
    }
    listens = [
        int(port)
        for file in files
        if file.service == "apache"
        for port in _LISTEN.findall(file.content.decode(errors="replace"))
    ]
    port, cert_port = today.apache.port, today.apache.cert_port
    if listens:  # otherwise the ports are in files that no deploy has changed
        port = port if port in listens else listens[0]
        cert_port = cert_port if cert_port in listens else port
    sockets = [value for option, value in pairs_of(texts.get(ini_path(today), "")) if option in _SOCKETS]
    apache = structs.replace(today.apache, port=port, cert_port=cert_port, redirect_from=None)
    app = structs.replace(today.app, listen=sockets[0] if sockets else today.app.listen)
    return structs.replace(
        today, programs=programs, groups=groups, apache=apache, app=app, apps={}, checks=[], locations={}, token=None
    )


def _has(effect: Effect, host: Host, program: str) -> bool:
    """Whether the file has the processes of a program under the names that they have today."""
    return not effect.processes.isdisjoint(names_of(host, program))


def originals_of(host: Host, found: Sequence[OriginalFile]) -> Originals:
    """The original files by what is known of them. Raises ValueError for a mode that is none."""
    files = [
        file_at(host, one.path, one.content, f"{int(one.mode, 8):04o}") for one in found if one.content is not None
    ]
    absent = [one.path for one in found if not one.existed]
    return Originals(files, absent, [one.path for one in found if one.existed and one.content is None])


def _with_masked_parts(file: RenderedFile, deployed: RenderedFile | None) -> RenderedFile:
    """The file with its possible secrets masked: its origin is unknown."""
    text = file.content.decode(errors="replace")
    if deployed and deployed.masked_parts:
        like = deployed.content.decode(errors="replace")
        hidden = redaction.find_in_unknown(text, like, deployed.masked_parts)
        for part in redaction.values(text, hidden):  # the host's tools may print it, too
            add_secret_words(part, like)
        return replace(file, masked_parts=hidden)
    return replace(file, masked_parts=redaction.socket_passwords(text)) if file.service == "supervisord" else file
