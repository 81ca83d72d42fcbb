"""The versions of the app that a lab host can have: one text of the app, and what is wrong with some versions.

Each has a `poms_version.py` of its own; the one in lab/app is the checkout's. On a host, the stand-in for UPD and
`make-release` install them from /srv.
"""

from pathlib import Path

from lab.files import put
from lab.place import HERE

APP = HERE / "app"
CHECKOUT = Path("home/poms/poms")  # what the lab's inventory runs, unless it declares a version
PRODUCTS = Path("srv/upd/poms")  # vX_Y_Z, for UPD
RELEASES = Path("srv/releases")  # X.Y.Z, for make-release

# What poms_faults.py does to the app of each version.
FAULTS = {
    "4.4.0": "",
    "4.5.0": "",
    "4.6.0": "",
    "4.7.0": "import",  # cannot be imported
    "4.8.0": "errors",  # answers 500 to one request in five
    "4.9.0": "growth",  # each worker grows by 50 MB a minute
}


def put_versions(target: Path) -> None:
    """Write the app's checkout, and every version that can be installed, below `target`."""
    _put_app(target / CHECKOUT)
    for version, fault in FAULTS.items():
        product = "v" + version.replace(".", "_")
        for folder, name in ((target / PRODUCTS / product, product), (target / RELEASES / version, version)):
            _put_app(folder)
            put(folder / "poms_version.py", f'VERSION = "{name}"\nFAULT = "{fault}"\n'.encode())


def _put_app(folder: Path) -> None:
    for source in sorted(APP.rglob("*")):
        if source.is_file() and source.suffix != ".pyc":
            executable = source.stat().st_mode & 0o100
            put(folder / source.relative_to(APP), source.read_bytes(), 0o755 if executable else 0o644)
