"""Does SELinux allow Apache to reach the app, and to listen on its ports? The account asks the kernel.

Written from EL9's policy; never run on a host with SELinux.
Source: selinux_check_access(3), sepolicy-network(8), seinfo(1); EL9's selinux-policy, apache.te and
corenetwork.te.in.
"""

from ops.agent.apache_ports import listeners
from ops.agent.doctor_messages import SelinuxAccess
from ops.agent.selinux_kernel import ALLOWED, DENIED, UNKNOWN, decide, mode
from ops.agent.selinux_labels import (
    EXPECTED,
    FOUND,
    HTTP_PORT,
    apache_label,
    app_label,
    label_of_apache,
    port_type,
    socket_label,
    type_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ACTIVE = ("Enforcing", "Permissive")
SOCKET_FILE, SOCKET_PEER, APP_PORT, LISTEN_PORT = "socket-file", "socket-peer", "app-port", "listen-port"
CONFINED = "httpd_t"
ROOT = 0


def accesses(listens: "list[str]", ports: "Iterable[int]", supervisord: int) -> "Iterator[SelinuxAccess]":
    """One for each access that Apache needs; none if SELinux is not active.

    `listens`: where the apps listen; `ports` are Apache's. `supervisord` is the process of ours, or 0.
    """
    active = mode()
    if active not in ACTIVE:
        return
    asking = _Asking(active, apache_label())
    for listen in listens:
        if listen.startswith("/"):
            yield asking.access(SOCKET_FILE, "sock_file", "write", socket_label(listen), listen)
            yield asking.access(SOCKET_PEER, "unix_stream_socket", "connectto", app_label(supervisord), listen)
        else:
            yield asking.port_access(APP_PORT, "name_connect", listen.rpartition(":")[2], listen)
    for port in ports:
        if _serves_with_its_label(port):
            yield asking.told(LISTEN_PORT, ALLOWED, "", FOUND, str(port))
        else:
            yield asking.port_access(LISTEN_PORT, "name_bind", str(port), str(port))


class _Asking:
    """Questions about what Apache, with label `source`, may do."""

    def __init__(self, active: str, source: str) -> None:
        self._mode = active
        self._source = source

    def access(self, kind: str, of_class: str, does: str, target: "tuple[str, str]", subject: str) -> SelinuxAccess:
        """May Apache do this to `target`, a label and how it is known?"""
        label, how = target
        verdict, why = decide(self._mode, (self._source, label), of_class, does)
        return self.told(kind, verdict, type_of(label), why or how, subject)

    def port_access(self, kind: str, does: str, port: str, subject: str) -> SelinuxAccess:
        """May Apache use a TCP port?

        Without a tool, its type is that of the delivered policy: root may have changed it since. That makes no
        difference if Apache may not use its own port type either.
        """
        kind_of_port, how = port_type(int(port))
        found = self.access(kind, "tcp_socket", does, (_port_label(kind_of_port), how), subject)
        if (found.verdict, how) == (DENIED, EXPECTED) and kind_of_port != HTTP_PORT:
            own = self.access(kind, "tcp_socket", does, (_port_label(HTTP_PORT), how), subject)
            if own.verdict == ALLOWED:
                return self.told(kind, UNKNOWN, kind_of_port, "port-type", subject)
            return self.told(kind, own.verdict, kind_of_port, own.how, subject)
        return found

    def told(self, kind: str, verdict: str, target: str, how: str, subject: str) -> SelinuxAccess:
        """The message for one access."""
        source = type_of(self._source) or "-"
        return SelinuxAccess(
            mode=self._mode, verdict=verdict, kind=kind, source=source, target=target or "-", how=how, subject=subject
        )


def _port_label(kind: str) -> str:
    return f"system_u:object_r:{kind}:s0"


def _serves_with_its_label(port: int) -> bool:
    """A confined Apache already listens on the port: then it is allowed."""
    return listeners(port) == [ROOT] and type_of(label_of_apache()) == CONFINED
