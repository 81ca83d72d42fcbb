"""The files of one host: rendered from `rootfs/` and its base's layers, with keys and certificates of its own.

A file that ends in `.j2` is a template and loses that ending; the others are copied as they are.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from lab.certificates import DOMAIN, Pair, issue, self_signed, write_pair
from lab.files import put
from lab.place import HERE, LAYERS
from lab.ssh_keys import ensure_key
from lab.versions import put_versions


@dataclass(frozen=True)
class Names:
    """The names and the address of a host."""

    name: str
    server_name: str
    address: str


@dataclass(frozen=True)
class Trusted:
    """What a host trusts: the CA of client certificates, the identity provider, the operator's SSH key."""

    authority: Pair
    provider: Pair
    operator_key: str


def provision(target: Path, names: Names, trusted: Trusted, layers: Sequence[str] = ()) -> None:
    """Write all files of the host to an empty `target`; the first start of the host sets their owners.

    A file of a layer replaces the one of `rootfs/` and of earlier layers.
    """
    if target.exists():
        shutil.rmtree(target)
    values = {
        "name": names.name,
        "server_name": names.server_name,
        "address": names.address,
        "idp_certificate": trusted.provider.base64_der,
    }
    for tree in (HERE / "rootfs", *(LAYERS / layer / "rootfs" for layer in layers)):
        _fill_in(tree, target, values)
    put_versions(target)
    _keys_and_certificates(target, names, trusted)
    for path in [target, *target.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)


def _fill_in(tree: Path, target: Path, values: Mapping[str, str]) -> None:
    environment = jinja2.Environment(  # noqa: S701 - no HTML
        loader=jinja2.FileSystemLoader(tree), undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    for source in sorted(tree.rglob("*")):
        if source.is_dir() or source.suffix == ".pyc":
            continue
        place = source.relative_to(tree)
        if source.suffix == ".j2":
            text = environment.get_template(str(place)).render(values)
            put(target / place.with_suffix(""), text.encode())
        else:
            put(target / place, source.read_bytes(), 0o755 if source.stat().st_mode & 0o100 else 0o644)


def _keys_and_certificates(target: Path, names: Names, trusted: Trusted) -> None:
    ensure_key(target / "etc/ssh/ssh_host_ed25519_key")
    put(target / "home/poms/.ssh/authorized_keys", f"{trusted.operator_key}\n".encode(), 0o600)
    put(target / "etc/httpd/TrustedCAs/lab-kerberized-ca.pem", trusted.authority.pem)
    subject = f"CN={names.server_name},OU=Hosts,{DOMAIN}"
    host = issue(trusted.authority, subject, [names.server_name, names.name])
    grid, pki = target / "etc/grid-security", target / "etc/pki/tls"
    write_pair(host, grid / "hostcert.pem", grid / "hostkey.pem")
    write_pair(host, pki / "certs/localhost.crt", pki / "private/localhost.key")
    for use in ("signing", "encrypt"):
        shibboleth = target / "etc/shibboleth"
        pair = self_signed(names.server_name)
        write_pair(pair, shibboleth / f"sp-{use}-cert.pem", shibboleth / f"sp-{use}-key.pem")
