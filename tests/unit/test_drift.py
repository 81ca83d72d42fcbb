"""Three-way: a hand edit and a template change are told apart."""

from hashlib import sha256

import pytest

from ops.deploy.drift import (
    BOTH,
    EDITED,
    GONE,
    MISSING,
    MODE,
    NOT_DEPLOYED,
    SAME,
    TEMPLATE,
    UNREADABLE,
    find_drift,
    unmanaged,
)
from ops.deploy.snapshot import FoundFile, Snapshot
from ops.rendering.rendered_file import RenderedFile
from tests.unit.hosts import host

PATH = "/etc/httpd/conf.d/ssl.conf"


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("wanted", "deployed", "found", "state"),
    [
        ("new", "new", "new", SAME),
        ("new", None, "new", SAME),
        ("new", "old", "new", SAME),
        ("new", "old", "old", TEMPLATE),
        ("old", "old", "edited", EDITED),
        ("new", "old", "edited", BOTH),
        ("new", "old", None, MISSING),
        ("new", None, None, NOT_DEPLOYED),
        ("new", None, "other", NOT_DEPLOYED),
    ],
)
def test_drift_names_state_of_every_combination(
    wanted: str, deployed: str | None, found: str | None, state: str
) -> None:
    there = FoundFile(PATH, digest(found) if found else None, "0644")
    snapshot = Snapshot({PATH: there}, {PATH: digest(deployed)} if deployed else {}, None, None, "up", 1, 1)
    file = RenderedFile("t", PATH, wanted.encode(), "0644", "apache")
    assert [one.state for one in find_drift([file], snapshot)] == [state]


def test_modes_and_what_cannot_be_read() -> None:
    file = RenderedFile("t", PATH, b"x", "0644", "apache")
    for found, state in (
        (FoundFile(PATH, digest("x"), "0600"), MODE),
        (FoundFile(PATH, digest("x"), "0664", mode_is_fixed=True), SAME),
        (FoundFile(PATH, None, readable=False), UNREADABLE),
    ):
        assert find_drift([file], Snapshot({PATH: found}, {}, None, None, "up", 1, 1))[0].state == state


def test_unmanaged_files_are_listed_from_managed_directories_only() -> None:
    present = [PATH, "/etc/httpd/conf.d/README", "/etc/httpd/conf.d/zz.conf", "/home/poms/private/config/poms/notes"]
    snapshot = Snapshot({}, {}, None, None, "up", 1, 1, present=present)
    file = RenderedFile("t", PATH, b"x", "0644", "apache")
    assert unmanaged(host(), [file], snapshot) == present[2:]


def test_drift_lists_deployed_file_that_is_no_longer_managed() -> None:
    zz, file = "/etc/httpd/conf.d/zz.conf", RenderedFile("t", PATH, b"x", "0644", "apache")
    found = {path: FoundFile(path, digest("x"), "0644") for path in (PATH, zz)}
    snapshot = Snapshot(found, {PATH: digest("x"), zz: digest("x")}, None, None, "up", 1, 1, present=[PATH, zz])
    assert [(one.path, one.state) for one in find_drift([file], snapshot)] == [(PATH, SAME), (zz, GONE)]
    assert unmanaged(host(), [file], snapshot) == []
