"""Keys of Apache's that the account cannot read: a trial start has a throwaway pair in place of each.

Whether such a key belongs to its certificate shows in the certificate that Apache serves.
"""

import os
import re

from ops.agent.apache_directives import files_in, named_in, text_of, values_of
from ops.agent.apache_ports import asked_tls
from ops.agent.apache_processes import apache_read_at
from ops.agent.processes import run
from ops.agent.validation_failed import ValidationFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

CERTIFICATE, KEY = "SSLCertificateFile", "SSLCertificateKeyFile"
PUBLIC_KEY = re.compile(rb"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", re.DOTALL)


class ClosedKeys:
    """The paths of keys, and of certificates, of files that name a key that the account cannot read."""

    def __init__(self) -> None:
        self.certificates: list[str] = []
        self.keys: list[str] = []


class TrialPair:
    """The paths of a throwaway certificate and its key."""

    def __init__(self, certificate: str, key: str) -> None:
        self.certificate = certificate
        self.key = key


def find(conf: "Iterable[str]") -> ClosedKeys:
    """Those that some files name, each as often as it is named: the n-th key belongs to the n-th certificate."""
    found = ClosedKeys()
    for path in conf:
        text = text_of(path)
        keys = [key for key in values_of(KEY, text) if os.path.exists(key)]
        if any(not os.access(key, os.R_OK) for key in keys):
            found.keys += keys
            found.certificates += [one for one in values_of(CERTIFICATE, text) if os.path.exists(one)]
    return found


def make_trial_pair(closed: ClosedKeys, work: str) -> TrialPair:
    """A pair of the type that the first certificate has: the ciphers may need it. Raises ValidationFailed."""
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    if closed.certificates:
        shown = run(["openssl", "x509", "-in", closed.certificates[0], "-noout", "-text"])
        if b"Algorithm: rsaEncryption" in shown.output:
            kind = ["-newkey", "rsa:2048"]
    pair = TrialPair(os.path.join(work, "trial.pem"), os.path.join(work, "trial.key"))
    made = ["-nodes", "-days", "1", "-subj", "/CN=trial", "-keyout", pair.key, "-out", pair.certificate]
    ended = run(["openssl", "req", "-x509", *kind, *made], seconds=60.0)
    if ended.code:
        raise ValidationFailed(ended.text)
    return pair


def check_pairs(closed: ClosedKeys, server_root: str, ports: "list[int]") -> "list[str]":
    """What cannot be validated of each closed key, one clause each.

    Raises ValidationFailed for a key that does not belong to its certificate: it is older than Apache's processes,
    and belongs to the certificate that they serve.
    """
    unvalidated = []
    for certificate, key in sorted(set(zip(closed.certificates, closed.keys))):
        wanted = _public_key(run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"]).output)
        served = [one for one in map(_served_key, ports) if one]
        changed, read = _changed_at(key), apache_read_at()
        is_read = read is not None and read > (changed or 0.0)
        if wanted and wanted in served and (is_read or read is None):
            continue  # the pair that is in use
        if wanted and served and wanted not in served and changed and is_read and _is_in_use(key, server_root):
            raise ValidationFailed(
                f"{key} does not belong to {certificate}: Apache has used this key since before the certificate "
                "was replaced, and would not start with both"
            )
        unvalidated.append(
            f"that {key} belongs to {certificate}: this account cannot read the key, and Apache does not serve the "
            "certificate yet"
        )
    return unvalidated


def _served_key(port: int) -> bytes:
    certificate = asked_tls(port)
    return _public_key(run(["openssl", "x509", "-noout", "-pubkey"], certificate).output)


def _public_key(text: bytes) -> bytes:
    found = PUBLIC_KEY.search(text)
    return found.group() if found else b""


def _changed_at(path: str) -> "float | None":
    try:
        return os.stat(path).st_mtime
    except OSError:
        return None


def _is_in_use(key: str, server_root: str) -> bool:
    """Apache's current files name it; Apache has not read any other key."""
    return key in named_in(files_in(f"{server_root}/conf.d"), KEY)
