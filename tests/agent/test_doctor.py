"""What the agent finds out for doctor, by stand-ins for the host's tools."""

import os
import pwd
import sys
from pathlib import Path
from typing import Any, TypeVar

import pytest

from ops.agent import doctor, doctor_apache, work_folder
from ops.agent.apache_messages import ApacheConfiguration, WantedFile
from ops.agent.doctor_messages import (
    AccountFacts,
    ApacheFacts,
    DoctorRequest,
    ProductFacts,
    SupervisordFacts,
    ValidationFacts,
)
from ops.agent.messages import Message
from ops.agent.service_messages import SupervisordPlace
from tests.agent.shells import executable
from tests.agent.stand_in_apache import StandInApache

M = TypeVar("M", bound=Message)
GRACEFUL = "0 * * * * root /usr/sbin/httpd -k graceful\n"
# STAND-IN: it grants "granted"; of anything else it says that a password is needed, or, with one, that it is denied.
SUDO = """#!/bin/sh
case $* in *granted) exit 0 ;; -n*) echo "sudo: a password is required" >&2; exit 1 ;; esac
read -r password
[ "$password" = secret ] && case $* in *" with password") exit 0 ;; esac
echo "Sorry, user poms may not run that" >&2
exit 1
"""


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with tools that come first, and the account's home."""
    for name in ("bin", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", f"{tmp_path}/home")
    executable(tmp_path / "bin/crontab", "#!/bin/sh\nexit 1\n")
    executable(tmp_path / "bin/shibd", "#!/bin/sh\necho shibboleth 3.4.1; echo more\n")
    return tmp_path


def request(root: Path, **fields: Any) -> DoctorRequest:
    nowhere = ApacheConfiguration(httpd="/nowhere", server_root="/nowhere", log_dir="/nowhere", ports=[1])
    values: dict[str, Any] = {
        "supervisord": SupervisordPlace(
            conf=f"{root}/home/supervisord.conf", socket=f"{root}/home/s.sock", state_dir=f"{root}/home/state"
        ),
        "activate": f"PATH={root}/bin:/usr/bin:/bin",
        "apache": nowhere,
        "ca_dir": "/nowhere",
        "writes": [],
        "grants": [],
        "tools": [],
        "files": [],
        "probe": None,
    }
    return DoctorRequest(**(values | fields))


def asked(kind: type[M], root: Path, **fields: Any) -> M:
    (found,) = (one for one in doctor.answer(request(root, **fields)) if isinstance(one, kind))
    return found


def test_places_and_tools_are_tried(root: Path) -> None:
    (root / "file").touch()
    writes = [f"{root}/new/folder/x", f"{root}/file", f"{root}/file/x", "/proc/1/x"]
    found = asked(AccountFacts, root, writes=writes, tools=["sh", "no-such-tool"])
    assert found.unwritable[-1] == "/proc/1/x"
    assert found.missing_tools == ["no-such-tool"]
    assert (found.lock_problem, found.temporary_problem, found.account) == ("", "", pwd.getpwuid(os.getuid()).pw_name)
    assert found.free_kilobytes > 0
    assert not list((root / "home").iterdir())


@pytest.mark.parametrize(
    ("words", "password", "granted", "said"),
    [
        (["granted"], "", "yes", ""),
        (["other"], "", "password", "sudo: a password is required"),
        (["with password"], "secret", "yes", ""),
        (["other"], "secret", "no", "Sorry, user poms may not run that"),
    ],
)
def test_sudo_is_asked_without_running_anything(
    root: Path, words: list[str], password: str, granted: str, said: str
) -> None:
    executable(root / "bin/sudo", SUDO)
    (grant,) = asked(AccountFacts, root, grants=[("x", words)], sudo_password=password).grants
    assert (grant.name, grant.granted, grant.said) == ("x", granted, said)


def test_another_place_is_used_where_tmp_takes_no_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "full").touch()
    monkeypatch.setattr(work_folder, "PLACES", (f"{root}/full", f"{root}/none"))
    found = asked(AccountFacts, root)
    assert found.temporary_problem == f"{root}/full: Not a directory"
    assert not list((root / "home").iterdir())
    with work_folder.WorkFolder() as folder:
        assert folder.path.startswith(f"{root}/home/.poms-ops.")


