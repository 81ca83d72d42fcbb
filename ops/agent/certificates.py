"""The certificates and revocation lists of this host, and what its ports show. Changes nothing."""

import os
import time

from ops.agent.apache_processes import apache_read_at
from ops.agent.certificates_messages import CertificateFile, CertificateFiles, RevocationList, ServedCertificate
from ops.agent.processes import output_of
from ops.agent.revocation_list import BEGIN as LIST
from ops.agent.revocation_list import without_entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ops.agent.certificates_messages import CertificatesRequest
    from ops.agent.messages import Message

BEGINNINGS = (
    b"-----BEGIN CERTIFICATE-----",
    b"-----BEGIN TRUSTED CERTIFICATE-----",
    b"-----BEGIN X509 CERTIFICATE-----",
)
ENDS_OF_CERTIFICATES = (".pem", ".crt", ".0")
MOST = 64 * 2**20  # bytes of a file


def answer(request: "CertificatesRequest") -> "Iterator[Message]":
    """Each file once, whatever links lead to it; of several certificates in a file, the first."""
    seen: set[str] = set()
    files = [_certificate("host", request.certificate, seen)]
    for kind, folder in request.folders:
        files += [_certificate(kind, path, seen) for path in _paths(folder, _is_certificate)]
    lists = [_list(path, seen) for path in _paths(request.revocation_dir, _is_list)]
    yield CertificateFiles(
        now=time.time(),
        files=[file for file in files if file],
        lists=[one for one in lists if one],
        served=[ServedCertificate(port=port, content=_served(port)) for port in request.ports],
        apache_read_at=apache_read_at(),
    )


def _paths(folder: str, wanted: "Callable[[str], bool]") -> "list[str]":
    """The files that are wanted; a name with a hash of the subject, which is a link to another file, comes last."""
    try:
        names = sorted(os.listdir(folder)) if folder else []
    except OSError:
        names = []
    names.sort(key=lambda name: name.endswith(".0"))
    paths = [os.path.join(folder, name) for name in names if wanted(name)]
    return [path for path in paths if os.path.isfile(path)]


def _is_certificate(name: str) -> bool:
    return name.endswith(ENDS_OF_CERTIFICATES) and "key" not in name and not name.endswith(".crl.pem")


def _is_list(name: str) -> bool:
    end = name.rpartition(".")[2]
    return name.endswith((".crl", ".crl.pem")) or (end[:1] == "r" and end[1:2].isdigit())


def _certificate(kind: str, path: str, seen: "set[str]") -> "CertificateFile | None":
    content, problem = _read(path, seen)
    if content is None and not problem:
        return None
    found = first_certificate(content or b"")
    if not (problem or found):
        if LIST in (content or b""):  # a list in a folder of certificates is looked for as one
            seen.discard(os.path.realpath(path))
            return None
        problem = "broken"
    return CertificateFile(kind=kind, path=path, content=found, problem=problem)


def _list(path: str, seen: "set[str]") -> "RevocationList | None":
    content, problem = _read(path, seen)
    if content is None and not problem:
        return None
    short, changed = b"", 0.0
    try:
        short, changed = without_entries(content or b""), os.stat(path).st_mtime
    except (ValueError, LookupError):
        problem = problem or "broken"
    except OSError:
        problem = "unreadable"
    return RevocationList(path=path, content=short, changed=changed, problem=problem)


def _read(path: str, seen: "set[str]") -> "tuple[bytes | None, str]":
    """A file's content, or the problem: "absent" or "unreadable"; neither for a file that was seen."""
    real = os.path.realpath(path)
    if real in seen:
        return None, ""
    seen.add(real)
    if not os.path.exists(path):
        return None, "absent"
    try:
        with open(path, "rb") as file:
            return file.read(MOST), ""
    except OSError:
        return None, "unreadable"


def first_certificate(text: bytes) -> bytes:
    """The first certificate of a text in PEM; empty if it has none."""
    for begin in BEGINNINGS:
        _, found, rest = text.partition(begin)
        end = begin.replace(b"BEGIN", b"END")
        if found and end in rest:
            return BEGINNINGS[0] + rest.partition(end)[0] + BEGINNINGS[0].replace(b"BEGIN", b"END") + b"\n"
    return b""


def _served(port: int) -> bytes:
    """The certificate that a port of this host shows; empty if it shows none.

    openssl shows it also where the handshake fails for lack of a client certificate, as Python's ssl does not.
    """
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost", "-ign_eof"]
    try:
        return first_certificate(
            output_of(words, b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 5)
        )
    except OSError:
        return b""
