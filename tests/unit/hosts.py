"""Hosts for tests, and fab's settings."""

import sys
import tempfile
from pathlib import Path
from typing import Any

import fabric
import paramiko

from ops.agent.host_reading_messages import SupervisordReading
from ops.agent.supervisord_reading import parsed
from ops.inventory.defaults import host_from
from ops.schema import Host


def host(**values: Any) -> Host:
    """A host with the documented defaults, but for `values`."""
    return host_from({"name": "web1"} | values)


def settings(ssh_config: Path, text: str, **connect_kwargs: Any) -> fabric.Config:
    """fab's settings as in a run with -S `ssh_config`, which gets `text`, and `connect_kwargs` as from its flags."""
    ssh_config.write_text(text)
    return fabric.Config(
        ssh_config=paramiko.SSHConfig(),  # Fabric reads none, as in fab
        runtime_ssh_path=str(ssh_config),
        overrides={"connect_kwargs": connect_kwargs},
    )


def parsed_here(text: str) -> SupervisordReading:
    """What supervisor's own parser makes of a supervisord.conf, in this machine's Python."""
    with tempfile.TemporaryDirectory() as folder:
        conf = Path(folder) / "supervisord.conf"
        conf.write_text(text, encoding="utf-8")
        activate = f'PATH="{Path(sys.executable).parent}:$PATH"'
        made, problem = parsed(str(conf), 0, activate, "/home/poms")
    return SupervisordReading(conf="/home/poms/supervisord.conf", parsed=made, problem=problem)
