"""One release as it is shown, and which one a rollback gets from a host's answer."""

from typing import cast

import pytest

from ops.agent.messages import Message
from ops.agent.releases_messages import ReleaseContents, ReleaseFile, ReleaseList, ReleaseRecord, ReleasesRequest
from ops.deploy.release_host import recorded_host
from ops.errors import HostError
from ops.ssh.agent_answers import Answer
from ops.ssh.session import Remote
from tasks._release import Shown, differences, facts, kept, read_release, target_of
from tests.unit.hosts import host

SSL, INI = "/etc/httpd/conf.d/ssl.conf", "/home/poms/private/config/poms/uwsgi-service.ini"


class Answering:
    """A host that has three releases: a, which had the port 444; b, which failed; c, which runs."""

    host = host()

    def __init__(self, elsewhere: str) -> None:
        self._elsewhere = elsewhere

    def answer(self, asked: ReleasesRequest) -> Answer:
        """The list, and the contents that are asked for."""
        records = [
            release("a", 1, "committed", "changed take-over " + SSL, f"secret 1:4:0 {SSL}"),
            release("b", 2, "rolled-back failed check", "edited /s/releases/b/edited.1 " + SSL),
            release(
                "c", 3, "committed", f"changed create {INI}", "changed edited-by-hand " + SSL, f"secret 1:4:0 {SSL}"
            ),
        ]
        then = recorded_host(host(apache={"port": 444}))
        contents = {
            "a": ReleaseContents(name="a", host=then, files=[file(SSL, "key hunter2\nsame\n")]),
            "c": ReleaseContents(name="c", host="", files=[file(SSL, "key tiger3\nsame\n"), file(INI, "x\n")]),
        }
        answer: list[Message] = [ReleaseList(records=records, current="c", elsewhere=self._elsewhere)]
        answer += [contents[name] for name in asked.contents if name in contents]
        return Answer(self.host.name, answer, "3")


def release(name: str, sequence: int, ended: str, *lines: str) -> ReleaseRecord:
    return ReleaseRecord(name=name, lines=[f"ended {ended}", f"sequence {sequence}", *lines])


def file(path: str, text: str) -> ReleaseFile:
    return ReleaseFile(path=path, mode="0644", content=text.encode())


def remote(elsewhere: str = "") -> Remote:
    return cast("Remote", Answering(elsewhere))


def shown(name: str) -> Shown:
    found = read_release(remote(), name)
    assert found is not None
    return found


def test_rollback_gets_files_and_host_of_previous_live_release() -> None:
    for to in ("", "a"):
        contents = target_of(remote(), to)
        assert contents.name == "a"
        assert contents.host is not None
        assert contents.host.apache.port == 444


@pytest.mark.parametrize(("to", "said"), [("b", "was never live"), ("x", "there is no release 'x'")])
def test_rollback_to_release_never_live_is_refused(to: str, said: str) -> None:
    with pytest.raises(HostError, match=said):
        target_of(remote(), to)


def test_rollback_shows_how_to_copy_releases_from_other_folder() -> None:
    with pytest.raises(HostError) as caught:
        target_of(remote("/old place"), "")
    assert "cp -a '/old place'/. /home/poms/private/poms-ops/" in caught.value.next_step


def test_release_diff_compares_previous_live_release_and_masks_secrets() -> None:
    found = differences(shown("c"))
    assert [(path, kind) for path, kind, _ in found] == [(SSL, "changed"), (INI, "new")]
    assert found[0][2] == ["@@ -1,2 +1,2 @@", "-key ***", "+key ***", " same"]


def test_release_lists_hand_edits_with_their_backup_path() -> None:
    folder = "/home/poms/private/poms-ops/releases"
    assert [(one["path"], one["kept"]) for one in kept(shown("c"))] == [(SSL, f"{folder}/c/old.2")]
    assert [(one["path"], one["kept"]) for one in kept(shown("a"))] == [(SSL, f"{folder}/a/old.1")]
    assert [(one["path"], one["kept"]) for one in kept(shown("b"))] == [(SSL, "/s/releases/b/edited.1")]


def test_release_json_contains_all_facts() -> None:
    document = facts(shown("c"))
    assert (document["name"], document["before"], document["current"]) == ("c", "a", True)
    assert document["rolled_back_from"] is False
    assert read_release(remote(), "x") is None
