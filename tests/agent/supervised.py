"""A real supervisord of the tests' own, and what is told of its programs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ops.agent.host_processes import processes, words_of
from ops.agent.messages import Message
from ops.agent.service_messages import ProgramChanged, SupervisordPlace
from ops.agent.step_failed import StepFailed
from ops.agent.supervised_programs import SupervisedPrograms
from ops.agent.supervisord_rpc import Server
from ops.agent.supervisord_socket import ask_pid

TOOLS = Path(sys.executable).parent
ACTIVATE = f"PATH={TOOLS}:$PATH"
HEAD = """[unix_http_server]
file={root}/s.sock
{login}
[supervisord]
logfile={root}/log
pidfile={root}/pid
nodaemon={nodaemon}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
SLEEPS = "command=sleep 600\nstartsecs=0"


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait for the condition, or fail."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)


class Supervised:
    """Its folder, its programs' sections, and the messages that were told."""

    def __init__(self, root: Path, **sections: str) -> None:
        self.root = root
        self.place = SupervisordPlace(conf=f"{root}/s.conf", socket=f"{root}/s.sock", state_dir=f"{root}/state")
        self.told: list[Message] = []
        self.programs = SupervisedPrograms(self.place, self.told.append)
        (root / "state").mkdir(exist_ok=True)
        self.write(**sections)

    def write(self, login: str = "", nodaemon: str = "true", **sections: str) -> None:
        """Write its file: a section for each program."""
        text = HEAD.format(root=self.root, login=login, nodaemon=nodaemon)
        text += "".join(f"[program:{name}]\n{section}\n" for name, section in sections.items())
        Path(self.place.conf).write_text(text)

    def append(self, text: str) -> None:
        """Add to its file, for example a group."""
        with Path(self.place.conf).open("a") as file:
            file.write(text)

    def did(self) -> dict[str, list[str]]:
        """What was done to each program since the last call, or the state that it was in."""
        found: dict[str, list[str]] = {}
        for message in self.told:
            assert isinstance(message, ProgramChanged)
            found.setdefault(message.program, []).append(message.did or message.state)
        self.told.clear()
        return found


@contextmanager
def running(root: Path, login: str = "", **sections: str) -> Iterator[Supervised]:
    """It runs, and answers."""
    made = Supervised(root)
    made.write(login, **sections)
    words = [str(TOOLS / "supervisord"), "-c", made.place.conf]
    with (root / "out").open("wb") as out:
        process = subprocess.Popen(words, stdout=out, stderr=out, cwd=root, start_new_session=True)
    try:
        autostarted = [name for name, section in sections.items() if "autostart=false" not in section]
        if "{SHA}" in login:
            until(lambda: ask_pid(made.place.socket)[0] == "login")
        else:
            until(lambda: has_started(made, autostarted))
        yield made
    finally:
        kill_session(process.pid)
        process.wait(30)


def has_started(supervised: Supervised, programs: list[str]) -> bool:
    """Whether it answers, and has begun to start these programs."""
    try:
        states = supervised.programs.states()
    except StepFailed:  # its socket is there a moment before it listens
        return False
    own = [words_of(int(found["pid"])) for found in Server(supervised.place)("getAllProcessInfo") if found["pid"]]
    has_become_them = not any("supervisord" in " ".join(words) for words in own)  # until then it gets their signals
    return has_become_them and all(states[name] != "STOPPED" for name in programs)


def kill_session(leader: int) -> None:
    """Kill a supervisord and its programs: to end in order takes it seconds."""
    for found in processes():
        if found.session == leader:
            with suppress(ProcessLookupError):
                os.kill(found.pid, signal.SIGKILL)
