"""Change this host as a whole, or leave it as it was.

Lock, recover, stage, back up, validate, look, swap, reload, look again, wait for the verdict, keep the change on
trial if that is wanted, then commit or roll back. Before the first file changes, state_dir/pending has all that a
rollback needs, so that a later run can do it (change.py).
"""

import contextlib
import functools
import os
import signal
import sys
import traceback

from ops.agent import app_folders, change_checks, file_swap, pending_reloads, release_store
from ops.agent.apache_failure import why
from ops.agent.apache_messages import LockRefused
from ops.agent.bake_notes import forget_end, note_end
from ops.agent.change import RESERVE, Change, make_folder, tell_full_disk
from ops.agent.change_validation import validate
from ops.agent.commands import run_command
from ops.agent.durable import mark, remove, remove_tree, sync_folder
from ops.agent.lock import Lock, Locked, Unlockable
from ops.agent.narration import narrated
from ops.agent.operator_words import OperatorWords
from ops.agent.recovery import unfinished
from ops.agent.service_messages import Note
from ops.agent.service_reloads import APACHE, ServiceReloads, step_of
from ops.agent.standby_end import end_standbys
from ops.agent.step_failed import StepFailed
from ops.agent.supervised_programs import SupervisedPrograms
from ops.agent.transaction_messages import ChangeEnded, ChangeFailed, VerdictWanted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ops.agent.bake import Bake
    from ops.agent.messages import Message
    from ops.agent.transaction_messages import TransactionRequest

READ_SECONDS = 10.0  # for the operator's side to say that it has read how a bake ended
SIGNALS = (signal.SIGTERM, signal.SIGINT)


def answer(request: "TransactionRequest") -> "Iterator[Message]":
    """Each step as it begins, and how the change ended. What ends this process rolls the change back first."""
    words = OperatorWords(sys.stdin.buffer, request.limit)
    for number in SIGNALS:
        signal.signal(number, lambda caught, _: words.hear(f"the agent was ended by signal {caught}"))
    signal.signal(signal.SIGHUP, lambda _, __: words.lose("the login on the host has ended"))
    yield from narrated(lambda tell: change_host(request, words, tell))


def change_host(request: "TransactionRequest", words: OperatorWords, tell: "Callable[[Message], None]") -> None:
    """All of it, under the host's lock."""
    try:
        with Lock(request.supervisord.state_dir, request.owner) as lock:
            if lock.took_over:
                tell(Note(text=f"took over the lock of a task that died: {lock.took_over}"))
            forget_end(request.supervisord.state_dir)
            if _recover(request, tell):
                _Transaction(request, words, tell).run()
            end_standbys(request.supervisord.state_dir, 0, "spare", tell)
    except Locked as error:
        tell(LockRefused(owner=str(error)))
    except Unlockable as error:
        tell(LockRefused(problem=str(error)))


class _Stopped(Exception):
    """A step failed, or the operator does not want the change any more; the message tells which."""

    def __init__(self, failed: ChangeFailed) -> None:
        super().__init__(failed)
        self.failed = failed

    @property
    def record(self) -> str:
        """What it was, for the record of the release."""
        return f"unwanted {self.failed.unwanted}" if self.failed.unwanted else f"failed {self.failed.step}"


