"""The settings of a login as ssh has them: asked by `ssh -G`, for all hosts of a run at once.

If this machine has no ssh, `ops/ssh/ssh_config_fallback.py` reads the files (docs/decisions/ssh-config.md).
"""

import atexit
import contextlib
import functools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from threading import BoundedSemaphore, Lock, Thread

import fabric

from ops.errors import BadInput, OperatorError
from ops.paths import expand_home
from ops.schema import Host
from ops.secrets.masking import masked
from ops.ssh.ssh_config_values import NOTHING_TOUCHED, Settings, Values, from_values
from ops.text import escape_control_chars

LIMIT = 10.0  # seconds for one `ssh -G`: it may run commands (Match exec) and ask name servers
AT_ONCE = 8  # processes of `ssh -G` at a time
BYTE_ORDER_MARK = r"\357\273\277"  # as ssh prints it
SYSTEM_CONFIG = "/etc/ssh/ssh_config"
Login = tuple[str, str | None, int | None, bool]  # name, user, port, whether it is reached through a jump host


class _Question:
    """One call of `ssh -G` for one login; its result is shared by all who wait for it."""

    def __init__(self, config: fabric.Config, login: Login) -> None:
        self._config, self._login = config, login
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._answer: Settings | OperatorError | None = None

    def begin(self) -> None:
        """Start the process without waiting for it. Raises BadInput."""
        program = _program()
        if program is None or self._process:
            return
        try:
            self._process = _start([program, *_words(self._config, self._login)])
        except OSError as error:
            raise BadInput(f"{self._login[0]}: ssh -G cannot be started: {error}. {NOTHING_TOUCHED}") from None

    def answer(self) -> Settings:
        """Wait for the result. Raises BadInput, the same one for all callers."""
        with self._lock:
            if self._answer is None:
                try:
                    self._answer = self._ask()
                except OperatorError as error:
                    self._answer = error
        if isinstance(self._answer, OperatorError):
            raise self._answer
        return self._answer

    def _ask(self) -> Settings:
        name, user, port, _ = self._login
        if self._process:
            return from_values(_heard(self._process, name), name, user, port)
        with _room:
            self.begin()
            if self._process:
                return from_values(_heard(self._process, name), name, user, port)
        from ops.ssh.ssh_config_fallback import read

        return from_values(read(self._config, name), name, user, port)


_asked: dict[tuple[object, ...], _Question] = {}  # by the id of the config, which the question keeps alive
_room = BoundedSemaphore(AT_ONCE)
_running: set[int] = set()  # process groups


def settings_of(
    config: fabric.Config, name: str, user: str | None = None, port: int | None = None, *, reached: bool = False
) -> Settings:
    """The settings for a login to `name`; `user` and `port` override ssh_config. Asked once in a run of fab.

    `reached`: through another jump host, so its own ProxyJump is ignored. Raises BadInput, with ssh's message, if ssh
    cannot read its configuration or does not answer in time.
    """
    return _question(config, (name, user, port, reached)).answer()


def ask_ahead(config: fabric.Config, hosts: Iterable[Host]) -> None:
    """Ask for the settings of `hosts` in the background. `settings_of` raises the errors."""
    questions = [_question(config, (host.address, host.account, host.port, False)) for host in hosts]
    with contextlib.suppress(IndexError, OperatorError):
        questions[0].begin()  # at once: the first login waits for it
    waiting = questions[:0:-1]

    def ask() -> None:
        while waiting:
            with contextlib.suppress(IndexError, OperatorError):
                waiting.pop().answer()

    for _ in range(min(len(waiting), AT_ONCE)):
        Thread(target=ask, daemon=True).start()


def _question(config: fabric.Config, login: Login) -> _Question:
    return _asked.setdefault((id(config), *login), _Question(config, login))


def _words(config: fabric.Config, login: Login) -> list[str]:
    name, user, port, reached = login
    words = ["-G", "-T", *_file_arguments(config)]
    if user:
        words += ["-l", user]
    if port:
        words += ["-p", str(port)]
    if reached:
        words += ["-o", "ProxyJump=none"]
    return [*words, "--", name]


def _start(words: list[str]) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(  # noqa: S603 - ssh, with names of the inventory
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        process_group=0,  # so that commands of Match exec are ended too
    )
    _running.add(process.pid)
    return process


def _heard(process: "subprocess.Popen[bytes]", name: str) -> Values:
    """The keywords and values that ssh prints. Raises BadInput."""
    with process:
        try:
            out, err = (os.fsdecode(text) for text in process.communicate(timeout=LIMIT))
        except BaseException as error:
            _end(process.pid)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise BadInput(
                f"{name}: ssh -G did not print the settings within {LIMIT:g} seconds: does a command of "
                f"Match exec, or a name server, hang? {NOTHING_TOUCHED}"
            ) from None
        finally:
            _running.discard(process.pid)
    if process.returncode:
        raise BadInput(f"{name}: ssh cannot read its configuration: {_own_words(err)}. {NOTHING_TOUCHED}")
    values: dict[str, list[str]] = {}
    for line in out.splitlines():
        key, _, value = line.partition(" ")
        values.setdefault(key.lower(), []).append(value)
    return values


def _own_words(text: str) -> str:
    """The first line that names file and line of an error, or the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    where = [line for line in lines if os.path.isfile(line.partition(": line ")[0])]  # noqa: PTH113 - Path's may raise
    said = escape_control_chars(masked([*where, *lines[-1:], "(it says nothing)"][0]))[:300].rstrip(".")
    if BYTE_ORDER_MARK in said:
        said += ". The file begins with a byte order mark, which ssh rejects: save it as UTF-8 without one"
    return said


@functools.cache
def _program() -> str | None:
    """The path of ssh; None if there is none, or if it cannot start: it needs the user's entry in passwd."""
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return None
    return shutil.which("ssh")


def config_files(config: fabric.Config) -> list[str]:
    """The ssh_config files of this run: that of fab's -S, or the operator's and the system's."""
    if config._runtime_ssh_path is not None:
        return [expand_home(config._runtime_ssh_path)]
    if not config.load_ssh_configs:
        return []
    return [expand_home("~/.ssh/config"), SYSTEM_CONFIG]


def _file_arguments(config: fabric.Config) -> list[str]:
    files = config_files(config)
    if len(files) < 2:
        return ["-F", os.path.abspath(files[0]) if files else "none"]  # noqa: PTH100 - as os.path has it elsewhere
    home = os.environ.get("HOME", "")
    own = pwd.getpwuid(os.getuid()).pw_dir
    if not home or os.path.realpath(home) == os.path.realpath(own):
        return []
    return ["-F", _config_for(home)]


@functools.cache
def _config_for(home: str) -> str:
    """A file that makes ssh read the configuration below `home`: ssh ignores $HOME, and fab does not."""
    known = " ".join(f'"{home}/.ssh/{name}"' for name in ("known_hosts", "known_hosts2"))
    with tempfile.NamedTemporaryFile("w", prefix="poms-ops-ssh-", delete=False) as file:
        file.write(f'Include "{home}/.ssh/config"\nInclude {SYSTEM_CONFIG}\nMatch all\nUserKnownHostsFile {known}\n')
    atexit.register(Path(file.name).unlink, missing_ok=True)
    return file.name


def _end(group: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(group, signal.SIGKILL)


@atexit.register
def _end_all() -> None:
    for group in [*_running]:
        _end(group)
