"""The probe's answer, read into types."""

import base64

import pytest

from ops.deploy.snapshot import FoundFile, parse

CONTENT = base64.b64encode("é\n".encode()).decode()
ANSWER = [
    "file aa 644 theirs /etc/httpd/conf.d/ssl.conf",
    f"content {CONTENT}",
    "file bb 640 ours /home/poms/a file",
    "absent /home/poms/none",
    "unreadable /home/poms/closed",
    "deployed cc 0644 /etc/httpd/conf.d/ssl.conf",
    "release 20261124T000000Z-ab12",
    "supervisord up 77",
    "free 123456",
    "end",
]


def test_an_answer_is_read() -> None:
    found = parse(ANSWER)
    assert found.files["/etc/httpd/conf.d/ssl.conf"] == FoundFile(
        "/etc/httpd/conf.d/ssl.conf", "aa", "0644", True, "é\n".encode()
    )
    assert found.files["/home/poms/a file"] == FoundFile("/home/poms/a file", "bb", "0640")
    assert found.files["/home/poms/none"].digest is None
    assert not found.files["/home/poms/closed"].readable
    assert found.deployed == {"/etc/httpd/conf.d/ssl.conf": "cc"}
    assert (found.release, found.lock) == ("20261124T000000Z-ab12", None)
    assert (found.supervisord, found.supervisord_pid, found.free_kilobytes) == ("up", 77, 123456)


@pytest.mark.parametrize(
    "answer",
    [
        [],
        ANSWER[:-1],
        ["file aa 644"],
        ["content xx", "end"],
        ["nonsense", "end"],
        ["supervisord up x", "free 1", "end"],
    ],
)
def test_an_answer_that_is_not_whole_is_refused(answer: list[str]) -> None:
    with pytest.raises((ValueError, KeyError)):
        parse(answer)
