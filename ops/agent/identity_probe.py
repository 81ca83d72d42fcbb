"""The identity probe of a trial start: requests that try to log in as somebody else.

They come with the request: ops/deploy/identity_probe.py.
"""

import os
import re

from ops.agent import staged_tree
from ops.agent.apache_directives import files_below, files_in, listen_ports, named_in, text_of
from ops.agent.apache_doors import backends_in, doors_in, is_same
from ops.agent.apache_messages import IdentityProbe, ProbeAttempt
from ops.agent.plain_message import field_names
from ops.agent.processes import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ops.agent.apache_doors import Door
    from ops.agent.apache_messages import ApacheConfiguration
    from ops.agent.staged_tree import FolderCopy

CA_FOLDERS, LIST_FOLDERS = "SSLCACertificatePath", "SSLCARevocationPath"
CA_FILES, LIST_FILES = "SSLCACertificateFile", "SSLCARevocationFile"
FOUND_BY_HASH = re.compile(r"\.\d\Z")  # openssl's names: HASH.N
SOCKET = re.compile(r"unix:([^|\"\s]*)[|]")
NAMELESS = ("no user id", "a user's name, by another CA")  # certificates that Apache accepts and that name nobody
FILE, LINK = "poms-ops-probe.txt", "poms-ops-link"  # what a folder of files has in the trial


class ProbeSetup:
    """What a trial start needs for the probe: `covers` is what it mounts, as (source, target).

    `other_ca`: the host trusts one that is not the users'; `backends`: where Apache's files, as they are in the
    trial, expect something that answers.
    """

    def __init__(
        self, probe: "IdentityProbe", covers: "list[tuple[str, str]]", other_ca: bool, backends: "list[str]"
    ) -> None:
        self.probe = probe
        self.covers = covers
        self.other_ca = other_ca
        self.backends = backends


def set_up(apache: "ApacheConfiguration", tree: "list[FolderCopy]", probe: "IdentityProbe", work: str) -> ProbeSetup:
    """Make the throwaway CAs what the trial trusts, wherever its files look for CAs and lists.

    Adds a copy of conf.d to the tree, if there is none, and changes the copies: a Unix socket of a real backend could
    be reached from the trial. Adds requests for each path that reaches a backend and is not the inventory's.
    """
    conf_d = f"{apache.server_root}/conf.d"
    if conf_d not in [one.folder for one in tree]:
        tree.append(staged_tree.copied(conf_d, os.path.join(work, "folder.conf.d")))
    conf = files_in(*(one.copy for one in tree))
    folder, cas, lists = _lay_out_cas(probe, work)
    covers = []
    for source, directives in ((folder, (CA_FOLDERS, LIST_FOLDERS)), (cas, (CA_FILES,)), (lists, (LIST_FILES,))):
        paths = [os.path.join(apache.server_root, path) for path in named_in(conf, *directives)]
        covers += [(source, path) for path in paths if os.path.exists(path)]
    folders = [os.path.join(apache.server_root, path) for path in named_in(conf, CA_FOLDERS)]
    values = {name: getattr(probe, name) for name in field_names(IdentityProbe)}
    probe = IdentityProbe(**{**values, "attempts": probe.attempts + _found(apache, tree, probe)})
    backends = _move_backends(conf, os.path.realpath(f"{apache.server_root}/run"), probe, _lay_out_files(work))
    return ProbeSetup(probe, covers, trusts_another_ca(folders, probe.issuers), backends)


def _found(apache: "ApacheConfiguration", tree: "list[FolderCopy]", probe: "IdentityProbe") -> "list[ProbeAttempt]":
    """Requests for the paths that no location of the inventory has: of its own files, and of others that reach it."""
    folders = {one.folder: one.copy for one in tree}
    texts = {path: text_of(path) for path in files_below(apache.server_root) if os.path.dirname(path) not in folders}
    for folder, copy in folders.items():
        texts.update({os.path.join(folder, os.path.basename(path)): text_of(path) for path in files_in(copy)})
    listens = listen_ports("\n".join(texts.values()))
    known = {(one.port, one.location) for one in probe.attempts}
    found: dict[tuple[int, str], None] = {}
    for path, text in texts.items():
        for door in doors_in(text):
            if path in probe.managed or _reaches(door, text, probe):
                for port in door.ports or listens:
                    if (port, door.path) not in known:
                        found[port, door.path] = None
    return [attempt for port, path in found for attempt in _attempts(port, path, probe)]


