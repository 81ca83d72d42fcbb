"""Install a version of the app by the site's own command. It counts as installed only once it is whole.

From the beginning until then, the file state_dir/installing/VERSION.version exists, so that nothing switches to half
a version: not after a failure, an interrupt or a power cut either. Source of the check: what a deploy validates with.
"""

import os
import time

from ops.agent import durable, uwsgi_trial
from ops.agent.apache_messages import LockRefused
from ops.agent.command_output import end_groups, output_of
from ops.agent.evidence import tail
from ops.agent.install_messages import InstallEnded, InstallStep
from ops.agent.lock import Lock, Locked, Unlockable
from ops.agent.narration import narrated
from ops.agent.operator_watch import watch
from ops.agent.processes import started
from ops.agent.products import account_environment, what_lacks
from ops.agent.software import UNFINISHED, is_installed, is_there, unfinished
from ops.agent.step_failed import StepFailed
from ops.agent.validation_failed import ValidationFailed
from ops.agent.work_folder import WorkFolder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.agent.install_messages import InstallRequest
    from ops.agent.messages import Message
    from ops.agent.narration import Tell
    from ops.agent.service_messages import App
    from ops.agent.uninstall_messages import UninstallRequest

EVIDENCE_LINES = 30
# The text comes on standard input, for the words of a process are for every account to read.
READ_AND_RUN = 'IFS= read -r -d "" text; exec </dev/null; eval "$text"'


class Interrupted(Exception):
    """The operator's side is gone, or does not want it any more."""


def answer(request: "InstallRequest") -> "Iterator[Message]":
    """Each step, the command's output as it comes, and how it ended."""
    folder = os.path.join(request.supervisord.state_dir, UNFINISHED)
    try:
        with Lock(folder, request.owner):
            yield from narrated(lambda tell: _Installation(request, tell).run())
    except Locked as error:
        yield LockRefused(owner=str(error))
    except Unlockable as error:
        yield LockRefused(problem=str(error))


class SiteCommand:
    """A command of the site's; its output is told as it comes."""

    def __init__(self, tell: "Tell", seconds: float) -> None:
        self._tell = tell
        self._seconds = seconds
        self._groups: list[int] = []
        self.is_unwanted = False

    def stop(self) -> None:
        """End it, from another thread."""
        self.is_unwanted = True
        end_groups(self._groups)

    def run(self, text: str) -> None:
        """Run it to its end. Raises StepFailed, or Interrupted after `stop`."""
        if self.is_unwanted:
            raise Interrupted
        end = time.monotonic() + self._seconds
        with started(["/bin/bash", "-c", READ_AND_RUN, "install"], text.encode(), _environment()) as running:
            self._groups.append(running.pid)
            if self.is_unwanted:  # since a moment ago
                end_groups(self._groups)
            for message in output_of(running):
                self._tell(message)
                if time.monotonic() > end:
                    end_groups(self._groups)
                    raise StepFailed(f"the command did not end within {self._seconds:.0f} seconds")
            self._groups.clear()
        code = running.returncode
        if self.is_unwanted:
            raise Interrupted
        if code:
            raise StepFailed(f"the command ended with exit code {code}" if code > 0 else f"signal {-code} ended it")


def _environment() -> "dict[str, str]":
    """The account's own; a bash that takes itself for the first of an SSH login (SHLVL) reads .bashrc."""
    return {**account_environment(), "SHLVL": "2"}


class _Installation:
    def __init__(self, request: "InstallRequest", tell: "Tell") -> None:
        self._request = request
        self._software = request.software
        self._version = request.software.version
        self._state_dir = request.supervisord.state_dir
        self._tell = tell
        self._command = SiteCommand(tell, float(request.seconds))
        watch(self._command.stop)

    def run(self) -> None:
        """All of it."""
        mark = unfinished(self._state_dir, self._version)
        try:
            if is_installed(self._software, self._version, self._state_dir):
                self._tell(InstallEnded(how="already"))
                return
            left = self._clean() if os.path.exists(mark) else ""  # of an installation that died
            if left:
                raise StepFailed(f"what is left of an earlier installation cannot be removed: {left}")
            durable.write(mark, f"{self._request.owner}\n".encode("utf-8", "replace"))
            self._tell(InstallStep(step="install"))
            self._command.run(self._request.command)
        except Interrupted:
            self._end("interrupted", left=self._clean())
            return
        except (StepFailed, OSError) as error:
            self._end("failed", str(error), left=self._clean())
            return
        problem = self._problem()
        if problem:
            self._end("incomplete", problem, left=self._left_after_check())
            return
        durable.remove(mark)
        self._end("installed")

    def _end(self, how: str, reason: str = "", left: str = "") -> None:
        self._tell(InstallEnded(how=how, reasons=[reason] if reason else [], left=left))

    def _problem(self) -> str:
        """Why the version is not whole, or ""."""
        self._tell(InstallStep(step="check"))
        if not is_there(self._software, self._version):
            return f"the command has succeeded, but there is no version {self._version}"
        for program in self._request.programs:
            lack = what_lacks(self._request.activate, program)
            if lack:
                return lack
        for app, text in zip(self._request.apps, self._request.uwsgi_files):
            problem = self._problem_of(app, text)
            if problem:
                return problem
        return ""

    def _problem_of(self, app: "App", uwsgi_file: str) -> str:
        """Why an app does not serve with that text of its uWSGI's file, or ""."""
        with WorkFolder() as work:
            ini = os.path.join(work.path, "uwsgi.ini")
            with open(ini, "w", encoding="latin-1") as file:
                file.write(uwsgi_file)
            try:
                uwsgi_trial.validate(ini, app, self._request.activate, work.path, lambda: self._command.is_unwanted)
            except ValidationFailed as failed:
                return tail(failed.evidence, EVIDENCE_LINES)
        return ""

    def _left_after_check(self) -> str:
        """What is not whole stays for a look, unless nobody looks."""
        return self._clean() if self._command.is_unwanted else "its files are kept, but nothing switches to it"

    def _clean(self) -> str:
        """Remove what there is of the version; what is left of it, or ""."""
        self._tell(InstallStep(step="clean"))
        try:
            remove_version(self._request, self._request.uninstall, self._tell)
        except (StepFailed, OSError) as error:
            return str(error)
        return ""


def remove_version(request: "InstallRequest | UninstallRequest", command: str, tell: "Tell") -> None:
    """Remove a version, by the site's command or its release folder. Raises StepFailed, or OSError.

    A command that fails has done its work if the version is gone: UPS cannot take back what it never declared.
    """
    software, why = request.software, ""
    folder = os.path.join(software.folder, software.version)
    if command:
        try:
            SiteCommand(tell, float(request.seconds)).run(command)
        except StepFailed as failed:
            why = f": {failed.evidence}"
    elif software.folder:
        durable.remove_tree(folder)
    if is_there(software, software.version):
        raise StepFailed(f"version {software.version} is still there{why}")
    durable.remove(unfinished(request.supervisord.state_dir, software.version))
