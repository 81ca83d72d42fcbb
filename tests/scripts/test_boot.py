"""Who starts supervisord at boot, and who has Apache read revocation lists again: only what is in force counts."""

from pathlib import Path

import pytest

from ops.scripts import script
from tests.scripts import remote
from tests.scripts.remote import SHELLS, executable, run

ME = "poms"
INIT = f"#!/bin/sh\nsu - {ME} -c 'supervisord -c /home/poms/supervisord.conf'\n"
CRON = f"@reboot {ME} supervisord -c /home/poms/supervisord.conf\n"
GRACEFUL = "0 * * * * root /usr/sbin/httpd -k graceful\n"


def commented(text: str, sign: str = "#") -> str:
    return "".join(f"{sign}{line}\n" for line in text.splitlines())


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    """Each shell that a host may have as /bin/sh."""
    return str(request.param)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the host's /etc is; the account's home is `home` in it."""
    text = script("doctor")
    assert "/etc/cron.d/" in text
    monkeypatch.setattr(remote, "script", lambda _: text.replace("/etc/", f"{tmp_path}/etc/"))
    monkeypatch.setattr(remote, "OWN_PATH", remote.OWN_PATH.replace("/etc/", f"{tmp_path}/etc/"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path


def boot(shell: str, root: Path, crontab: str = "", **files: str) -> str:
    """What doctor finds where the host has `files` (a path of /etc or of the home to a text) and that crontab."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "bin").mkdir(exist_ok=True)
    (root / "table").write_text(crontab)
    executable(root / "bin/crontab", f"#!/bin/sh\ncat {root}/table\n")
    executable(root / "bin/id", f"#!/bin/sh\necho {ME}\n")
    asked = [f"state_dir {root}/state", "supervisord_conf /home/poms/supervisord.conf"]
    asked += [f"supervisor_socket {root}/s.sock", "activate :", f"lists {root}/lists", "end"]
    found = run(shell, "doctor", asked, str(root / "bin"))
    told = {fact.partition(" ")[0]: fact.partition(" ")[2] for fact in found.values("fact")}
    assert "boot" in told, found
    for name in files:
        (root / name).unlink()
    return "; ".join(told[name].replace(f"{root}/", "") for name in ("boot", "lists_reloaded") if name in told)


PLACES = {
    "etc/cron.d/poms": CRON,
    "etc/crontab": CRON,
    "etc/init.d/poms": INIT,
    "etc/rc.local": INIT,
}


def test_boot_check_finds_what_starts_supervisord(shell: str, root: Path) -> None:
    for place, text in PLACES.items():
        assert boot(shell, root, **{place: text}) == place
    for line in ("@reboot supervisord\n", "# x\n @reboot . setup && supervisord -c x\n"):
        assert boot(shell, root, line) == "the account's crontab"


def test_boot_check_ignores_comments(shell: str, root: Path) -> None:
    for place, text in PLACES.items():
        for sign in ("#", "# ", "  # "):
            assert boot(shell, root, **{place: commented(text, sign)}) == "nobody", place
    for line in ("#@reboot supervisord\n", "# @reboot supervisord\n", "@reboot true # and not supervisord\n"):
        assert boot(shell, root, line) == "nobody", line


def test_crontab_job_must_name_account_and_supervisord_together(shell: str, root: Path) -> None:
    """The account's name and supervisord's have to stand in one job, and a job is no variable."""
    for text in (
        f"# supervisord is started by hand\n@reboot {ME} /bin/true\n",
        f"MAILTO={ME}\n@reboot other supervisord -c /etc/other.conf\n",
        f"MAILTO=supervisord-{ME}\n@daily {ME} /bin/true\n",
        f"@reboot {ME} /bin/true # once: supervisord\n",
    ):
        assert boot(shell, root, **{"etc/cron.d/jobs": text}) == "nobody", text


def test_boot_check_ignores_package_backup_files(shell: str, root: Path) -> None:
    for ending in ("~", ".rpmsave", ".rpmnew", ".dpkg-old"):
        assert boot(shell, root, **{f"etc/cron.d/poms{ending}": CRON}) == "nobody", ending


def test_boot_check_ignores_commented_apache_reload(shell: str, root: Path) -> None:
    (root / "lists").mkdir()
    (root / "lists/0a0a.r0").touch()
    assert boot(shell, root, **{"etc/cron.d/x": GRACEFUL}) == "nobody; etc/cron.d/x"
    for text in (commented(GRACEFUL), "0 * * * * root true # httpd -k graceful\n"):
        assert boot(shell, root, **{"etc/cron.d/x": text}) == "nobody; nobody", text


def test_apache_unit_does_not_count_as_periodic_reload(shell: str, root: Path) -> None:
    (root / "lists").mkdir()
    (root / "lists/0a0a.r0").touch()
    unit = "[Service]\nExecReload=/usr/sbin/httpd -k graceful\n"
    assert boot(shell, root, **{"etc/systemd/system/httpd.service": unit}) == "nobody; nobody"
    other = "etc/systemd/system/lists.service"
    assert boot(shell, root, **{other: unit}) == f"nobody; {other}"
