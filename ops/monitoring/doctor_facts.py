"""The request of `doctor` to a host, and the facts in its answer; ops/monitoring/doctor.py assesses them."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from ops.deploy import identity_probe
from ops.deploy.transaction_request import trial_lines
from ops.rendering.rendered_file import RenderedFile
from ops.schema import Host
from ops.services.reload import web_program
from ops.services.request_lines import directory_lines
from ops.services.supervisord import app_lines, through_apache_lines


@dataclass(frozen=True)
class Facts:
    """The answer of remote/doctor.sh: name to its values, several where the name came more than once."""

    values: dict[str, list[str]] = field(default_factory=dict)

    def one(self, name: str) -> str:
        """The first value; empty where there is none."""
        return self.values.get(name, [""])[0]

    def pairs(self, name: str) -> list[tuple[str, str]]:
        """Each value as its first word and the rest."""
        return [(text.partition(" ")[0], text.partition(" ")[2]) for text in self.values.get(name, [])]


def request(host: Host, files: list[RenderedFile]) -> Iterator[str]:
    """The request for remote/doctor.sh."""
    yield f"state_dir {host.state_dir}"
    yield from directory_lines(host)
    yield f"httpd {host.apache.configtest[0]}"
    yield f"ca_dir {host.apache.ca_dir}"
    paths = [*(file.path for file in files), f"{host.log_dir}/x", f"{host.state_dir}/x"]
    yield from (f"write {path}" for path in paths)
    for name, words in sudo_commands(host).items():
        yield f"sudo {name}"
        yield from (f"word {word}" for word in words)
    yield f"listens {host.apache.port}"
    yield f"listens {host.apache.cert_port}"
    if host.apache.revocation != "off":
        yield f"lists {host.apache.revocation_dir}"
    if host.apache.reload:
        yield f"reload_words {shlex.join(host.apache.reload)}"
    yield f"app_listen {host.app.listen}"
    if not host.apache.reload:
        yield from (f"restart_word {word}" for word in host.apache.restart)
    if web_program(host):
        yield from app_lines(host)
        yield from through_apache_lines(host)
    yield from trial_lines(host, files)
    yield from identity_probe.trial(host).lines()


def sudo_commands(host: Host) -> dict[str, list[str]]:
    """The inventory's commands that begin with sudo, without that word."""
    commands = {"apache.restart": host.apache.restart, "apache.reload": host.apache.reload or []}
    return {name: words[1:] for name, words in commands.items() if words[:1] == ["sudo"]}


def parse(answer: list[str]) -> Facts:
    """Parse the answer of doctor.sh."""
    values: dict[str, list[str]] = {}
    for line in answer:
        word, _, rest = line.partition(" ")
        if word == "fact":
            name, _, value = rest.partition(" ")
            values.setdefault(name, []).append(value)
        elif word == "unvalidated":
            values.setdefault(word, []).append(rest)
    return Facts(values)
