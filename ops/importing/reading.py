"""A host as it was read (`ops/agent/host_reading.py`)."""

from dataclasses import dataclass, field

import msgspec

from ops.agent.apache_messages import WantedFile
from ops.agent.host_reading_messages import (
    AccountReading,
    ApacheReading,
    ImportRequest,
    SupervisordReading,
    UwsgiReading,
)
from ops.errors import HostError, read_answer
from ops.importing.supervisor_settings import Parsed
from ops.rendering.rendered_file import RenderedFile, supervisord_conf
from ops.schema import Host
from ops.ssh.agent_answers import Answer
from ops.ssh.session import Remote

# Commands by which sites restart and reload Apache, the first that sudo grants is taken.
RESTARTS = (
    "sudo service httpd restart",
    "sudo systemctl restart httpd",
    "sudo /sbin/service httpd restart",
    "sudo /usr/bin/systemctl restart httpd",
    "sudo systemctl restart httpd.service",
    "sudo apachectl restart",
)
RELOADS = (
    "sudo service httpd graceful",
    "sudo service httpd reload",
    "sudo systemctl reload httpd",
    "sudo /sbin/service httpd graceful",
    "sudo /sbin/service httpd reload",
    "sudo /usr/bin/systemctl reload httpd",
    "sudo systemctl reload httpd.service",
    "sudo apachectl graceful",
)


@dataclass(frozen=True)
class HostReading:
    """What was read on `host`; `parsed` is supervisor's own view of its file, None if it could not be parsed."""

    host: Host
    account: AccountReading
    supervisord: SupervisordReading
    parsed: Parsed | None
    uwsgi: list[UwsgiReading] = field(default_factory=list)
    apache: ApacheReading | None = None

    def granted(self, commands: tuple[str, ...]) -> list[str] | None:
        """The first of the commands that sudo grants, in words."""
        return next((one.split() for one in commands if one in self.account.grants), None)


def read_host(remote: Remote) -> HostReading:
    """Read a host. Raises HostError for an answer that cannot be read."""
    answer = remote.answer(request(remote.host))
    with read_answer(remote.host.name, "reading"):
        return reading_of(remote.host, answer)


def read_supervisord_conf(remote: Remote, file: RenderedFile) -> SupervisordReading:
    """What supervisor's parser there makes of a file in the place of the host's. Raises HostError."""
    found = remote.answer(request(remote.host, [file])).messages
    reading = next((one for one in found if isinstance(one, SupervisordReading)), None)
    if reading is None:
        raise HostError(remote.host.name, "its answer lacks supervisord", left="everything (this task only reads)")
    return reading


def request(host: Host, wanted: list[RenderedFile] | None = None) -> ImportRequest:
    """The request; `wanted` are files to read in place of those on the host, supervisord's first."""
    sent = [WantedFile(path=one.path, mode=one.mode, content=one.content) for one in wanted or []]
    return ImportRequest(
        conf=supervisord_conf(host),
        activate=host.activation,
        httpd=host.apache.configtest[0],
        server_root=host.apache.server_root,
        wanted=sent,
        grants=[] if wanted else [*RESTARTS, *RELOADS],
    )


def reading_of(host: Host, answer: Answer) -> HostReading:
    """The reading in an answer. Raises HostError if a part of it is missing."""
    found = answer.messages
    account = next((one for one in found if isinstance(one, AccountReading)), None)
    supervisord = next((one for one in found if isinstance(one, SupervisordReading)), None)
    if account is None or supervisord is None:
        raise HostError(host.name, "its answer lacks the account or supervisord", left="everything")
    uwsgi = [one for one in found if isinstance(one, UwsgiReading)]
    apache = next((one for one in found if isinstance(one, ApacheReading)), None)
    return HostReading(host, account, supervisord, parsed_of(supervisord), uwsgi, apache)


def parsed_of(reading: SupervisordReading) -> Parsed | None:
    """What supervisor's parser made of the file. Raises ValueError if it is something else."""
    try:
        return msgspec.json.decode(reading.parsed, type=Parsed) if reading.parsed else None
    except msgspec.MsgspecError as error:
        raise ValueError(f"supervisor's view of its file: {error}") from None