def _reaches(door: "Door", text: str, probe: "IdentityProbe") -> bool:
    """Whether a door of somebody else's file leads to a backend of the inventory's."""
    named = backends_in(text if "balancer:" in door.target else f"ProxyPass / {door.target}")
    return any(is_same(one, other) for one in named for other in probe.backends)


def _attempts(port: int, path: str, probe: "IdentityProbe") -> "list[ProbeAttempt]":
    """They may arrive, but with no identity except the certificate's; with TLS or without, as the port has it.

    A token may arrive on the token door, whose app checks it.
    """
    user = next((one.user for one in probe.attempts if one.certificate == "user" and one.user), None)
    name = "of no location of the inventory"
    is_for_tokens = any(one.token for one in probe.attempts if one.port == port)
    lines = [line for line in probe.forged if not (is_for_tokens and line.startswith("Authorization:"))]

    def attempt(name: str, **values: "Any") -> "ProbeAttempt":
        values.update(port=port, path=path, location=path, lines=lines)
        return ProbeAttempt(name=name, nameless=True, is_found=True, **values)

    return [
        attempt(name),
        attempt(f"{name}, without TLS", is_plain=True),
        attempt(f"{name}, with a certificate", certificate="user", user=user),
        *(
            attempt(f"{name}, with a certificate ({one})", certificate=one)
            for one in NAMELESS
            if one in probe.certificates
        ),
    ]


def trusts_another_ca(folders: "Iterable[str]", issuers: "list[str]") -> bool:
    """Whether a folder has a CA that is neither one of the users' nor above one of them.

    It could issue certificates under their names that Apache accepts, if intermediate CAs are allowed.
    """
    above = {}
    for path in [os.path.join(folder, name) for folder in folders for name in _names(folder)]:
        words = ["openssl", "x509", "-in", path, "-noout", "-subject", "-issuer", "-nameopt", "RFC2253"]
        names = [line.partition("=")[2].strip() for line in run(words).text.splitlines() if _is_name(line)]
        if len(names) == 2:
            above[names[0]] = names[1]
    good, seen = set(), list(issuers)
    while seen:
        name = seen.pop()
        if name not in good:
            good.add(name)
            seen += [above[name]] if name in above else []
    return bool(set(above) - good)


def _names(folder: str) -> "list[str]":
    try:
        return sorted(name for name in os.listdir(folder) if FOUND_BY_HASH.search(name))
    except OSError:
        return []


def _is_name(line: str) -> bool:
    return line.startswith(("subject=", "issuer="))


def _lay_out_cas(probe: "IdentityProbe", work: str) -> "tuple[str, str, str]":
    """A folder with the CAs and lists as openssl finds them; a file with all CAs, and one with all lists."""
    folder, cas, lists = (os.path.join(work, name) for name in ("probe.cas", "probe.cas.pem", "probe.lists.pem"))
    staged_tree.remove(folder)
    os.mkdir(folder)
    for tool, end, texts, file in (("x509", ".0", probe.authorities, cas), ("crl", ".r0", probe.lists, lists)):
        for text in texts:
            name = run(["openssl", tool, "-noout", "-hash"], text.encode()).text
            _write(os.path.join(folder, name + end), text)
        _write(file, "".join(texts))
    return folder, cas, lists


def _lay_out_files(work: str) -> str:
    """A folder with one file, and a link that leads out of it."""
    folder = os.path.join(work, "probe.files")
    staged_tree.remove(folder)
    os.mkdir(folder)
    _write(os.path.join(folder, FILE), "poms-ops\n")
    os.symlink("/etc/passwd", os.path.join(folder, LINK))
    return folder


def _move_backends(conf: "Iterable[str]", run_folder: str, probe: "IdentityProbe", files: str) -> "list[str]":
    """Expect each backend's Unix socket at another path, and files in another folder; where all backends are then."""
    sockets: dict[str, str] = {}

    def moved(found: "re.Match[str]") -> str:
        path = found.group(1)
        if path not in sockets:
            sockets[path] = os.path.join(run_folder, f"poms-ops-app{len(sockets) or ''}.sock")
        return f"unix:{sockets[path]}|"

    backends = [place for place in probe.backends if not place.startswith("/")]
    for path in conf:
        text = SOCKET.sub(moved, text_of(path))
        for folder in probe.folders:
            text = text.replace(folder, f'"{files}"')
        _write(path, text)
        backends += [place for place in backends_in(text) if not place.startswith("/")]
    return [*dict.fromkeys(backends), *sockets.values()]


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
