"""What the soak draws, and how it reads what a failed deploy advises."""

from collections import Counter

from tests.soak.advice import read_advice
from tests.soak.plan import FAULTS, TASKS, draw
from tests.soak.versions import edit_line, is_edited, without_edits


def test_an_operation_is_the_same_in_every_run() -> None:
    assert [draw(7, number) for number in range(50)] == [draw(7, number) for number in reversed(range(50))][::-1]
    assert draw(7, 3) != draw(8, 3)


def test_every_kind_of_task_and_fault_is_drawn_often() -> None:
    operations = [draw(1, number) for number in range(300)]
    drawn = Counter(one.task.name for one in operations)
    drawn.update(fault.kind for one in operations for fault in one.faults)
    drawn.update("second" for one in operations if one.second)
    assert {kind for kind in (*TASKS, *FAULTS, "second") if drawn[kind] < 5} == set()


def test_without_disks_none_is_filled() -> None:
    faults = [fault for number in range(300) for fault in draw(1, number, disks=False).faults]
    assert {fault.kind for fault in faults} == set(FAULTS) - {"fill-disk"}


def test_edits_are_told_from_what_was_deployed() -> None:
    deployed, first, second = b"a = 1\nb = 2\n", edit_line(12, "0").encode(), edit_line(12, "1").encode()
    assert without_edits(deployed + first + second) == deployed
    assert (is_edited(deployed), is_edited(first + deployed)) == (False, True)
    assert first != second


def test_what_a_failed_deploy_advises_is_done() -> None:
    by = "x: edited on the host\n  unchanged: everything\n  what to do: keep it, or overwrite with --force"
    step = read_advice(by, force=False)
    assert step is not None
    assert (step.task, step.force) == ("deploy", True)
    step = read_advice("x: another deploy is running: y\n  what to do: wait for it", force=False)
    assert step is not None
    assert step.wait
    step = read_advice("x: failed\n  what to do: make it writable, then fab -H x recover", force=True)
    assert step is not None
    assert step.task == "recover"
    step = read_advice(
        "x: died\n  what to do: 'kill 12 13' on the host ends them; then fab start-supervisord", force=True
    )
    assert step is not None
    assert (step.shell, step.task) == ("kill 12 13", "start-supervisord")
    assert read_advice("x: failed\n  what to do: pray", force=False) is None