class _Transaction:
    def __init__(
        self, request: "TransactionRequest", words: OperatorWords, tell: "Callable[[Message], None]"
    ) -> None:
        folder = os.path.join(request.supervisord.state_dir, "pending")
        self._request = request
        self._words = words
        self._tell_operator, self._ended = tell, ""
        self._change = Change(folder, request, self._tell, lambda: words.unwanted)
        self._reloads = ServiceReloads(self._change)
        self._has_baked = False
        self._bake: Bake | None = None
        if request.bake:  # sent only then
            self._bake = __import__("ops.agent.bake", fromlist=["Bake"]).Bake(self._change, request.bake, words)

    def run(self) -> None:
        """The change, or its rollback."""
        try:
            self._prepare()
        except _Stopped as stopped:
            self._leave_unchanged(stopped)
            return
        try:
            self._apply()
        except _Stopped as stopped:
            self._roll_back(stopped)
            return
        self._finish()

    # ---- the steps ---------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """All that changes nothing."""
        change = self._change
        with _stopping(change, "stage"):
            make_folder(change.folder, self._request)
        self._step("stage", lambda: file_swap.check_received(change))
        self._step("directories", self._make_directories)
        self._step("keep", self._back_up)
        self._step("prove", lambda: validate(change))
        self._step("look", self._look_before)
        with _stopping(change, "look"):
            self._note_beginning()

    def _apply(self) -> None:
        change = self._change
        self._step("swap", lambda: file_swap.swap(change))
        if APACHE in self._request.reloads:
            self._step("configtest", self._test_configuration)
        with _stopping(change, "swap"):
            change.mark("reloading")
        for reload in self._request.reloads:
            self._step(step_of(reload), functools.partial(self._reload, reload))
        self._step("check", lambda: change_checks.look_after(change))
        self._wait_for_verdict()
        if self._bake:
            self._has_baked = True
            self._step("bake", self._bake.run)
            self._words.end()
        if self._request.record.manifest:
            self._step("commit", self._commit)
        else:  # this run only recovered, or did pending reloads
            remove_tree(change.folder)

    def _commit(self) -> None:
        release_store.keep_release(self._change)
        file_swap.forget_old(self._change)
        release_store.file_away(self._change)

    def _finish(self) -> None:
        record = self._request.record
        if record.manifest:
            with contextlib.suppress(OSError):
                release_store.prune(self._change.state_dir, record.keep)
            with contextlib.suppress(OSError):
                release_store.note_place(self._change.state_dir, record.home)
        self._change.tell(ChangeEnded(how="committed"))
        self._note_end_of_bake()

    def _step(self, name: str, do: "Callable[[], None]") -> None:
        with _stopping(self._change, name):
            self._change.begin(name)
            do()

    def _look_before(self) -> None:
        change_checks.look_before(self._change)
        if self._bake:
            self._bake.look_before()

    def _make_directories(self) -> None:
        app_folders.make_directories(self._request.directories)
        for app in [app for app in self._request.apps if app.account]:
            app_folders.let_apache_in(app.account, app.listen)

    def _back_up(self) -> None:
        file_swap.back_up(self._change)
        with open(self._change.path("reserve"), "wb") as reserve:  # space for a rollback's records on a full disk
            reserve.write(b"\0" * RESERVE)

    def _note_beginning(self) -> None:
        """On the disk before the first file changes."""
        self._reloads.note_version()
        pending_reloads.keep_before(self._change)
        pending_reloads.note_all(self._change, self._request.reloads)
        self._change.mark("swapped")
        self._change.mark("swapping")
        os.sync()

    def _test_configuration(self) -> None:
        words = self._request.commands.configtest
        ended = run_command(words, self._request.sudo_password) if words else None
        if ended and ended.code:
            raise StepFailed(ended.text or f"exit code {ended.code}")

    def _reload(self, reload: str) -> None:
        self._reloads.do(reload)
        pending_reloads.note_done(self._change, reload)

    def _wait_for_verdict(self) -> None:
        change = self._change
        with _stopping(change, "verdict"):
            change.begin("verdict")
            change.tell(VerdictWanted())
            change.record(*(f"check {line}" for line in self._words.verdict().checks))

    # ---- the ways back -----------------------------------------------------------------------------------------

    def _leave_unchanged(self, stopped: _Stopped) -> None:
        self._change.tell(stopped.failed)
        pending_reloads.restore(self._change)
        with contextlib.suppress(OSError):  # first: a folder with this sign, half removed, could not be rolled back
            remove(self._change.path("swapping"))
        remove_tree(self._change.folder)
        self._change.tell(ChangeEnded(how="unchanged"))

    def _roll_back(self, stopped: _Stopped) -> None:
        self._change.tell(stopped.failed)
        _undo(self._change, "put-back", stopped.record)
        self._note_end_of_bake()

    def _note_end_of_bake(self) -> None:
        """For the next command, unless the operator's side says that it has read how the change ended."""
        if not self._has_baked or self._words.is_ended_by_operator:
            return
        state_dir = self._change.state_dir
        note_end(state_dir, self._ended, self._request.record.meta[0].split(" ", 1)[1])
        self._words.end()
        if self._words.has_read_the_end(READ_SECONDS):
            forget_end(state_dir)

    def _tell(self, message: "Message") -> None:
        if isinstance(message, ChangeEnded):
            self._ended = message.how
        self._tell_operator(message)


