"""Where the inventory of this run is."""

import os
from pathlib import Path

from ops.paths import expand_home
from ops.project import PROJECT

INVENTORY = "hosts.toml"


def inventory_path() -> Path:
    """The inventory of this run: the file in POMS_INVENTORY, or `hosts.toml` in the folder that it names.

    Without it, `site/hosts.toml` of the project if there is one, else its `hosts.toml`.
    """
    given = os.environ.get("POMS_INVENTORY")
    if given:
        path = Path(expand_home(given))
        return path / INVENTORY if path.is_dir() else path
    site = PROJECT / "site" / INVENTORY
    return site if site.is_file() else PROJECT / INVENTORY
