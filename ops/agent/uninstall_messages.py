"""The request to remove a version of the app; its answers are those of an installation."""

from ops.agent.messages import Message
from ops.agent.service_messages import Software, SupervisordPlace


class UninstallRequest(Message):
    """Remove a version by the bash text `command`; without one, remove the release folder."""

    software: Software
    supervisord: SupervisordPlace
    owner: str
    command: str = ""
    seconds: int = 3600
