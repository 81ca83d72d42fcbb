"""No hand edit is lost: not while files are validated, not once they are in place, not by a recovery."""

from pathlib import Path

import pytest

from tests.scripts.remote import SHELLS, FakeHost, Ran, answer, digest, executable, run

OLD, NEW, EDIT = b"# old\n", b"# new\n", b"# an edit\n"


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fake(tmp_path: Path) -> FakeHost:
    made = FakeHost(tmp_path)
    made.conf.write_bytes(OLD)
    return made


def request(fake: FakeHost) -> list[str]:
    other = fake.conf.with_name("a_new.conf")
    return fake.request((other, NEW, "absent"), (fake.conf, NEW, digest(OLD)))


def edits(fake: FakeHost, when: str) -> Path:
    """A command in front of PATH that edits the file when it is called with `when` among its words; its folder."""
    folder = fake.root / "bin"
    folder.mkdir()
    text = f"""#!/bin/sh
case " $* " in *{when}*) cat "{fake.root}/edit" >"{fake.conf}" ;; esac
PATH=/usr/bin:/bin exec "${{0##*/}}" "$@"
"""
    (fake.root / "edit").write_bytes(EDIT)
    for name in ("sync", "mv", "cp", "head", "grep"):
        executable(folder / name, text)
    return folder


def kept(fake: FakeHost, ran: Ran) -> list[bytes]:
    """The edits that the answer names as kept."""
    names = [note.rpartition(" ")[2] for note in ran.values("note") if "edited" in note]
    return [Path(name).read_bytes() for name in names]


def test_deploy_keeps_file_edited_during_validation(shell: str, fake: FakeHost) -> None:
    folder = edits(fake, "/pending/reserve")  # the end of the backup, in a stand-in for the time of validation
    executable(folder / "head", (folder / "grep").read_text().replace("/pending/reserve", "65536"))
    ran = run(shell, "transaction", [*request(fake), "commit"], path=str(folder))
    assert ran.values("ended") == ["rolled-back"], ran
    assert fake.conf.read_bytes() == EDIT
    assert not fake.conf.with_name("a_new.conf").exists()


def test_rollback_backs_up_and_names_hand_edit_of_deployed_file(shell: str, fake: FakeHost) -> None:
    (fake.root / "edit").write_bytes(EDIT)
    once = f"#!/bin/sh\n[ ! -e '{fake.root}/edit' ] || mv '{fake.root}/edit' '{fake.conf}'\n"
    executable(fake.root / "reload", once)
    ran = answer(shell, "transaction", request(fake), "verdict", ["rollback"])
    assert ran.values("ended") == ["rolled-back"], ran
    assert kept(fake, ran) == [EDIT]
    assert fake.conf.read_bytes() == OLD


def died(fake: FakeHost, swapped: str) -> None:
    """A deploy has died that was to replace the file, and had noted `swapped`; somebody has edited the file since."""
    pending = fake.root / "state/pending"
    pending.mkdir()
    (pending / "files").write_text(f"1 0644 {digest(OLD)} {digest(NEW)} {fake.conf}\n")
    (pending / "old.1").write_bytes(OLD)
    (pending / "swapped").write_text(swapped)
    (pending / "meta").write_text("release r0\n")
    for name in ("swapping", "reloads", "listens", "well"):
        (pending / name).touch()
    fake.conf.write_bytes(EDIT)


def test_recovery_backs_up_and_names_hand_edit(shell: str, fake: FakeHost) -> None:
    died(fake, swapped="1\n")
    ran = run(shell, "transaction", [*fake.request((fake.conf, NEW, digest(OLD)), name="r1"), "commit"])
    assert ran.values("ended") == ["committed"], ran
    assert kept(fake, ran) == [EDIT]
    assert fake.conf.read_bytes() == NEW


def test_recovery_leaves_edit_of_file_killed_deploy_never_replaced(shell: str, fake: FakeHost) -> None:
    died(fake, swapped="")
    other = fake.conf.with_name("a_new.conf")
    ran = run(shell, "transaction", [*fake.request((other, NEW, "absent"), name="r1"), "commit"])
    assert ran.values("ended") == ["committed"], ran
    assert fake.conf.read_bytes() == EDIT
