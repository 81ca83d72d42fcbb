"""The identity probe of a trial start: requests that try to log in as somebody else.

They come with the request: ops/deploy/identity_probe.py.
"""

import os
import re

from ops.agent import staged_tree
from ops.agent.apache_directives import files_in, named_in, text_of
from ops.agent.processes import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ops.agent.apache_messages import ApacheConfiguration, IdentityProbe
    from ops.agent.staged_tree import FolderCopy

CA_FOLDERS, LIST_FOLDERS = "SSLCACertificatePath", "SSLCARevocationPath"
CA_FILES, LIST_FILES = "SSLCACertificateFile", "SSLCARevocationFile"
FOUND_BY_HASH = re.compile(r"\.\d\Z")  # openssl's names: HASH.N
APP_SOCKET = re.compile(r'unix:[^|"]*[|]')


class ProbeSetup:
    """What a trial start needs for the probe: `covers` is what it mounts, as (source, target).

    `other_ca`: the host trusts one that is not the users'; `app_socket` is where the app is expected.
    """

    def __init__(
        self, probe: "IdentityProbe", covers: "list[tuple[str, str]]", other_ca: bool, app_socket: str
    ) -> None:
        self.probe = probe
        self.covers = covers
        self.other_ca = other_ca
        self.app_socket = app_socket


def set_up(apache: "ApacheConfiguration", tree: "list[FolderCopy]", probe: "IdentityProbe", work: str) -> ProbeSetup:
    """Make the throwaway CAs what the trial trusts, wherever its files look for CAs and lists.

    Adds a copy of conf.d to the tree, if there is none, and changes the copies: a Unix socket of the real app could
    be reached from the trial.
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
    app_socket = os.path.join(os.path.realpath(f"{apache.server_root}/run"), "poms-ops-app.sock")
    for path in conf:
        _move_app(path, app_socket)
    return ProbeSetup(probe, covers, trusts_another_ca(folders, probe.issuers), app_socket)


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


def _move_app(path: str, app_socket: str) -> None:
    """Expect an app on a Unix socket at another one: only the first of a line, as Apache's syntax has it."""
    text = text_of(path)
    lines = [APP_SOCKET.sub(lambda _: f"unix:{app_socket}|", line, count=1) for line in text.split("\n")]
    _write(path, "\n".join(lines))


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
