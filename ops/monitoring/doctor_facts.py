"""The request of `doctor` to a host, and the facts in its answer; ops/monitoring/doctor.py assesses them."""

import shlex
from dataclasses import dataclass
from typing import TypeVar

from ops.agent.apache_messages import WantedFile
from ops.agent.doctor_messages import (
    AccountFacts,
    ApacheFacts,
    DoctorRequest,
    ProductFacts,
    SelinuxAccess,
    SupervisordFacts,
    ValidationFacts,
)
from ops.agent.messages import Message
from ops.deploy import identity_probe
from ops.rendering.rendered_file import RenderedFile
from ops.schema import Host
from ops.services import apache, request_parts
from ops.ssh.agent_answers import Answer

M = TypeVar("M", bound=Message)
TOOLS = ("openssl", "sha256sum", "unshare", "ip")


@dataclass(frozen=True)
class Login:
    """What this side knows: who has logged in, when it asked, and the host's Python."""

    who: str
    asked: int  # seconds since 1970
    python: str


@dataclass(frozen=True)
class Facts:
    """All facts of one host."""

    login: Login
    account: AccountFacts
    apache: ApacheFacts
    validation: ValidationFacts
    products: ProductFacts
    supervisord: SupervisordFacts
    selinux: tuple[SelinuxAccess, ...] = ()
    places: int = 0  # that must be writable


def request(host: Host, files: list[RenderedFile], sudo_password: str | None) -> DoctorRequest:
    """The request; `files` are all wanted files of the host."""
    own = [file for file in files if file.service == "apache"]
    probe = identity_probe.trial(host, [file.path for file in own])
    return DoctorRequest(
        supervisord=request_parts.supervisord_place(host),
        activate=host.activation,
        apache=apache.configuration(host),
        ca_dir=host.apache.ca_dir,
        writes=[*(file.path for file in files), f"{host.log_dir}/x", f"{host.state_dir}/x"],
        grants=[*sudo_commands(host).items()],
        tools=list(TOOLS),
        files=[WantedFile(path=file.path, mode=file.mode, content=file.content) for file in own],
        probe=probe.probe,
        no_probe=f"no identity probe: {probe.why_not}" if probe.why_not else "",
        lists=host.apache.revocation_dir if host.apache.revocation != "off" else "",
        reload=shlex.join(host.apache.reload or []),
        restart=[] if host.apache.reload else list(host.apache.restart),
        apps=request_parts.all_apps(host),
        software=request_parts.software(host),
        sudo_password=sudo_password or "",
    )


def sudo_commands(host: Host) -> dict[str, list[str]]:
    """The inventory's commands that begin with sudo, without that word."""
    commands = {"apache.restart": host.apache.restart, "apache.reload": host.apache.reload or []}
    return {name: words[1:] for name, words in commands.items() if words[:1] == ["sudo"]}


def read(asked: DoctorRequest, answer: Answer, login: Login) -> Facts:
    """The facts of an answer. Raises NoPython, HostError, and ValueError if one is missing."""
    received = answer.messages
    return Facts(
        login,
        _one(received, AccountFacts),
        _one(received, ApacheFacts),
        _one(received, ValidationFacts),
        _one(received, ProductFacts),
        _one(received, SupervisordFacts),
        tuple(message for message in received if isinstance(message, SelinuxAccess)),
        len(asked.writes),
    )


def _one(received: list[Message], kind: type[M]) -> M:
    found = [message for message in received if isinstance(message, kind)]
    if len(found) != 1:
        raise ValueError(f"it has not one {kind.__name__}")
    return found[0]
