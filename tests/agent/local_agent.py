"""The agent, started here under a shell of choice, as a host would start it."""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from ops.agent import probe
from ops.agent.lines import to_line
from ops.agent.main import answers_to
from ops.agent.messages import Message
from ops.agent.probe_messages import HostState, ProbeRequest
from ops.agent.releases_messages import ReleasesRequest
from ops.agent.service_messages import SupervisordPlace
from ops.agent.transaction_messages import TransactionRequest
from ops.deploy.releases import ReleasesAnswer, parse
from ops.deploy.transaction_request import needed_modules
from ops.ssh.agent_answers import Answer, read_messages, take
from ops.ssh.agent_start import GREETING, package, packed_requests, running, start_text
from tests.agent.shells import SHELLS

OWN_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def with_path(text: str, path: str) -> str:
    """The text that starts the agent, with another PATH than its own."""
    assert text.count(OWN_PATH) == 1
    return text.replace(OWN_PATH, f"PATH='{path}'")


def start(
    shell: str, *requests: Message, activate: str = ":", path: str = "", **environment: str
) -> "subprocess.Popen[bytes]":
    """Start it; `path` are the folders of its commands, by default those of the tests."""
    also = [
        name for request in requests if isinstance(request, TransactionRequest) for name in needed_modules(request)
    ]
    sent = package(*(type(request) for request in requests), whole=True, also=tuple(also))
    text = with_path(start_text(len(sent)), path or os.environ["PATH"])
    started = subprocess.Popen(
        [*SHELLS[shell], "-c", running(text)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": path or os.environ["PATH"], "HOME": os.environ["HOME"]} | environment,
        start_new_session=True,
    )
    assert started.stdin
    started.stdin.write(b"".join((text.encode(), f"{activate}\n".encode(), sent, packed_requests(*requests))))
    started.stdin.flush()
    return started


def ask(
    shell: str, *requests: Message, host: str = "web1", activate: str = ":", path: str = "", **environment: str
) -> list[Answer]:
    """The answers to all requests; what the tools printed is shown if the greeting is missing.

    Where nothing depends on the start, the agent runs in this process, in which coverage is measured.
    """
    if activate == ":" and not path and not environment and shell == "dash":
        lines = [to_line(message) for request in requests for message in answers_to(encoded(request))]
        return read(host, lines, len(requests))
    with start(shell, *requests, activate=activate, path=path, **environment) as running_:
        out, noise = running_.communicate(timeout=60)
    lines = out.decode().splitlines()
    assert lines[:1] == [GREETING], noise.decode()
    return read(host, lines[1:], len(requests))


def encoded(request: Message) -> str:
    """The line of a request."""
    return msgspec.json.encode(request).decode()


def read(host: str, lines: Iterable[str], count: int) -> list[Answer]:
    """So many answers, from the lines that travel."""
    answers = [Answer(host) for _ in range(count)]
    left = iter(answers)
    answer = next(left)
    for message in read_messages(host, lines):
        if take(answer, message):
            answer = next(left, answer)
    return answers


def read_releases(
    shell: str, state: Path, *contents: str, home: Path | str = "", uwsgi: str = "/dev/null"
) -> ReleasesAnswer:
    """What the agent says of the releases in folder `state`."""
    asked = ReleasesRequest(state_dir=str(state), home=str(home), uwsgi_file=uwsgi, contents=contents)
    return parse(ask(shell, asked)[0])


def probed(state_dir: Path, *files: tuple[Path, str], **fields: Any) -> HostState:
    """What a deploy is told of a host with this state folder; `files`: paths with their wanted digests."""
    place = SupervisordPlace(
        conf=fields.pop("conf", "/nowhere.conf"),
        socket=fields.pop("socket", "/nowhere.sock"),
        state_dir=str(state_dir),
    )
    asked = {"home": "", "uwsgi_files": {}} | fields
    request = ProbeRequest(supervisord=place, files=[(str(path), digest) for path, digest in files], **asked)
    (found,) = probe.answer(request)
    assert isinstance(found, HostState)
    return found
