"""The paths of a lab, and the names that are its own on this machine."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
LAYERS = HERE / "layers"  # what some bases have in addition (lab/base/table.py)
DEFAULT_HOSTS = ("pomsgpvm01", "fermicloud045")
PROVIDER, KDC = "idp", "kdc"  # the lab's identity provider and its KDC: names that no host can have
SERVICES = (PROVIDER, KDC)


@dataclass(frozen=True)
class Lab:
    """One lab: all its files are in `state`, except the root file systems in `cache`, which labs share."""

    state: Path = HERE / "state"
    cache: Path = HERE / "cache"

    @property
    def tag(self) -> str:
        """Eight hex digits in the names of this lab's interfaces, so that each checkout can have a lab."""
        return hashlib.sha256(str(self.state.resolve()).encode()).hexdigest()[:8]

    @property
    def bridge(self) -> str:
        """The interface that connects the hosts and this machine."""
        return f"poms{self.tag}"

    @property
    def hosts(self) -> Path:
        """One folder per host: its record, its overlay, its console."""
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
        """The host keys, with the hosts' addresses and names."""
        return self.state / "known_hosts"

    @property
    def password(self) -> Path:
        """The file with the password of all users of the lab's identity provider."""
        return self.state / "password"

    @property
    def krb5_conf(self) -> Path:
        """The krb5.conf with which this machine finds the lab's KDC."""
        return self.state / "krb5.conf"

    @property
    def browser(self) -> Path:
        """A script that opens the lab's pages in a browser."""
        return self.state / "browser"

    @property
    def inventory(self) -> Path:
        """The inventory of the lab's hosts."""
        return self.state / "hosts.toml"