# ---- Apache ------------------------------------------------------------------------------------------------------


def test_apache_that_is_not_there_is_told(root: Path) -> None:
    found = asked(ApacheFacts, root)
    assert (found.version, found.authorities, found.lists_reloaded) == (None, None, "")
    assert [(one.port, one.state) for one in found.ports] == [(1, "closed")]
    assert (found.shibd_version, found.through_apache) == ("shibboleth 3.4.1", {})


def test_version_and_modules_are_apaches_own(root: Path) -> None:
    apache = StandInApache(root / "apache")
    (root / "cas").mkdir()
    for name in ("0a.0", "0b.0", "0a.r0", "ca.pem"):
        (root / "cas" / name).touch()
    found = asked(ApacheFacts, root, apache=apache.configuration(), ca_dir=f"{root}/cas")
    assert (found.version, found.modules, found.modules_problem) == ("2.4.62", ["ssl_module"], "")
    assert found.authorities == 2
    executable(root / "apache/httpd", "#!/bin/sh\necho AH00526: Syntax error on line 1 >&2; exit 1\n")
    found = asked(ApacheFacts, root, apache=apache.configuration())
    assert (found.modules, found.modules_problem) == ([], "AH00526: Syntax error on line 1")


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("cron.d/x", GRACEFUL, "cron.d/x"),
        ("cron.d/x", f"# {GRACEFUL}", "nobody"),
        ("cron.d/x", "0 * * * * root true # httpd -k graceful\n", "nobody"),
        ("systemd/system/httpd.service", "ExecReload=/usr/sbin/httpd -k graceful\n", "nobody"),
        ("systemd/system/lists.service", "ExecReload=/usr/sbin/httpd -k graceful\n", "systemd/system/lists.service"),
    ],
)
def test_job_in_force_reloads_apache_for_new_lists(
    root: Path, name: str, text: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor_apache, "JOBS", [f"{root}{path}" for path in doctor_apache.JOBS])
    path = root / "etc" / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert asked(ApacheFacts, root, lists=f"{root}/etc").lists_reloaded == ""
    (root / "etc/0a0a.r0").touch()
    told = asked(ApacheFacts, root, lists=f"{root}/etc").lists_reloaded
    assert told.replace(f"{root}/etc/", "") == found
    executable(root / "bin/crontab", "#!/bin/sh\necho '0 * * * * /usr/sbin/service httpd graceful'\n")
    told = asked(ApacheFacts, root, lists=f"{root}/etc", reload="/usr/sbin/service httpd graceful").lists_reloaded
    assert told == "the account's crontab"


def test_validation_is_done_with_the_wanted_files(root: Path) -> None:
    apache = StandInApache(root / "apache")
    assert asked(ValidationFacts, root, apache=apache.configuration()).reached == ""
    file = WantedFile(path=str(apache.conf), mode="0644", content=apache.text.encode())
    told: dict[str, Any] = {"apache": apache.configuration(), "no_probe": "no identity probe: x"}
    for name in ("cert.pem", "key.pem"):
        (root / "apache" / name).touch()
    found = asked(ValidationFacts, root, files=[file], **told)
    assert found.reached == "configtest"
    assert found.obstacle.startswith("the trial start fails with the current files, too: ")
    file.content = b"BROKEN"
    found = asked(ValidationFacts, root, files=[file], **told)
    assert (found.reached, found.fault) in [("", "Syntax error"), ("", "Syntax error\nSyntax error")]


# ---- the products ------------------------------------------------------------------------------------------------


def test_programs_of_the_products_are_run(root: Path) -> None:
    executable(root / "bin/uwsgi", "#!/bin/sh\nexit 1\n")
    executable(root / "bin/supervisord", "#!/bin/sh\n[ $1 = --help ]\n")
    executable(root / "bin/supervisorctl", f"#!{sys.executable}\n")
    found = asked(ProductFacts, root)
    assert found.missing == ["uwsgi"]
    assert (found.python_problem, "Python 3" in found.python) == ("", True)


def test_supervisord_that_does_not_run_has_a_way_to_start(root: Path) -> None:
    found = asked(SupervisordFacts, root)
    assert (found.state.state, found.orphans, found.standbys) == ("down", [], [])
    assert found.start
    assert found.survival.starter
