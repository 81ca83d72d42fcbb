"""What a release is made from is told by the inventory's own folder."""

import subprocess
from pathlib import Path

import pytest

from ops.deploy.release_source import NONE, read_source, what_is_missing
from ops.deploy.releases import new_release
from ops.project import PROJECT


def git(folder: Path, *words: str) -> str:
    said = subprocess.run(
        ["git", "-C", folder, "-c", "user.name=x", "-c", "user.email=x@y", *words],
        check=True,
        capture_output=True,
        text=True,
    )
    return said.stdout.strip()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with an inventory in a folder of it, committed."""
    folder = tmp_path / "site"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/hosts.toml").write_text("[hosts.web1]\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    monkeypatch.setenv("POMS_INVENTORY", str(folder / "sub/hosts.toml"))
    return folder


def test_release_source_is_repository_of_inventory(site: Path) -> None:
    found = read_source()
    assert (found.commit, found.clean, found.inventory) == (git(site, "rev-parse", "HEAD"), True, "sub/hosts.toml")
    assert found.repository == str(site)
    assert found.toolkit == git(PROJECT, "rev-parse", "HEAD")
    lines = new_release("me").metadata_lines()
    assert f"commit {found.commit}" in lines
    assert f"toolkit {found.toolkit}" in lines


@pytest.mark.parametrize("change", ["sub/hosts.toml", "untracked"])
def test_uncommitted_change_makes_source_unclean(site: Path, change: str) -> None:
    (site / change).write_text("# changed\n")
    assert not read_source().clean


def test_inventory_ignored_by_git_counts_as_uncommitted(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (site / ".git/info/exclude").write_text("other.toml\n")
    (site / "other.toml").write_text("[hosts.web1]\n")
    monkeypatch.setenv("POMS_INVENTORY", str(site / "other.toml"))
    assert (read_source().commit, read_source().clean) == (git(site, "rev-parse", "HEAD"), False)


def test_an_inventory_outside_any_repository_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hosts.toml").write_text("[hosts.web1]\n")
    monkeypatch.setenv("POMS_INVENTORY", str(tmp_path / "hosts.toml"))
    monkeypatch.setenv("GIT_DIR", str(PROJECT / ".git"))  # as within a hook
    found = read_source()
    assert (found.repository, found.commit, found.clean) == ("", NONE, False)
    assert found.inventory == str(tmp_path / "hosts.toml")


def test_repository_url_is_recorded_without_password(site: Path) -> None:
    git(site, "remote", "add", "origin", "https://jdoe:s3cret@git.example.org/site.git")
    assert read_source().repository == "https://git.example.org/site.git"


def test_missing_commit_is_reported_for_its_own_repository(site: Path) -> None:
    own, toolkit = git(site, "rev-parse", "HEAD"), git(PROJECT, "rev-parse", "HEAD")
    other = "0" * 40
    assert what_is_missing(own, toolkit) == ""
    assert what_is_missing(other, toolkit) == f"commit {other[:12]}"
    assert what_is_missing(own, other) == f"commit {other[:12]} of poms-ops"
    assert what_is_missing(NONE, toolkit) == ""
    assert what_is_missing(toolkit, None) == "", "a record of the version before has the toolkit's commit"
    assert what_is_missing(other, None)
    assert what_is_missing(None, None) == ""
