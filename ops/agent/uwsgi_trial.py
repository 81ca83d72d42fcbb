"""Validate uWSGI's new file: its own parser, which touches nothing live, then a trial start that must answer."""

import contextlib
import getpass
import os
import signal
import threading
import time

from ops.agent.apache_directives import text_of
from ops.agent.app_socket import problem_of
from ops.agent.deployed_command import DeployedCommand
from ops.agent.processes import run, start
from ops.agent.uwsgi_file import fit_for_standby, left_out_of
from ops.agent.validation_failed import ValidationFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from ops.agent.service_messages import App

PARSER_SECONDS, MERCY_SECONDS = 60.0, 5.0
OWN_FOLDER = ("spooler", "metrics-dir")  # options whose path is a folder that uWSGI writes in
FROM_TEMPLATE = ("zerg-server", "socket")  # in folders that a deploy makes
TRIAL = ["--master", "--workers", "1", "--threads", "2", "--need-app", "--die-on-term"]


def validate(
    ini: str, app: "App", activate: str, work: str, is_unwanted: "Callable[[], bool]" = lambda: False
) -> str:
    """Validate file `ini`: what the trial start leaves out, as a sentence, or "".

    `is_unwanted` ends it early. Raises ValidationFailed.
    """
    command = DeployedCommand("uwsgi", app.start_program, activate)
    if command.lack:
        raise ValidationFailed(command.lack)
    words = [*command.words, "--strict", "--ini", ini, "--cflags"]
    ended = run(words, seconds=PARSER_SECONDS, environment=command.environment)
    if ended.code:
        raise ValidationFailed(ended.text)
    left_out = check_left_out(text_of(ini))
    with _Trial(ini, app, command, work) as trial:
        problem = trial.problem(is_unwanted)
        if problem:
            late = "has ended" if trial.has_ended() else f"answers no request within {app.start} seconds"
            raise ValidationFailed(
                f"{trial.log()}\n{problem}\nuWSGI does not start with the new file: its trial start {late}"
            )
    return left_out


def check_left_out(text: str) -> str:
    """Which options the trial start leaves out, as a sentence, or ""; uWSGI must be able to write where they lead.

    Raises ValidationFailed.
    """
    names: list[str] = []
    for option, path in left_out_of(text):
        path = path.replace("%%", "%")
        folder = path if option.startswith(OWN_FOLDER) else os.path.dirname(path)
        if path and not os.access(path, os.W_OK) and not (os.path.isdir(folder) and os.access(folder, os.W_OK)):
            raise ValidationFailed(
                f"{option} = {path}: uWSGI cannot write there and would not start. The folder must exist and be "
                f"writable for {getpass.getuser()}."
            )
        if option not in (*FROM_TEMPLATE, *names):
            names.append(option)
    if not names:
        return ""
    return f"uWSGI options left out of the trial start: {', '.join(names)}; their folders are writable"


class _Trial:
    """A uWSGI with one worker on its own socket, a process group of its own; at the context's end it is gone."""

    def __init__(self, ini: str, app: "App", command: DeployedCommand, work: str) -> None:
        self._app = app
        self._socket, self._pidfile, self._log, file = (
            os.path.join(work, f"trial.{end}") for end in ("sock", "pid", "log", "ini")
        )
        with open(file, "w", encoding="utf-8", errors="surrogateescape") as out:
            out.write(fit_for_standby(text_of(ini)))
        # It ends by itself, if this process is gone.
        limit = ["timeout", "-k", "5", str(app.start + 15)]
        words = ["--strict", "--ini", file, "--socket", self._socket, *TRIAL, "--pidfile", self._pidfile]
        line = [*limit, *command.words, *words]
        self._process: subprocess.Popen[bytes] = start(line, command.environment, output=self._log)

    def __enter__(self) -> "_Trial":
        return self

    def __exit__(self, *_: object) -> None:
        """End it; an app that hangs in its import ends only by KILL."""
        with contextlib.suppress(OSError, ValueError):
            os.kill(int(text_of(self._pidfile)), signal.SIGTERM)
        end = time.monotonic() + MERCY_SECONDS
        while self._process.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def problem(self, is_unwanted: "Callable[[], bool]") -> str:
        """Why it answers no request within the app's start time, or ""; it ends early if that is unwanted."""
        problems: list[str] = []
        asking = threading.Thread(target=lambda: problems.append(self._ask()), daemon=True)
        asking.start()
        while asking.is_alive():
            self._process.poll()  # or it would be a zombie, which looks as if it ran
            if is_unwanted():
                return "the operator does not want it any more"
            asking.join(0.1)
        return problems[0] if problems else "the app was not asked"

    def has_ended(self) -> bool:
        """Whether uWSGI has ended by itself."""
        return self._process.poll() is not None

    def _ask(self) -> str:
        return problem_of(self._app, self._socket, float(self._app.start), lambda: self._process.poll() is None)

    def log(self) -> str:
        """What it has said."""
        return text_of(self._log).strip()
