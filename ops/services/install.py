"""Install and remove a version of the app on a host, by the site's own command."""

import time
from collections.abc import Callable

from msgspec.structs import replace

from ops.agent.apache_messages import LockRefused
from ops.agent.install_messages import InstallEnded, InstallRequest, InstallStep
from ops.agent.messages import Message
from ops.agent.run_messages import RunOutput
from ops.agent.uninstall_messages import UninstallRequest
from ops.errors import HostError, Unreachable
from ops.rendering.rendered_file import RenderedFile
from ops.schema import Host
from ops.secrets.masking import masked
from ops.services.lock_refusal import refusal
from ops.services.request_parts import all_apps, software, supervisord_place
from ops.ssh.agent_answers import is_end
from ops.ssh.line_reader import Limits
from ops.ssh.operator_identity import lock_owner
from ops.ssh.remote_command import Lines
from ops.ssh.session import Heartbeat, Remote
from ops.value_types import VERSION

SILENCE = 90.0  # seconds without a message after which the connection is dead
STEPS = {
    "clean": "removing what is left of it",
    "install": "running the install command",
    "check": "checking that it is whole: what activate gives, then a trial start of uWSGI",
    "uninstall": "removing it",
}
DONE = {
    "installed": "installed, and whole",
    "already": "is installed already: nothing to do",
    "removed": "removed",
    "absent": "is not installed: nothing to do",
}

WHY = {
    "failed": "the command for version {version} failed",
    "incomplete": "version {version} is not whole",
    "interrupted": "the command for version {version} was interrupted",
}

Show = Callable[[str], None]


def install(remote: Remote, files: list[RenderedFile], show: Show) -> str:
    """Install the version of the remote's host; `files` are rendered for it. Return the outcome in a few words.

    `show` gets each step and each line of the command's output. Raises HostError, LockHeld and Unreachable.
    """
    host = remote.host
    wanted, known = host.software, software(host)
    if wanted is None or known is None or wanted.install is None:
        raise _not_in_the_inventory(host, "software.install, the command that installs a version")
    texts = {file.path: file.content.decode("latin-1") for file in files}
    apps = [app for app in all_apps(host) if app.reloadable and app.ini in texts]
    request = InstallRequest(
        software=known,
        supervisord=supervisord_place(host),
        owner=f"{lock_owner(remote.who)}, install {wanted.version}",
        command=wanted.install.replace(VERSION, wanted.version),
        seconds=wanted.install_seconds,
        activate=host.activation,
        programs=["supervisord", "uwsgi"] if apps else ["supervisord"],
        uninstall=(wanted.uninstall or "").replace(VERSION, wanted.version),
        # By activate alone: start-program sets the environment of the deployed version.
        apps=[replace(app, start_program="") for app in apps],
        uwsgi_files=[texts[app.ini] for app in apps],
    )
    return _carry_out(remote, request, show)


def uninstall(remote: Remote, show: Show) -> str:
    """Remove the version of the remote's host, if nothing needs it; as `install`."""
    host = remote.host
    wanted, known = host.software, software(host)
    if wanted is None or known is None or (wanted.product and wanted.uninstall is None):
        raise _not_in_the_inventory(host, "software.uninstall, the command that removes a version")
    request = UninstallRequest(
        software=known,
        supervisord=supervisord_place(host),
        owner=f"{lock_owner(remote.who)}, uninstall {wanted.version}",
        command=(wanted.uninstall or "").replace(VERSION, wanted.version),
        seconds=wanted.install_seconds,
    )
    return _carry_out(remote, request, show, removes=True)


def _not_in_the_inventory(host: Host, what: str) -> HostError:
    return HostError(
        host.name,
        f"its inventory has no {what}",
        left="everything",
        next_step="docs/guide/versions.md shows what to write",
        outcome="no command in the inventory",
    )


def _carry_out(remote: Remote, request: Message, show: Show, *, removes: bool = False) -> str:
    host, begun = remote.host, time.monotonic()
    outputs = {False: Lines(), True: Lines()}
    said: list[str] = []

    def line(text: str) -> None:
        said.append(text)
        show(f"{time.monotonic() - begun:5.0f} s  {masked(text)}")

    session = remote.start_agent(request)
    session.limit(Limits(SILENCE, total=None))
    ended: InstallEnded | None = None
    with Heartbeat(session):
        for message in session.messages():
            match message:
                case RunOutput():
                    for text in outputs[message.is_error].add(message.content):
                        line(text)
                case InstallStep():
                    show(STEPS.get(message.step, message.step))
                case LockRefused():
                    raise refusal(host, message)
                case InstallEnded():
                    ended = message
                case _:
                    is_end(host.name, message)
        if not session.greeted:
            raise session.not_run()
    if ended is None:
        raise Unreachable(
            host.name,
            "the connection was lost",
            left="nothing can switch to this version; the host ends the command and removes what there is of it",
            next_step=f"fab -H {host.name} versions",
        )
    return _outcome(host, ended, removes=removes)


def _outcome(host: Host, ended: InstallEnded, *, removes: bool) -> str:
    """The outcome in a few words. Raises HostError unless it is as wanted."""
    version = host.software.version if host.software else ""
    if ended.how in DONE:
        return DONE[ended.how]
    reasons = masked("\n".join(ended.reasons))
    if ended.how == "refused":
        raise HostError(
            host.name,
            f"version {version} is needed:" + "".join(f"\n    {line}" for line in reasons.splitlines()),
            left="everything",
            next_step=f"fab -H {host.name} versions shows what needs which version",
            outcome="needed",
        )
    said = WHY.get(ended.how, ended.how).format(version=version)
    lines = "".join(f"\n    {line}" for line in reasons.splitlines())
    rest = masked(ended.left) or "nothing of it is left"
    if removes:
        said, rest = f"version {version} could not be removed", "some of it may be gone; nothing switches to it"
    raise HostError(
        host.name,
        f"{said}{':' if lines else ''}{lines}",
        left=f"what is current and what runs; {version}: {rest}",
        next_step=f"fix it and run the same again, or fab -H {host.name} uninstall {version}",
        outcome="not removed" if removes else "not installed",
    )
