"""What SELinux lets a host's Apache do, as its kernel has answered (`remote/selinux.sh`), and what root has to run.

The commands are for EL's targeted policy. They were worked out from EL9's and were never run on such a host.
"""

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

ALLOWED, DENIED, DENIED_ALREADY, UNKNOWN = "allowed", "denied", "denied-already", "unknown"
VERDICTS = (ALLOWED, DENIED, DENIED_ALREADY, UNKNOWN)
ENFORCING = "Enforcing"
WORDS = {
    "socket-file": "write to the socket",
    "socket-peer": "connect to the program behind the socket",
    "app-port": "connect to the app on",
    "listen-port": "listen on port",
}
WHY_UNKNOWN = {
    "no-tool": "this host has no selinux_check_access to ask the kernel with",
    "no-label": "the label of Apache, or of what it is to use, cannot be read",
    "no-answer": "the kernel gave no answer",
    "port-type": "whether root has given the port another type cannot be read without root",
}
# The types that a port has as long as nobody gives it another one.
UNNAMED = ("unreserved_port_t", "ephemeral_port_t", "reserved_port_t", "hi_reserved_port_t")


@dataclass(frozen=True)
class Access:
    """One question to the kernel: may `source` do what `kind` says with `subject`, which is of type `target`?

    `mode` is "Enforcing" or "Permissive"; `how` the target's type is known ("found", "expected"), or why there is no
    verdict.
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
        done = f"{WORDS[self.kind]} {self.subject}"
        types = f"{self.source} to {self.target}"
        if self.verdict == ALLOWED:
            return f"Apache may {done}"
        if self.verdict == UNKNOWN:
            return f"may Apache {done} ({types})? {WHY_UNKNOWN.get(self.how, self.how)}"
        expected = ", the type that is expected there" if self.how == "expected" else ""
        may_not = "may not" if self.mode == ENFORCING else "could not, if SELinux were enforcing,"
        before = ", and could not before this deploy either" if self.verdict == DENIED_ALREADY else ""
        return f"Apache {may_not} {done} ({types}{expected}){before}"

    def to_do(self) -> str:
        """What is to be done about it; empty where it is allowed."""
        if self.verdict == ALLOWED:
            return ""
        if self.verdict != UNKNOWN or self.how == "port-type":
            return _commands(self)
        if self.how == "no-tool":
            advice = "root installs libselinux-utils; then ask again"
        else:
            advice = "root: ausearch -m avc -c httpd, once the app is asked through Apache, shows what was denied"
        return advice


def parse(text: str) -> Access:
    """Read one answer of the host. Raises ValueError for an odd one."""
    mode, verdict, kind, source, target, how, subject = text.split(" ", 6)
    if verdict not in VERDICTS or kind not in WORDS:
        raise ValueError(f"no answer about SELinux: {text[:80]!r}")
    return Access(mode, verdict, kind, source, target, how, subject)


def refusal(answers: Iterable[Access]) -> tuple[str, str] | None:
    """What is denied, and what to do about it, where that stops a deploy."""
    denied = [one for one in answers if one.mode == ENFORCING and one.verdict == DENIED]
    if not denied:
        return None
    return "; ".join(one.describe() for one in denied), "; ".join(one.to_do() for one in denied)


def _commands(access: Access) -> str:
    """What root has to run."""
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
    """The name of the module that lets one domain connect to the other, and its lines as words for a shell."""
    name = re.sub(r"\W", "_", f"poms_{source}_{target}")
    lines = [
        f"module {name} 1.0;",
        f"require {{ type {source}; type {target}; class unix_stream_socket connectto; }}",
        f"allow {source} {target}:unix_stream_socket connectto;",
    ]
    return name, " ".join(map(shlex.quote, lines))


def _label_folder(folder: PurePosixPath) -> str:
    if len(folder.parts) <= 3:  # /tmp, /run, a home: others' files lie there, and would get Apache's label
        advice = f"put the socket into a folder of its own (app.listen), and not into {folder}: docs/guide/apache.md"
    else:
        pattern = shlex.quote(f"{re.escape(str(folder))}(/.*)?")
        advice = (
            f"root: semanage fcontext -a -t httpd_var_run_t {pattern} && restorecon -R -i {shlex.quote(str(folder))} "
            "(semanage is in policycoreutils-python-utils)"
        )
    return advice
