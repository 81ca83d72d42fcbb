"""SELinux labels a file by the folder that it is made in, and a file that is moved keeps the label that it has.

So a managed file is made in its own folder and renamed within it, whichever way it gets there; no kernel here gives
labels.
"""

import os
from pathlib import Path

import pytest

from tests.agent.shells import executable
from tests.agent.transactions import NEW, OLD, FakeHost, Ran, carry_out, write


class Host(FakeHost):
    """A fake host that notes what is renamed and linked."""

    def provision(self) -> None:
        """A file that is there before, and the reloads."""
        self.conf.write_bytes(OLD)
        # An edit by hand while Apache reloads, and then the reload fails.
        executable(self.root / "edited", f"#!/bin/sh\necho edited >>'{self.conf}'\nexit 1\n")
        executable(self.root / "fails", f"#!/bin/sh\n! grep -q new '{self.conf}'\n")
        executable(self.root / "bin/restorecon", f'#!/bin/sh\necho "$@" >>{self.root}/relabelled\n')

    def deploy(self, reload: str = "reload") -> Ran:
        """Deploy a changed file, and one that was not there."""
        files = write(self.conf, NEW), write(self.root / "home/private/config/x.ini", NEW)
        return carry_out(self.request(*files, commands=self.commands(reload)))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path)
    made.provision()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    return made


@pytest.mark.parametrize(
    ("reload", "ended"), [("reload", "committed"), ("fails", "rolled-back"), ("edited", "files-back")]
)
def test_managed_file_is_always_created_in_its_own_directory(
    host: Host, monkeypatch: pytest.MonkeyPatch, reload: str, ended: str
) -> None:
    moved: list[tuple[Path, Path]] = []
    for name in ("rename", "link"):
        real = getattr(os, name)

        def noted(source: str, target: str, real: object = real) -> None:
            moved.append((Path(source), Path(target)))
            real(source, target)  # type: ignore[operator] # os.rename or os.link

        monkeypatch.setattr(os, name, noted)
    assert host.deploy(reload).ended == ended
    managed = {host.conf.parent, host.root / "home/private/config"}
    ours = [pair for pair in moved if {path.parent for path in pair} & managed]
    assert len(ours) >= 3
    assert [pair for pair in ours if pair[0].parent != pair[1].parent] == []
    kept = [path for path in host.state.rglob("edited.*") if path.is_file()]
    assert len(kept) == (reload == "edited")


def test_directory_created_by_deploy_is_relabelled_once(host: Host) -> None:
    """A new folder has its parent's, whatever root has named for it; the account may set what root has named."""
    assert host.deploy().ended == "committed"
    assert (host.root / "relabelled").read_text().split() == ["-R", str(host.root / "home/private/config")]
    (host.root / "relabelled").unlink()
    host.conf.write_bytes(OLD)
    (host.root / "home/private/config/x.ini").unlink()
    assert host.deploy().ended == "committed"
    assert not (host.root / "relabelled").exists()
