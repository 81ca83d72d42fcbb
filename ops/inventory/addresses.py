"""Whether two addresses, each HOST:PORT as a service listens on it, are one port twice."""

EVERY = ("", "*", "0.0.0.0")  # noqa: S104 - spellings of every address of IPv4
EVERY_IPV6 = "[::]"
LOCALHOST = ("localhost", "127.0.0.1")  # uWSGI and supervisord use the address of IPv4


def port_of(address: str) -> int:
    """Its port. Raises ValueError."""
    return int(address.rpartition(":")[2])


def are_one(address: str, other: str) -> bool:
    """Whether both cannot be listened on. An address without a host is every one, of IPv4 and IPv6."""
    if port_of(address) != port_of(other):
        return False
    one, two = (_host(text) for text in (address, other))
    if "" in (one, two) or one == two:
        return True
    if one.startswith("[") != two.startswith("["):
        return False
    return any(host in (*EVERY, EVERY_IPV6) for host in (one, two))


def _host(address: str) -> str:
    host = address.rpartition(":")[0]
    return LOCALHOST[1] if host in LOCALHOST else host
