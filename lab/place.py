"""Where a lab keeps its things, and the names that it alone uses on this machine."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
LAYERS = HERE / "layers"  # what some bases have beyond the others (lab/base/table.py)
DEFAULT_HOSTS = ("pomsgpvm01", "fermicloud045")
PROVIDER, KDC = "idp", "kdc"  # the lab's identity provider and its Kerberos: names that no host can have
SERVICES = (PROVIDER, KDC)


@dataclass(frozen=True)
class Lab:
    """One lab: all that it makes is in `state`, but for the root file system in `cache`, which labs share."""

    state: Path = HERE / "state"
    cache: Path = HERE / "cache"

    @property
    def tag(self) -> str:
        """Eight hex digits that name this lab's interfaces: two checkouts have labs side by side."""
        return hashlib.sha256(str(self.state.resolve()).encode()).hexdigest()[:8]

    @property
    def bridge(self) -> str:
        """The interface that joins the hosts and this machine."""
        return f"poms{self.tag}"

    @property
    def hosts(self) -> Path:
        """One folder a host: its record, its overlay, its console."""
        return self.state / "hosts"

    @property
    def certificates(self) -> Path:
        """The lab's CA, and the users' and services' certificates with their keys."""
        return self.state / "certificates"

    @property
    def identity_file(self) -> Path:
        """The private key that logs in to every host as poms."""
        return self.state / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """The hosts' own keys, under their addresses and names."""
        return self.state / "known_hosts"

    @property
    def password(self) -> Path:
        """The password of everybody who can log in at the lab's identity provider."""
        return self.state / "password"

    @property
    def krb5_conf(self) -> Path:
        """Where this machine's Kerberos finds the lab's KDC."""
        return self.state / "krb5.conf"

    @property
    def browser(self) -> Path:
        """A script that opens the lab's pages in a browser."""
        return self.state / "browser"

    @property
    def inventory(self) -> Path:
        """The inventory of the lab's hosts."""
        return self.state / "hosts.toml"
