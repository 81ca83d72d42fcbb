"""The shortcuts in paramiko are for the versions that they were tried with."""

import re
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import paramiko
import pytest
from paramiko.auth_handler import AuthHandler

from ops.project import PROJECT
from ops.ssh import transport
from ops.ssh.transport import TRIED, Transport


def test_the_locked_paramiko_is_one_that_was_tried() -> None:
    (locked,) = re.findall(r"^paramiko==(\S+)", (PROJECT / "requirements.lock").read_text(), re.MULTILINE)
    assert locked in TRIED
    assert transport.is_tried()


@pytest.fixture
def unconnected() -> Any:
    """A transport that thinks that it is connected."""
    made: Any = Transport.__new__(Transport)
    made.active = made.initial_kex_done = True
    made._send_user_message = Mock()
    return made


@pytest.mark.parametrize(("version", "own"), [(TRIED[0], False), ("99.0", True)])
def test_another_paramiko_logs_in_and_starts_commands_its_own_way(
    unconnected: Any, monkeypatch: pytest.MonkeyPatch, version: str, own: bool
) -> None:
    monkeypatch.setattr(paramiko, "__version__", version)
    monkeypatch.setattr(AuthHandler, "__init__", lambda *_: None)
    monkeypatch.setattr(AuthHandler, "auth_publickey", lambda *_: None)
    monkeypatch.setattr(AuthHandler, "wait_for_response", lambda *_: [])
    unconnected.auth_publickey("poms", Mock())
    assert (type(unconnected.auth_handler) is AuthHandler) == own
    channel: Any = SimpleNamespace(remote_chanid=1, exec_command=Mock())
    unconnected.start_command(channel, "true")
    assert (channel.exec_command.called, unconnected._send_user_message.called) == (own, not own)
