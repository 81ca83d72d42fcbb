"""The agent's answer about a host, read into types."""

from typing import Any

import pytest

from ops.agent.messages import Message
from ops.agent.probe_messages import FileState, HostState
from ops.agent.service_messages import SupervisordState
from ops.deploy.snapshot import FoundFile, read
from ops.errors import HostError
from ops.ssh.agent_answers import Answer

CONF = "/etc/httpd/conf.d/ssl.conf"


def state(**values: Any) -> HostState:
    up = SupervisordState(state="up", pid=77)
    return HostState(**{"supervisord": up, **values})


def test_an_answer_is_read() -> None:
    files = [
        FileState(path=CONF, digest="aa", mode="0644", mode_is_fixed=True, content="é\n".encode()),
        FileState(path="/home/poms/a file", digest="bb", mode="0640"),
        FileState(path="/home/poms/none", exists=False),
        FileState(path="/home/poms/closed"),
    ]
    release = {"deployed": [(CONF, "cc")], "release": "20261124T000000Z-ab12"}
    found = read(Answer("web1", [state(files=files, free=123456, **release)], "3"))
    assert found.files[CONF] == FoundFile(CONF, "aa", "0644", True, "é\n".encode())
    assert found.files["/home/poms/a file"] == FoundFile("/home/poms/a file", "bb", "0640")
    assert (found.files["/home/poms/none"].digest, found.files["/home/poms/none"].readable) == (None, True)
    assert not found.files["/home/poms/closed"].readable
    assert found.deployed == {CONF: "cc"}
    assert (found.release, found.lock) == ("20261124T000000Z-ab12", None)
    assert (found.supervisord, found.supervisord_pid, found.free_kilobytes) == ("up", 77, 123456)


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [state(), state()],
        [FileState(path="/x")],
        [state(supervisord=SupervisordState(state="perhaps"))],
        [state(secrets=[("/x", "1:2")])],
    ],
)
def test_an_answer_that_is_not_whole_is_refused(messages: list[Message]) -> None:
    with pytest.raises(HostError):
        read(Answer("web1", messages, "3"))


def test_an_answer_without_its_end_is_refused() -> None:
    with pytest.raises(HostError):
        read(Answer("web1", [state()]))
