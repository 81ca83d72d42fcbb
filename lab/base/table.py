"""The bases of lab hosts: the parts of each, and the properties of real hosts that it has."""

from dataclasses import dataclass

from ops.errors import BadInput


@dataclass(frozen=True)
class Base:
    """One base: its root file system is Debian `release` with Python `python`.

    `layers` are folders of lab/layers: a script build.sh there changes the root file system when it is made, and
    files of a tree rootfs/ replace those of all hosts. `shows` describes what is special about such a host.
    """

    name: str
    release: str
    python: str
    layers: tuple[str, ...]
    shows: str

    @property
    def systemd(self) -> bool:
        """Whether systemd is its first process."""
        return "systemd" in self.layers


BASES = {
    base.name: base
    for base in (
        Base("bookworm", "bookworm", "3.11", (), "Debian 12; an init of the lab's own, Red Hat's old `service`"),
        Base(
            *("trixie-systemd", "trixie", "3.13", ("systemd",)),
            "Debian 13 with systemd 257; OpenSSL 3.5, util-linux 2.41, Python 3.13: nearest to EL10",
        ),
        Base(
            *("el8-like", "bullseye", "3.9", ("el8",)),
            "Debian 11: OpenSSL 1.1.1; bash as /bin/sh, no python but /usr/libexec/platform-python, an unshare that "
            "cannot map users: nearest to EL8",
        ),
        Base(
            *("bookworm-systemd", "bookworm", "3.11", ("systemd",)),
            "Debian 12 with systemd 252, which is EL9's; OpenSSL 3.0",
        ),
    )
}
DEFAULT = "bookworm"


def base_named(name: str) -> Base:
    """The base of that name. Raises BadInput."""
    if name not in BASES:
        raise BadInput(f"{name!r} is not a base of the lab; these are: {', '.join(BASES)}. Nothing was touched.")
    return BASES[name]
