"""One rendered file of a host, and the service that has to reload it."""

from dataclasses import dataclass, field
from hashlib import sha256

from ops.schema import Host
from ops.secrets.redaction import MaskedParts

HOME_MODE, APACHE_MODE, SECRET_MODE = "0640", "0644", "0600"
SCRIPT_MODE, SECRET_SCRIPT_MODE = "0750", "0700"


@dataclass(frozen=True)
class RenderedFile:
    """One file as it should be on the host.

    `service` has to reload it when it changes: "apache", "supervisord" or "programs". `secrets` has the names of the
    secrets that the template used, `masked_parts` their places in the content.
    """

    template: str
    path: str
    content: bytes = field(repr=False)
    mode: str
    service: str
    secrets: tuple[str, ...] = ()
    masked_parts: MaskedParts = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the content, in hex."""
        return sha256(self.content).hexdigest()


def mode_of(host: Host, path: str, content: bytes, *, secret: bool) -> str:
    """The mode of a file: a script, which begins with #!, can be run."""
    if content.startswith(b"#!"):
        return SECRET_SCRIPT_MODE if secret else SCRIPT_MODE
    if secret:
        return SECRET_MODE
    return APACHE_MODE if service_of(host, path) == "apache" else HOME_MODE


def is_secret(mode: str) -> bool:
    """Whether only the account may read a file with this mode."""
    return not int(mode, 8) & 0o077


def supervisord_conf(host: Host) -> str:
    """The path of supervisord's configuration."""
    return host.supervisor.file


def file_at(host: Host, path: str, content: bytes, mode: str, template: str = "") -> RenderedFile:
    """A file with the service that follows from its path; `template` is empty for a file from an old release."""
    return RenderedFile(template, path, content, mode, service_of(host, path))


def service_of(host: Host, path: str) -> str:
    """The service that has to reload a file at `path`."""
    if path.startswith((host.apache.conf_d + "/", host.apache.server_root + "/")):
        return "apache"
    return "supervisord" if path == supervisord_conf(host) else "programs"
