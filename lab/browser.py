"""The lab's hosts in a browser, on a machine that does not know their names and does not trust their CA."""

import base64
import hashlib
import shlex
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from lab.files import put
from lab.host import Record, folder, read_records
from lab.idp import PEOPLE
from lab.place import KDC, PROVIDER, Lab

SCRIPT = """\
#!/bin/sh
# Open the lab's pages in Chromium, with a profile of its own that is gone afterwards. Written by `fab lab.up`.
set -eu
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
[ "$(id -u)" -ne 0 ] || set -- --no-sandbox "$@" # Chromium's sandbox is not for root
"${{BROWSER:-chromium}}" --user-data-dir="$profile" --no-first-run {options} "$@" {page}
"""


def options(lab: Lab, records: Sequence[Record]) -> list[str]:
    """Chromium's options to find the lab's hosts, trust their certificates, and connect to nothing else."""
    records = [record for record in records if record.name != KDC]  # the KDC has no pages
    names = ",".join([*(f"MAP {record.server_name} {record.address}" for record in records), "MAP * ~NOTFOUND"])
    keys = ",".join(_key_digest(_certificate(lab, record)) for record in records)
    return [f"--host-resolver-rules={names}", f"--ignore-certificate-errors-spki-list={keys}"]


def write_script(lab: Lab, records: Sequence[Record]) -> None:
    """Write the script that opens the first host's page."""
    text = SCRIPT.format(options=shlex.join(options(lab, records)), page=_page(records[0]))
    put(lab.browser, text.encode(), 0o755)


def by_hand(lab: Lab) -> list[str]:
    """The instructions for a login with a browser."""
    records = [record for record in read_records(lab) if record.name != KDC]
    return [
        f"With a browser, after a deploy: {lab.browser} opens {_page(records[0])} in Chromium.",
        f"Another browser needs {lab.certificates}/ca.pem among its authorities, and in this machine's /etc/hosts:",
        *(f"    {record.address} {record.server_name}" for record in records),
        f"Log in as {' or '.join(PEOPLE)}; the password of all is {lab.password.read_text().strip()}",
    ]


def _page(record: Record) -> str:
    return f"https://{record.server_name}/poms"


def _certificate(lab: Lab, record: Record) -> Path:
    home = folder(lab, record.name)
    return home / ("tls.pem" if record.name == PROVIDER else "files/etc/grid-security/hostcert.pem")


def _key_digest(certificate: Path) -> str:
    """Chromium's name for a key: the SHA-256 of its SubjectPublicKeyInfo, in base64."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(hashlib.sha256(key.public_bytes(serialization.Encoding.DER, form)).digest()).decode()
