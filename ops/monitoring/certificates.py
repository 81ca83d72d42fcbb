"""When certificates and revocation lists expire: the host's, the CAs', the service provider's."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ops.errors import read_answer
from ops.schema import Host
from ops.ssh.session import Remote

NOT_READ = "Apache has not read it since it changed: reload Apache"
NOT_SERVED = "is not the one in {}: reload Apache"
KINDS = {
    "served": "served certificate",
    "host": "host certificate",
    "ca": "trusted CA",
    "revocations": "revocation list",
    "sp": "service provider",
}
OPENSSL_DATE = "%b %d %H:%M:%S %Y GMT"
DAY = 86400


@dataclass(frozen=True)
class Expiry:
    """One certificate or list: `days` left by the host's clock, negative once it has expired.

    `days` is None if it never expires, or if its expiry cannot be read; then `problem` says why. `problem` is set too
    for a valid one that Apache does not use yet: Apache serves another certificate, or has not reloaded the list.
    """

    kind: str
    path: str
    name: str = ""
    days: float | None = None
    problem: str = ""

    def is_due(self, limit: int) -> bool:
        """Whether it expires within `limit` days, or has a problem."""
        return bool(self.problem) or (self.days is not None and self.days < limit)

    def describe(self) -> str:
        """The time left: "12 days", "3 hours", "EXPIRED 2 days ago"."""
        if self.problem or self.days is None:
            return self.problem or "no expiry"
        count = abs(self.days)
        amount, unit = (int(count), "day") if count >= 1 else (int(count * 24), "hour")
        words = f"{amount} {unit}{'' if amount == 1 else 's'}"
        return words if self.days >= 0 else f"EXPIRED {words} ago"


def read_endings(remote: Remote) -> list[Expiry]:
    """The certificates and lists of the host, the first to expire first."""
    answer = remote.ask("certs", request(remote.host))
    with read_answer(remote.host.name, "certs"):
        return parse_expiries(answer, remote.host.apache.certificate)


def request(host: Host) -> list[str]:
    """The request for remote/certs.sh."""
    return [
        f"certificate host {host.apache.certificate}",
        f"folder ca {host.apache.ca_dir}",
        f"folder sp {host.certificates.shibboleth_dir}",
        *([f"lists {host.apache.revocation_dir}"] if host.apache.revocation != "off" else []),
        *(f"served {port} {host.apache.certificate}" for port in (host.apache.port, host.apache.cert_port)),
    ]


def parse_expiries(answer: list[str], certificate: str = "its file") -> list[Expiry]:
    """Parse the answer of certs.sh; `certificate` is the path of the host's own. Raises ValueError."""
    now, found = 0, []
    stale: dict[tuple[str, str], str] = {}
    kind = path = date = ""
    for line in answer:
        word, _, value = line.partition(" ")
        if word == "now":
            now = int(value)
        elif word in ("ends", "unreadable", "broken", "absent"):
            kind, _, path = value.partition(" ")
            if word != "ends":
                problem = {
                    "unreadable": "cannot be read",
                    "broken": "is not a certificate or list",
                    "absent": "is not there",
                }[word]
                found.append(Expiry(kind, path, problem=problem))
        elif word == "unread":
            stale["revocations", value] = NOT_READ
        elif word == "differs":
            stale["served", value] = NOT_SERVED.format(certificate)
        elif word == "date":
            date = value
        elif word == "name":
            found.append(Expiry(kind, path, value, _days(date, now)))
    for one in found:
        if one.kind not in KINDS:
            raise ValueError(f"unknown kind of certificate: {one.kind!r}")
    found = [replace(one, problem=stale.get((one.kind, one.path), one.problem)) for one in found]
    return sorted(found, key=lambda one: (not one.problem, one.days is None, one.days or 0))


def _days(text: str, now: int) -> float | None:
    try:
        end = datetime.strptime(text, OPENSSL_DATE).replace(tzinfo=UTC)
    except ValueError:  # a list whose date is NONE
        return None
    return (end.timestamp() - now) / DAY