def _recover(request: "TransactionRequest", tell: "Callable[[Message], None]") -> bool:
    """Roll back a change that died; whether this run may go on."""
    state_dir = request.supervisord.state_dir
    try:
        change = unfinished(request, tell)
    except (OSError, StepFailed) as error:
        tell_full_disk(state_dir, tell)
        tell(ChangeFailed(step="recover", evidence=str(error)))
        tell(ChangeEnded(how="unchanged"))
        return False
    if not change:
        return True
    name = (change.lines("meta") or [""])[0]
    return _undo(change, "recover", "killed before its end", f"rolled back a deploy that was killed: {name}")


def _undo(change: Change, step: str, why_ended: str, note: str = "") -> bool:
    """Restore the old files, and let the services read them; whether all files are back."""
    change.is_way_back = True
    for path in (change.path("reserve"), os.path.join(change.state_dir, "current.new")):
        with contextlib.suppress(OSError):
            remove(path)
    change.begin(step)
    left = file_swap.restore(change)
    if left:
        change.note(f"could not be restored: {' '.join(left)}; the old files are in {change.folder}")
        change.tell(ChangeEnded(how="broken", left=left, backups=change.folder))
        return False
    if note:  # since it died, a boot or somebody's reload may have loaded some of the new files
        with contextlib.suppress(OSError):
            mark(change.path("reloading"))
    is_whole = _reload_old_files(change)
    if note:
        change.note(note)
    with contextlib.suppress(OSError):
        release_store.note_end(change, f"rolled-back {why_ended}")
    _file_away(change)
    if not note:
        change.tell(ChangeEnded(how="rolled-back" if is_whole else "files-back"))
    return True


def _file_away(change: Change) -> None:
    """The files are back: a folder that cannot be moved must not be rolled back once more."""
    try:
        release_store.file_away(change)
    except OSError as error:
        change.note(f"the record of this deploy is lost: {error}")
        remove_tree(change.folder)
    sync_folder(change.state_dir)


def _reload_old_files(change: Change) -> bool:
    """Let the services that may have read the new files read the old ones; whether all is as before."""
    if not change.has("reloading"):
        pending_reloads.restore(change)
        return True
    try:
        ServiceReloads(change).undo()
    except Exception as error:  # noqa: BLE001 - the files are back: whatever it is, the record is to be kept
        change.say(str(error))
        change.note("a service was not reloaded after the rollback; its reload is pending")
        return False
    try:
        change_checks.look_again(change)
    except Exception as error:  # noqa: BLE001 - as above
        change.say(str(error))
        change.note(f"the old files are restored, but a check fails: {(str(error).splitlines() or [''])[-1]}")
        return False
    return True


@contextlib.contextmanager
def _stopping(change: Change, step: str) -> "Iterator[None]":
    """What a step raises, and what the operator's side says before and after it, as _Stopped."""
    _need_wanted(change)
    try:
        yield
    except StepFailed as error:
        change.say(error.evidence)
    except OSError as error:
        change.say(str(error))
    except Exception:  # noqa: BLE001 - a fault of ours must not leave the host between old and new
        change.say(traceback.format_exc())
    else:
        _need_wanted(change)
        return
    if change.is_unwanted():  # the step may have ended for that
        _need_wanted(change)
    raise _Stopped(ChangeFailed(step=step, evidence=_evidence(change)))


def _need_wanted(change: Change) -> None:
    unwanted = change.is_unwanted()
    if unwanted:
        raise _Stopped(ChangeFailed(unwanted=unwanted, evidence=_evidence(change)))


def _evidence(change: Change) -> str:
    """What the tools have said; once services were reloaded, also how they are now."""
    tell_full_disk(change.state_dir, change.tell)
    if change.has("reloading"):
        with contextlib.suppress(StepFailed, OSError):
            programs = SupervisedPrograms(change.request.supervisord, change.tell)
            change.say(f"== supervisord's programs\n{programs.describe()}")
        # Apache's own state is evidence only if its command has failed.
        commands = change.request.commands
        command = commands.reload if change.step == "reload-apache" else []
        since = os.stat(change.path("reloading")).st_mtime
        change.say(why(command, commands.start if command else [], change.request.logs, since))
    return change.evidence
