"""Which of SELinux's denials stop a deploy."""

from pathlib import Path

import pytest

from ops.agent.doctor_messages import SelinuxAccess
from ops.agent.selinux_check import Checked, check


def access(kind: str = "app-port", subject: str = "127.0.0.1:8888", **fields: str) -> SelinuxAccess:
    values = {"mode": "Enforcing", "verdict": "denied", "source": "httpd_t", "target": "x_port_t", "how": "found"}
    return SelinuxAccess(kind=kind, subject=subject, **(values | fields))


def checked(one: SelinuxAccess, folder: Path, is_required: bool = True) -> Checked:
    (folder / "ssl.conf").write_text("ProxyPass uwsgi://127.0.0.1:9999\n")
    return check([one], [443], [str(folder / "ssl.conf")], is_required)


def test_denied_access_stops_a_deploy_that_must_be_validated(tmp_path: Path) -> None:
    found = checked(access(), tmp_path)
    assert found.denied == ["SELinux does not let Apache (httpd_t) connect to 127.0.0.1:8888 (x_port_t)"]
    assert [one.verdict for one in found.reported] == ["denied"]
    found = checked(access(), tmp_path, is_required=False)
    assert (found.denied, found.reported) == ([], [])
    assert found.unvalidated == ["Apache (httpd_t) may not connect to 127.0.0.1:8888 (x_port_t): SELinux denies it"]


@pytest.mark.parametrize("one", [access(subject="127.0.0.1:9999"), access("listen-port", "443")])
def test_what_is_denied_already_stops_nothing(one: SelinuxAccess, tmp_path: Path) -> None:
    found = checked(one, tmp_path)
    assert ([one.verdict for one in found.reported], found.denied) == (["denied-already"], [])


def test_unknown_permissive_and_allowed_stop_nothing(tmp_path: Path) -> None:
    (clause,) = checked(access(verdict="unknown", how="no-tool"), tmp_path).unvalidated
    assert clause.endswith("connect to 127.0.0.1:8888 (x_port_t): no-tool; fab doctor says more")
    found = checked(access(mode="Permissive"), tmp_path)
    assert ([one.verdict for one in found.reported], found.denied, found.unvalidated) == (["denied"], [], [])
    found = checked(access(verdict="allowed"), tmp_path)
    assert (found.reported, found.denied, found.unvalidated) == ([], [], [])
