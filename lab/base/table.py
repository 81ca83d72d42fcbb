"""The kinds of hosts that a lab can have: what each is made of, and which habits of real hosts it shows."""

from dataclasses import dataclass

from ops.errors import BadInput


@dataclass(frozen=True)
class Base:
    """One kind: its root file system is Debian `release` with Python `python`.

    `layers` are folders of lab/layers: a script build.sh there changes the root file system when it is made, and a
    tree rootfs/ comes over that of all hosts. `shows` says in words what such a host has that others have not.
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
        raise BadInput(f"{name!r} is no base of the lab: there are {', '.join(BASES)}. Nothing was touched.")
    return BASES[name]
