"""The request for the certificates of a host, and its answer."""

from ops.agent.messages import Message


class CertificatesRequest(Message):
    """The host's certificate, those in `folders`, as (kind, path), and the revocation lists of a folder ("": none).

    `ports` are asked for the certificate that they show.
    """

    certificate: str
    folders: "list[tuple[str, str]]"
    revocation_dir: str
    ports: "list[int]"


class CertificateFile(Message):
    """A file with a certificate in PEM; `problem`, if it has none: "absent", "unreadable" or "broken"."""

    kind: str
    path: str
    content: bytes
    problem: str


class RevocationList(Message):
    """A revocation list in DER without its entries; `changed`: when its file changed, in seconds since 1970."""

    path: str
    content: bytes
    changed: float
    problem: str


class ServedCertificate(Message):
    """The certificate in PEM that a port shows; empty if it shows none."""

    port: int
    content: bytes


class CertificateFiles(Message):
    """All certificates and lists. Times are in seconds since 1970; `apache_read_at` is None if it is unknown."""

    now: float
    files: "list[CertificateFile]"
    lists: "list[RevocationList]"
    served: "list[ServedCertificate]"
    apache_read_at: "float | None"
