"""SELinux labels a file by the folder that it is made in, and a file that is moved keeps the label that it has.

So a managed file is made in its own folder and renamed within it, whichever way it gets there. STAND-INS note what
cp, mv and ln are asked to do; no kernel here gives labels.
"""

from pathlib import Path

import pytest

from tests.scripts.remote import SHELLS, FakeHost, Ran, digest, executable, run

OLD, NEW = b"# old\n", b"# new\n"
NOTES = """#!/bin/sh
echo "@NAME@" "$@" >>@ROOT@/moved
PATH=/usr/bin:/bin exec @NAME@ "$@"
"""


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Host(FakeHost):
    """A fake host whose tools note what they move."""

    def provision(self) -> None:
        """A file that is there before, and the stand-ins."""
        self.conf.write_bytes(OLD)
        (self.root / "bin").mkdir()
        for name in ("cp", "mv", "ln"):
            executable(self.root / "bin" / name, NOTES.replace("@NAME@", name).replace("@ROOT@", str(self.root)))
        # An edit by hand while Apache reloads, and then the reload fails.
        executable(self.root / "edited", f"#!/bin/sh\necho edited >>'{self.conf}'\nexit 1\n")
        executable(self.root / "fails", f"#!/bin/sh\n! grep -q new '{self.conf}'\n")
        executable(self.root / "bin/restorecon", f'#!/bin/sh\necho "$@" >>{self.root}/relabelled\n')

    def deploy(self, shell: str, reload: str = "reload") -> Ran:
        """Deploy a changed file, and one that was not there."""
        files = (self.conf, NEW, digest(OLD)), (self.root / "home/private/config/x.ini", NEW, "absent")
        return run(shell, "transaction", [*self.request(*files, reload=reload), "commit"], str(self.root / "bin"))

    def moved(self) -> list[list[str]]:
        """What the tools were asked, each as its words."""
        return [line.split() for line in (self.root / "moved").read_text().splitlines()]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path)
    made.provision()
    return made


@pytest.mark.parametrize(
    ("reload", "ended"), [("reload", "committed"), ("fails", "rolled-back"), ("edited", "files-back")]
)
def test_managed_file_is_always_created_in_its_own_directory(shell: str, host: Host, reload: str, ended: str) -> None:
    ran = host.deploy(shell, reload)
    assert ran.values("ended") == [ended], ran
    managed = {str(host.conf.parent), str(host.root / "home/private/config")}
    for tool, *words in host.moved():
        options = [word for word in words if word.startswith("-")]
        places = {str(Path(word).parent) for word in words if not word.startswith("-")}
        assert not [word for word in options if "a" in word or "Z" in word or "context" in word or "xattr" in word]
        if tool != "cp" and places & managed:
            assert len(places) == 1, (tool, words)
    kept = [path for path in (host.root / "state").rglob("edited.*") if path.is_file()]
    assert len(kept) == (reload == "edited")


def test_directory_created_by_deploy_is_relabelled_once(shell: str, host: Host) -> None:
    """A new folder has its parent's, whatever root has named for it; the account may set what root has named."""
    assert host.deploy(shell).values("ended") == ["committed"]
    assert (host.root / "relabelled").read_text().split() == ["-R", str(host.root / "home/private/config")]
    (host.root / "relabelled").unlink()
    host.conf.write_bytes(OLD)
    (host.root / "home/private/config/x.ini").unlink()
    assert host.deploy(shell).values("ended") == ["committed"]
    assert not (host.root / "relabelled").exists()
