"""What SELinux denies, before a deploy: what Apache's current files need already is no reason to stop."""

from ops.agent.apache_directives import text_of
from ops.agent.selinux_kernel import ALLOWED, UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ops.agent.doctor_messages import SelinuxAccess

DENIED_ALREADY = "denied-already"
DOES = {
    "socket-file": "write to the socket",
    "socket-peer": "connect to the program behind the socket",
    "app-port": "connect to",
    "listen-port": "listen on port",
}


class Checked:
    """The accesses to report; `unvalidated`, one clause each; and, one sentence each, what stops the deploy."""

    def __init__(self) -> None:
        self.reported: list[SelinuxAccess] = []
        self.unvalidated: list[str] = []
        self.denied: list[str] = []


def check(
    found: "Iterable[SelinuxAccess]", live_ports: "list[int]", live_files: "Iterable[str]", is_required: bool
) -> Checked:
    """Sort the accesses; if `is_required`, a denied one stops the deploy. `live_files` are Apache's current files."""
    checked, texts = Checked(), [text_of(path) for path in live_files]
    for one in found:
        needs = f"{DOES[one.kind]} {one.subject}"
        if one.verdict == ALLOWED:
            continue
        if one.mode == "Permissive":
            checked.reported.append(one)
        elif one.verdict == UNKNOWN:
            checked.unvalidated.append(
                f"that SELinux lets Apache ({one.source}) {needs} ({one.target}): {one.how}; fab doctor says more"
            )
        elif _is_so_already(one, live_ports, texts):
            one.verdict = DENIED_ALREADY
            checked.reported.append(one)
        elif not is_required:
            checked.unvalidated.append(f"Apache ({one.source}) may not {needs} ({one.target}): SELinux denies it")
        else:
            checked.reported.append(one)
            checked.denied.append(f"SELinux does not let Apache ({one.source}) {needs} ({one.target})")
    return checked


def _is_so_already(one: "SelinuxAccess", live_ports: "list[int]", texts: "list[str]") -> bool:
    if one.kind == "listen-port":
        return int(one.subject) in live_ports
    return any(one.subject in text for text in texts)
