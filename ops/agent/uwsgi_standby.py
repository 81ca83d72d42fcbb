"""The start of a standby: a second uWSGI with the current file and app, on the sockets of the first one.

It is a session of its own, which its keeper leads: a shell that starts and ends it, and records both (standbys.py).
"""

import os

from ops.agent.app_socket import problem_of
from ops.agent.evidence import end_of_file
from ops.agent.host_processes import read_bytes
from ops.agent.process_memory import memory_of
from ops.agent.processes import start
from ops.agent.step_failed import StepFailed
from ops.agent.uwsgi_command import UwsgiCommand
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
_keepers: "list[subprocess.Popen[bytes]]" = []  # Python complains of one that is forgotten while it runs
ENDS_IN_ORDER = "unix_signal:15 gracefully_kill_them_all"


class Room:
    """How many of the workers in uWSGI's file fit into memory, in addition to the running ones: `workers`.

    `free`, and `each`, what one takes, in kB. A fifth of the free memory is not used.
    """

    def __init__(self, ini: str) -> None:
        self.each, self.free = memory_of(ini)
        wanted = number_of(os.fsdecode(read_bytes(ini)), "workers") or 1
        self.workers = min(wanted, self.free * 8 // 10 // (self.each + 1))


class Standby:
    """The standby that is started from a state folder."""

    def __init__(self, app: "App", state_dir: str) -> None:
        self._app = app
        self._folder = state_dir
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

    def words(self, workers: int, zerg: str) -> "list[str]":
        """Its options; `zerg`: the socket on which the first uWSGI hands out its own, or ""."""
        text, mercy = os.fsdecode(read_bytes(self._app.ini)), str(self._app.timeout)
        words = ["--ini", self._ini, *(["--zerg", zerg] if zerg else [])]
        words += ["--socket", self._socket, "--master", "--threads", str(number_of(text, "threads") or 1)]
        words += ["--need-app", "--hook-master-start", ENDS_IN_ORDER]
        words += ["--reload-mercy", mercy, "--worker-reload-mercy", mercy]
        if not zerg or socket_count(text) < 2:
            return [*words, "--workers", str(workers)]
        # Socket 0 is its own, 1 the app's; 2 speaks HTTP, which a second uWSGI does not know: map it to a worker that
        # never starts. The host's own jobs wait.
        words += ["--workers", str(workers + 1), "--cheaper", str(workers), "--cheaper-initial", str(workers)]
        return [*words, "--cheaper-algo", "manual", "--map-socket", f"2:{workers + 1}"]

    def start(self, activate: str, words: "list[str]") -> None:
        """Start it and wait until it answers. Raises StepFailed; it may still run then."""
        keeper = self.begin(activate, words)
        problem = problem_of(self._app, self._socket, float(self._app.start), lambda: keeper.poll() is None)
        if problem:
            raise StepFailed(problem)

    def begin(self, activate: str, words: "list[str]") -> "subprocess.Popen[bytes]":
        """Start its keeper. Raises StepFailed.

        It outlives the agent, so it holds neither the lock nor the connection.
        """
        command = UwsgiCommand(self._app, activate)
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
