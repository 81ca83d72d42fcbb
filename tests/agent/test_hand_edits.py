"""No hand edit is lost: not while files are validated, not once they are in place, not by a recovery."""

from pathlib import Path

import pytest

from ops.agent import change_validation, durable
from ops.agent.change import Change
from ops.agent.transaction_messages import TransactionRequest, Verdict
from tests.agent.local_agent import probed
from tests.agent.shells import executable
from tests.agent.transactions import NEW, OLD, FakeHost, Ran, carry_out, digest, write

EDIT = b"# an edit\n"


@pytest.fixture
def fake(tmp_path: Path) -> FakeHost:
    made = FakeHost(tmp_path)
    made.conf.write_bytes(OLD)
    return made


def request(fake: FakeHost) -> TransactionRequest:
    other = fake.conf.with_name("a_new.conf")
    return fake.request(write(other, NEW), write(fake.conf, NEW))


def kept(ran: Ran) -> list[bytes]:
    """The edits that the answer names as kept."""
    names = [note.rpartition(" ")[2] for note in ran.notes if "edited" in note]
    return [Path(name).read_bytes() for name in names]


def test_time_of_an_edit_is_told_whatever_is_wanted_now(fake: FakeHost) -> None:
    wanted = (fake.conf, digest(NEW))
    assert [path for path, _ in probed(fake.state, wanted).rewritten] == [str(fake.conf)], "never deployed"
    carry_out(fake.request(write(fake.conf, OLD)))
    assert probed(fake.state, wanted).rewritten == []
    fake.conf.write_bytes(EDIT)
    assert probed(fake.state, wanted).rewritten == [(str(fake.conf), fake.conf.stat().st_mtime)]


def test_deploy_keeps_file_edited_during_validation(fake: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    validate = change_validation.validate

    def edit_then_validate(change: Change) -> None:
        fake.conf.write_bytes(EDIT)
        validate(change)

    monkeypatch.setattr("ops.agent.transaction.validate", edit_then_validate)
    ran = carry_out(request(fake))
    assert (ran.ended, ran.failed.step) == ("rolled-back", "swap"), ran
    assert fake.conf.read_bytes() == EDIT
    assert not fake.conf.with_name("a_new.conf").exists()
    assert fake.left_over() == []


def test_deploy_keeps_file_edited_in_the_moment_before_it_is_replaced(
    fake: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = durable.copy

    def edit_then_copy(source: str, target: str) -> None:
        if target.endswith(".ssl.conf.poms-ops-new"):
            fake.conf.write_bytes(EDIT)
        copy(source, target)

    monkeypatch.setattr(durable, "copy", edit_then_copy)
    ran = carry_out(request(fake))
    assert (ran.ended, ran.failed.step) == ("rolled-back", "swap"), ran
    assert fake.conf.read_bytes() == EDIT
    assert fake.left_over() == []


def test_rollback_backs_up_and_names_hand_edit_of_deployed_file(fake: FakeHost) -> None:
    (fake.root / "edit").write_bytes(EDIT)
    once = f"#!/bin/sh\n[ ! -e '{fake.root}/edit' ] || mv '{fake.root}/edit' '{fake.conf}'\n"
    executable(fake.root / "reload", once)
    ran = carry_out(request(fake), Verdict(reason="no"))
    assert ran.ended == "rolled-back", ran
    assert kept(ran) == [EDIT]
    assert fake.conf.read_bytes() == OLD


def died(fake: FakeHost, swapped: str) -> None:
    """A deploy has died that was to replace the file, and had noted `swapped`; somebody has edited the file since."""
    pending = fake.state / "pending"
    pending.mkdir()
    (pending / "files").write_text(f"1 0644 {digest(OLD)} {digest(NEW)} {fake.conf}\n")
    (pending / "old.1").write_bytes(OLD)
    (pending / "swapped").write_text(swapped)
    (pending / "meta").write_text("release r0\n")
    for name in ("swapping", "reloads", "listens", "well"):
        (pending / name).touch()
    fake.conf.write_bytes(EDIT)


def test_recovery_backs_up_and_names_hand_edit(fake: FakeHost) -> None:
    died(fake, swapped="1\n")
    ran = carry_out(fake.request(write(fake.conf, NEW, digest(OLD)), name="r1"))
    assert ran.ended == "committed", ran
    assert kept(ran) == [EDIT]
    assert fake.conf.read_bytes() == NEW


def test_recovery_leaves_edit_of_file_killed_deploy_never_replaced(fake: FakeHost) -> None:
    died(fake, swapped="")
    other = fake.conf.with_name("a_new.conf")
    assert carry_out(fake.request(write(other, NEW), name="r1")).ended == "committed"
    assert fake.conf.read_bytes() == EDIT
