"""A lab host whose inventory names the version of the app."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab.site import Said, Site

HOST = "pomsgpvm01"
PRODUCTS = "/home/poms/products/poms"
START = "/home/poms/private/config/poms/start-program"
SOFTWARE = """[defaults]
activate = '. "$HOME/products/setup" && setup poms {version}'

[defaults.software]
product = "poms"
version = "VERSION"
install = '. "$HOME/products/setup" && upd install poms {version}'
uninstall = '. "$HOME/products/setup" && ups undeclare -Y poms {version}'
install_seconds = 60

[defaults.ssh]
"""
OLD, NEW = "v4_4_0", "v4_5_0"


@dataclass(frozen=True)
class Service:
    """The host, and a folder for inventories; `changes` are texts of the inventory that are replaced."""

    site: Site
    folder: Path
    changes: tuple[tuple[str, str], ...] = ()

    def fab(self, *words: str, version: str = OLD, check: bool = False) -> Said:
        """Run fab with the inventory that wants this version."""
        return self.site.fab("-H", HOST, *words, inventory=self.inventory(version), check=check)

    def inventory(self, version: str) -> Path:
        """The inventory, as a file."""
        (self.folder / version).mkdir(exist_ok=True)
        return self.site.changed(
            self.folder / version,
            ("[defaults.ssh]\n", SOFTWARE.replace("VERSION", version)),
            ('chdir = "/home/poms/poms"\npython-path = ["/home/poms/poms"]\n', f'chdir = "{PRODUCTS}/{{version}}"\n'),
            ('"python /home/poms/poms/agents/', f'"python {PRODUCTS}/{{version}}/agents/'),
            ('directory = "/home/poms/poms"', 'directory = "/home/poms"'),
            *self.changes,
        )

    def versions(self, version: str = OLD) -> dict[str, Any]:
        """What fab says of the versions of the host."""
        found: dict[str, Any] = json.loads(self.fab("versions", "--json", version=version).out)[HOST]
        return found

    def served(self) -> str:
        """The version that answers outside."""
        code, page = self.site.ask("https://HOST:8443/poms", *self.site.certificate("jdoe"))
        return next(
            (line.partition(": ")[2] for line in page.splitlines() if line.startswith("version: ")), str(code)
        )

    def current(self) -> str:
        """The version that chain current names, by UPS."""
        said = self.site.poms("ups list -K version poms", HOST)
        return said.strip().strip('"').strip()

    def deployed(self) -> str:
        """The version in the file that starts programs."""
        return self.site.root(f"sed -n 's/.* setup poms \\(v[0-9_]*\\).*/\\1/p' {START}").strip()

    def at_old_version(self) -> "Service":
        """The same, with the old version deployed and current."""
        if self.together() != {OLD}:
            self.fab("recover")
            self.fab("deploy", "--yes", "--force", check=True)
        return self

    def without_versions_again(self) -> None:
        """With the lab's own inventory."""
        self.fab("deploy", "--yes", "--force", check=True)
        self.site.fab("-H", HOST, "deploy", "--yes", "--force", "--remove", check=True)

    def together(self) -> set[str]:
        """What the file, the chain and the app say outside of fab: one version, if they belong together."""
        return {self.deployed(), self.current(), self.served()}
