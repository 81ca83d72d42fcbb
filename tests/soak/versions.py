"""What is deployed: versions that differ in one value of each kind, and inventories that must be refused."""

import hashlib
import re
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from tests.lab.site import Site

HOST = "pomsgpvm01"
LIMIT = 5  # seconds of silence after which the host rolls back
TIMEOUT = 10  # seconds that a request may take, and with it the end of a standby

# The app's import takes as long as this file says.
IMPORT_SECONDS = "/home/poms/poms/import_seconds"
APP = f"""import time
from poms_app import application
begun = time.time()
while time.time() < begun + float(open({IMPORT_SECONDS!r}).read() or 0):
    time.sleep(0.1)
"""

BROKEN = {  # name: a change of the inventory that must be refused before anything is live
    "no-certificate": ("[defaults.apache]\n", '[defaults.apache]\ncertificate = "/no/such.pem"\n'),
    "no-module": ('"soak_app:application"', '"no_such_module:application"'),
    "no-option": ("need-app = true\n", "need-app = true\nzzqqy = true\n"),
}


@dataclass(frozen=True, order=True)
class Version:
    """One configuration: an Apache value, a uWSGI number and a setting of a program, 1 or 2 each."""

    apache: int
    uwsgi: int
    program: int

    def __str__(self) -> str:
        return f"a{self.apache}u{self.uwsgi}p{self.program}"

    def changes(self) -> list[tuple[str, str]]:
        """What makes the lab's inventory this version's."""
        header = f'response_headers = {{ "X-Soak-Apache" = "{self.apache}" }}\n'
        option = f'add-header = "X-Soak-Uwsgi: {self.uwsgi}"\n'
        shared = f"[defaults.deploy]\nlimit = {LIMIT}\nkeep = 60\n\n[defaults.app]\ntimeout = {TIMEOUT}\n\n"
        return [
            ("[defaults.identity]\n", f"{shared}[defaults.identity]\n"),
            ("[defaults.apache]\n", f"[defaults.apache]\n{header}"),
            ("threads = 10\n", f"threads = {9 + self.uwsgi}\n"),
            ("need-app = true\n", f"need-app = true\n{option}"),
            ('"poms_app:application"', '"soak_app:application"'),
            (
                "[defaults.programs.poms_status_agent]\n",
                f'[defaults.programs.poms_status_agent]\nenvironment = {{ SOAK = "{self.program}" }}\n',
            ),
        ]


VERSIONS = tuple(Version(*values) for values in product((1, 2), repeat=3))


@dataclass(frozen=True)
class Catalog:
    """The inventories on disk, and the digest that each version's files have: version, path, digest."""

    inventories: dict[str, Path]
    digests: dict[Version, dict[str, str]]

    @property
    def paths(self) -> list[str]:
        """The managed files."""
        return sorted(self.digests[VERSIONS[0]])

    def versions_of(self, path: str, content: bytes) -> set[Version]:
        """Those whose file has this content, hand edits aside."""
        digest = hashlib.sha256(without_edits(content)).hexdigest()
        return {version for version in VERSIONS if self.digests[version][path] == digest}


def make_catalog(site: Site, folder: Path) -> Catalog:
    """Write all inventories and render every version."""
    inventories: dict[str, Path] = {}
    digests: dict[Version, dict[str, str]] = {}
    for version in VERSIONS:
        inventories[str(version)] = _inventory(site, folder / str(version), version.changes())
        out = folder / str(version) / "rendered"
        site.fab("-H", HOST, "render", f"--out={out}", inventory=inventories[str(version)], check=True)
        files = [path for path in (out / HOST).rglob("*") if path.is_file()]
        digests[version] = {
            f"/{path.relative_to(out / HOST)}": hashlib.sha256(path.read_bytes()).hexdigest() for path in files
        }
    for name, change in BROKEN.items():
        inventories[name] = _inventory(site, folder / name, [*VERSIONS[-1].changes(), change])
    return Catalog(inventories, digests)


def _inventory(site: Site, folder: Path, changes: list[tuple[str, str]]) -> Path:
    folder.mkdir()
    return site.changed(folder, *changes)


# ---- hand edits ----------------------------------------------------------------------------------------------------

_EDIT = re.compile(rb"^# soak-edit [0-9a-f.]+\n", re.MULTILINE)


def edit_line(number: int, mark: str) -> str:
    """The line of a hand edit of operation `number`, which no other edit has: a comment in every managed file."""
    return f"# soak-edit {number}.{mark}\n"


def without_edits(content: bytes) -> bytes:
    """The content as it was before somebody's hand was at it."""
    return _EDIT.sub(b"", content)


def is_edited(content: bytes) -> bool:
    """Whether the content holds a hand edit."""
    return _EDIT.search(content) is not None
