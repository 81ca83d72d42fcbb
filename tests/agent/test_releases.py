"""What the agent reads of a state folder."""

from pathlib import Path

import pytest

from ops.agent import releases
from ops.agent.releases_messages import Originals, ReleaseContents, ReleaseList, ReleasesRequest


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Two live releases and one that failed; the record of an older one is kept; r2 runs."""
    folder = tmp_path / "state"
    record(folder / "kept/r0", "sequence 1", "changed create /new", "changed update /old", "ended committed")
    (folder / "kept/r0/old.2").write_bytes(b"\xffolder")
    (folder / "kept/r0/old.2").chmod(0o640)
    record(folder / "releases/r1", "sequence 2", "changed update /old", "changed update /lost", "ended committed")
    record(folder / "releases/bad", "sequence 3", "changed update /other", "ended rolled-back")
    record(folder / "releases/r2", "sequence 4", "ended committed")
    (folder / "releases/r2/manifest").write_text("aa 0644 /a b\nbb 0600 /gone\n")
    (folder / "releases/r2/host").write_text('{"port": 1}\n')
    (folder / "objects").mkdir()
    (folder / "objects/aa").write_bytes(b"content\n")
    (folder / "current").symlink_to("releases/r2")
    return folder


def record(folder: Path, *lines: str) -> None:
    folder.mkdir(parents=True)
    (folder / "meta").write_text("".join(f"{line}\n" for line in lines))


def listed(state: Path, home: Path | str = "", uwsgi: Path | str = "/none") -> ReleaseList:
    found = next(releases.answer(ReleasesRequest(state_dir=str(state), home=str(home), uwsgi_file=str(uwsgi))))
    assert isinstance(found, ReleaseList)
    return found


def test_list_has_each_release_with_its_record(state: Path) -> None:
    found = listed(state)
    assert [one.name for one in found.records] == ["bad", "r1", "r2"]
    assert found.records[2].lines == ["sequence 4", "ended committed"]
    assert (found.current, found.elsewhere) == ("r2", "")


def test_newer_link_counts_after_a_power_cut(state: Path) -> None:
    (state / "releases/r1/manifest").write_text("")
    (state / "current.new").symlink_to("releases/r1")
    assert listed(state).current == "r1"


def test_contents_tell_lost_files(state: Path) -> None:
    asked = ReleasesRequest(state_dir=str(state), home="", uwsgi_file="", contents=("r2", "r1", "none"))
    _, contents = releases.answer(asked)
    assert isinstance(contents, ReleaseContents)
    assert (contents.name, contents.host) == ("r2", '{"port": 1}')
    assert [(one.path, one.mode, one.content) for one in contents.files] == [
        ("/a b", "0644", b"content\n"),
        ("/gone", "0600", None),
    ]


def test_originals_are_as_the_first_release_found_them(state: Path) -> None:
    _, found = releases.answer(ReleasesRequest(state_dir=str(state), home="", uwsgi_file="", originals=True))
    assert isinstance(found, Originals)
    assert [(one.path, one.existed, one.mode, one.content) for one in found.files] == [
        ("/new", False, "", None),
        ("/old", True, "0640", b"\xffolder"),
        ("/lost", True, "", None),
    ]


def test_record_that_cannot_be_read_is_left_out(state: Path) -> None:
    (state / "releases/r1/meta").unlink()
    (state / "releases/r1/meta").mkdir()
    assert [one.name for one in listed(state).records] == ["bad", "r2"]
    assert listed(state / "none").records == []


def test_bytes_that_are_no_text_are_replaced(state: Path) -> None:
    (state / "releases/r2/meta").write_bytes(b"by \xff\r x\n")
    assert listed(state).records[2].lines == ["by \ufffd\r x"]


@pytest.mark.parametrize("how", ["note", "uwsgi", "usual"])
def test_another_folder_with_releases_is_named(state: Path, tmp_path: Path, how: str) -> None:
    home, ini = tmp_path / "home", tmp_path / "u.ini"
    (home / "private").mkdir(parents=True)
    place = state
    if how == "note":
        (home / ".poms-ops-state-dir").write_text(f"{state}\n")
    elif how == "uwsgi":
        place = tmp_path / "100%"
        state.rename(place)
        ini.write_text(f"[uwsgi]\nzerg-server = {tmp_path}/100%%/uwsgi.zerg\n")
    else:
        place = home / "private/poms-ops"
        state.rename(place)
    assert listed(tmp_path / "other", home, ini).elsewhere == str(place)
    assert listed(place, home, ini).elsewhere == ""
    (tmp_path / "other/pending").mkdir(parents=True)
    assert listed(tmp_path / "other", home, ini).elsewhere == ""
