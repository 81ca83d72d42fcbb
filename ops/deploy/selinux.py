"""What SELinux allows a host's Apache, by its kernel's answers (`agent/selinux.py`), and the commands for root.

The commands are for EL's targeted policy. They are derived from EL9's policy and were never run on such a host.
"""

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from ops.agent.doctor_messages import SelinuxAccess

ALLOWED, DENIED, DENIED_ALREADY, UNKNOWN = "allowed", "denied", "denied-already", "unknown"
VERDICTS = (ALLOWED, DENIED, DENIED_ALREADY, UNKNOWN)
ENFORCING = "Enforcing"
DESCRIPTIONS = {
    "socket-file": "write to the socket",
    "socket-peer": "connect to the program behind the socket",
    "app-port": "connect to the app on",
    "listen-port": "listen on port",
}
WHY_UNKNOWN = {
    "no-tool": "unknown: this host has no selinux_check_access, which asks the kernel",
    "no-label": "unknown: the label of Apache, or of what it uses, cannot be read",
    "no-answer": "unknown: the kernel gave no answer",
    "port-type": "unknown: only root can read whether the port has another type",
}
# The default types of ports.
UNNAMED = ("unreserved_port_t", "ephemeral_port_t", "reserved_port_t", "hi_reserved_port_t")


@dataclass(frozen=True)
class Access:
    """One question to the kernel: may `source` do what `kind` says with `subject`, which is of type `target`?

    `mode` is "Enforcing" or "Permissive"; `how`: how the target's type is known ("found", "expected"), or why there
    is no verdict.
    """

    mode: str
    verdict: str
    kind: str
    source: str
    target: str
    how: str
    subject: str

    def describe(self) -> str:
        """The answer as a sentence."""
        done = f"{DESCRIPTIONS[self.kind]} {self.subject}"
        types = f"{self.source} to {self.target}"
        if self.verdict == ALLOWED:
            return f"Apache may {done}"
        if self.verdict == UNKNOWN:
            return f"may Apache {done} ({types})? {WHY_UNKNOWN.get(self.how, self.how)}"
        expected = ", the expected type" if self.how == "expected" else ""
        may_not = "may not" if self.mode == ENFORCING else "could not, if SELinux were enforcing,"
        before = "; this was already denied before this deploy" if self.verdict == DENIED_ALREADY else ""
        return f"Apache {may_not} {done} ({types}{expected}){before}"

    def to_do(self) -> str:
        """The next step; empty if it is allowed."""
        if self.verdict == ALLOWED:
            return ""
        if self.verdict != UNKNOWN or self.how == "port-type":
            return _commands(self)
        if self.how == "no-tool":
            advice = "root: install libselinux-utils; then run it again"
        else:
            advice = (
                "root: ausearch -m avc -c httpd, after a request to the app through Apache, shows what was denied"
            )
        return advice


def read(found: SelinuxAccess) -> Access:
    """One answer of the agent. Raises ValueError if it is malformed."""
    if found.verdict not in VERDICTS or found.kind not in DESCRIPTIONS:
        raise ValueError(f"not an answer about SELinux: {found.kind[:40]!r}, {found.verdict[:40]!r}")
    return Access(**{name: getattr(found, name) for name in SelinuxAccess.__struct_fields__})


def refusal(answers: Iterable[Access]) -> tuple[str, str] | None:
    """What is denied, and what to do about it, if that stops a deploy."""
    denied = [one for one in answers if one.mode == ENFORCING and one.verdict == DENIED]
    if not denied:
        return None
    return "; ".join(one.describe() for one in denied), "; ".join(one.to_do() for one in denied)


def _commands(access: Access) -> str:
    """The commands for root."""
    if access.kind == "socket-file":
        return _label_folder(PurePosixPath(access.subject).parent)
    port = access.subject.rpartition(":")[2]
    option = "-a" if access.target in UNNAMED else "-m"
    typed = f"semanage port {option} -t http_port_t -p tcp {port}"
    if access.kind == "socket-peer":
        name, text = _module(access.source, access.target)
        advice = (
            rf"root: printf '%s\n' {text} >{name}.te && checkmodule -M -m -o {name}.mod {name}.te && "
            f"semodule_package -o {name}.pp -m {name}.mod && semodule -i {name}.pp (checkmodule is in checkpolicy)"
        )
    elif access.kind == "listen-port":
        advice = f"root, unless 'semanage port -l' names it for http_port_t: {typed}"
    elif access.target == "http_port_t":
        advice = "root: setsebool -P httpd_can_network_relay on"
    else:
        advice = (
            f"root: {typed} && setsebool -P httpd_can_network_relay on; "
            "or, for every port: setsebool -P httpd_can_network_connect on"
        )
    return advice


def _module(source: str, target: str) -> tuple[str, str]:
    """The name of the module that lets one domain connect to the other, and its lines, quoted for a shell."""
    name = re.sub(r"\W", "_", f"poms_{source}_{target}")
    lines = [
        f"module {name} 1.0;",
        f"require {{ type {source}; type {target}; class unix_stream_socket connectto; }}",
        f"allow {source} {target}:unix_stream_socket connectto;",
    ]
    return name, " ".join(map(shlex.quote, lines))


def _label_folder(folder: PurePosixPath) -> str:
    if len(folder.parts) <= 3:  # /tmp, /run, a home: other files there would get Apache's label, too
        advice = f"move the socket (app.listen) from {folder} to a folder of its own: docs/guide/apache.md"
    else:
        pattern = shlex.quote(f"{re.escape(str(folder))}(/.*)?")
        advice = (
            f"root: semanage fcontext -a -t httpd_var_run_t {pattern} && restorecon -R -i {shlex.quote(str(folder))} "
            "(semanage is in policycoreutils-python-utils)"
        )
    return advice
