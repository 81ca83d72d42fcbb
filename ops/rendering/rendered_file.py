"""A file as it should be on a host, and what has to take it in."""

from dataclasses import dataclass, field
from hashlib import sha256

from ops.schema import Host
from ops.secrets.redaction import Hiding

HOME_MODE, APACHE_MODE, SECRET_MODE = "0640", "0644", "0600"


@dataclass(frozen=True)
class RenderedFile:
    """One file as it should be on the host.

    `service` is what has to take it in when it changes: "apache", "supervisord" or "programs". `secrets` has the
    names of those that the template used, `hiding` where they stand.
    """

    template: str
    path: str
    content: bytes = field(repr=False)
    mode: str
    service: str
    secrets: tuple[str, ...] = ()
    hiding: Hiding = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the content, in hex."""
        return sha256(self.content).hexdigest()


def supervisord_conf(host: Host) -> str:
    """Where supervisord's configuration lands, as in the production document."""
    return f"{host.home}/supervisord.conf"


def file_at(host: Host, path: str, content: bytes, mode: str, template: str = "") -> RenderedFile:
    """A file with the service that follows from where it lands; `template` is empty for one from an old release."""
    return RenderedFile(template, path, content, mode, service_of(host, path))


def service_of(host: Host, path: str) -> str:
    """What has to take in a file that lands at `path`."""
    if path.startswith((host.apache.conf_d + "/", host.apache.server_root + "/")):
        return "apache"
    return "supervisord" if path == supervisord_conf(host) else "programs"
