"""The start of a standby: a second uWSGI with the current file and app, on the sockets of the first one.

It is a session of its own, which its keeper leads: a shell that starts and ends it, and records both (standbys.py).
"""

import os

from ops.agent.app_socket import problem_of
from ops.agent.deployed_command import DeployedCommand
from ops.agent.evidence import end_of_file
from ops.agent.host_processes import read_bytes
from ops.agent.process_memory import memory_of
from ops.agent.processes import start
from ops.agent.standby_gate import Gate
from ops.agent.step_failed import StepFailed
from ops.agent.uwsgi_file import fit_for_standby, number_of, socket_count

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess

    from ops.agent.service_messages import App

# sh FILE STATE-DIR LIFE MERCY UWSGI'S-WORDS...: it ends after LIFE seconds in any case; a request, and so its end,
# may take MERCY seconds. A shell, for it needs little memory, and no module of the agent's.
KEEPER = r"""
record=$1/standby.$$ life=$2 mercy=$3
shift 3
start_time() {
    IFS= read -r line <"/proc/$1/stat"
    set -- ${line##*") "}
    echo "${20}"
}
end() {
    trap "" TERM
    told=yes
    date +%s >"$record.end"
    kill -TERM "$master"
    (sleep "$mercy"; kill -KILL 0) &
}
"$@" &
master=$!
trap end TERM
read -r boot </proc/sys/kernel/random/boot_id
echo "$boot $$ $(start_time $$) $master $(start_time "$master") $(date +%s) $mercy $life" >"$record.new"
mv "$record.new" "$record"
(sleep "$life"; kill -TERM $$) &
told=
wait "$master"
while [ -n "$told" ]; do
    told=
    wait "$master"
done
rm -f "$record" "$record".*
kill -KILL 0 # including the two processes that watch the time
"""
SHELL = ["/bin/sh"]
LOG_LINES = 20
SPAWN_SECONDS = 10.0  # for uWSGI to start workers, which it does once a second
_keepers: "list[subprocess.Popen[bytes]]" = []  # Python complains of one that is forgotten while it runs
NO_CONNECTION = "fleet.database_connections leaves no connection for a second uWSGI"
ENDS_IN_ORDER = "unix_signal:15 gracefully_kill_them_all"


class Room:
    """How large a standby may be, in addition to the running uWSGI: so many `workers`, each with so many `threads`.

    As many as uWSGI's file has, unless the free memory or the database's connections allow fewer: no thread, if they
    allow none. `free`, and `each`, what a worker takes, in kB: a fifth of the free memory is not used.
    """

    def __init__(self, app: "App") -> None:
        text = os.fsdecode(read_bytes(app.ini))
        self.each, self.free = memory_of(app.ini)
        self.threads = number_of(text, "threads") or 1
        self.workers = min(number_of(text, "workers") or 1, self.free * 8 // 10 // (self.each + 1))
        if app.spare_requests is not None:
            spare = max(0, app.spare_requests - 1)  # one is for the request that validates it
            self.threads = min(self.threads, spare)
            self.workers = min(self.workers, spare // self.threads if self.threads else 1)


class Standby:
    """The standby that is started from a state folder."""

    def __init__(self, app: "App", state_dir: str) -> None:
        self._app = app
        self._folder = state_dir
        self._gate = Gate(state_dir)
        self._running: subprocess.Popen[bytes] | None = None
        self._ini, self._socket, self._keeper = (
            os.path.join(state_dir, f"standby.{end}") for end in ("ini", "sock", "keeper")
        )

    def write_file(self) -> bool:
        """Write its file; whether there was space for that."""
        try:
            with open(self._app.ini, encoding="utf-8", errors="surrogateescape") as file:
                text = fit_for_standby(file.read())
            with open(self._ini, "w", encoding="utf-8", errors="surrogateescape") as out:
                out.write(text)
        except OSError:
            self.remove_file()
            return False
        return True

    def remove_file(self) -> None:
        """Remove its file again."""
        if os.path.exists(self._ini):
            os.remove(self._ini)

    def words(self, room: Room, zerg: str) -> "list[str]":
        """Its options; `zerg`: the socket on which the first uWSGI hands out its own, or ""."""
        text, mercy = os.fsdecode(read_bytes(self._app.ini)), str(self._app.timeout)
        words = ["--ini", self._ini, *(["--zerg", zerg] if zerg else [])]
        words += ["--socket", self._socket, "--master", "--threads", str(room.threads or 1)]
        words += ["--need-app", "--hook-master-start", ENDS_IN_ORDER]
        words += ["--reload-mercy", mercy, "--worker-reload-mercy", mercy]
        if not zerg:  # it only validates
            return [*words, "--workers", "1"]
        # Socket 0 is its own, of worker 1, which validates; 1 is the app's, of those who wait at the gate. The others
        # may speak HTTP, which a second uWSGI does not know: a worker that never starts has them, and the host's own
        # jobs wait.
        others = range(2, socket_count(text) + 1)
        serving, never = range(2, room.workers + 2), room.workers + 2
        sockets = ["0:1", f"1:{','.join(map(str, serving))}", *(f"{number}:{never}" for number in others)]
        words += ["--workers", str(never if others else room.workers + 1)]
        words += ["--cheaper", "1", "--cheaper-initial", "1", "--cheaper-algo", "manual"]
        words += ["--master-fifo", self._gate.commands, "--hook-accepting", self._gate.hook]
        return words + [word for place in sockets for word in ("--map-socket", place)]

    def start(self, activate: str, words: "list[str]") -> None:
        """Start it and wait until it answers. Raises StepFailed; it may still run then."""
        self._running = self.begin(activate, words)
        problem = problem_of(self._app, self._socket, float(self._app.start), self._runs)
        if problem:
            raise StepFailed(problem)

    def prepare(self, workers: int) -> None:
        """Have so many workers ready to accept requests. Raises StepFailed."""
        keeper = self._running
        try:
            self._gate.fill(workers, keeper.pid if keeper else 0, self._app.start + SPAWN_SECONDS, self._runs)
        except OSError as error:
            raise StepFailed(str(error)) from None

    def serve(self) -> None:
        """Let them accept requests."""
        self._gate.open()

    def _runs(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def begin(self, activate: str, words: "list[str]") -> "subprocess.Popen[bytes]":
        """Start its keeper. Raises StepFailed.

        It outlives the agent, so it holds neither the lock nor the connection.
        """
        command = DeployedCommand("uwsgi", self._app.start_program, activate)
        if command.lack:
            raise StepFailed(command.lack)
        app = self._app
        life = [self._folder, str(2 * app.start + app.timeout), str(app.timeout)]
        try:
            if os.path.exists(self._keeper):
                os.remove(self._keeper)  # an earlier one may still be reading it
            with open(self._keeper, "w", encoding="utf-8") as file:
                file.write(KEEPER)
            line = [*SHELL, self._keeper, *life, *command.words, *words]
            keeper = start(line, command.environment, output=app.log)
        except OSError as error:
            raise StepFailed(f"a second uWSGI cannot be started: {error}") from None
        _keepers.append(keeper)
        return keeper

    def end_of_log(self) -> str:
        """What the app, or either uWSGI, has said last."""
        return end_of_file(self._app.log, LOG_LINES)
