"""One request and its answer."""

import pytest

from ops.agent import messages, releases
from ops.agent.main import answers_to
from ops.ssh.agent_answers import failed

REQUEST = '{"type":"ReleasesRequest","state_dir":"/none","home":"","uwsgi_file":""}'


def test_answer_ends_with_the_interpreter() -> None:
    (_, done) = answers_to(REQUEST)
    assert isinstance(done, messages.Done)
    assert done.python.startswith("3.")


@pytest.mark.parametrize("line", ['{"type":"Nothing"}', '{"type":"Done","python":""}', "[]", "x"])
def test_wrong_request_is_a_failure(line: str) -> None:
    (found,) = answers_to(line)
    assert isinstance(found, messages.Failure)


def test_what_goes_wrong_is_told_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise PermissionError("no entry")

    monkeypatch.setattr(releases, "answer", fail)
    (found,) = answers_to(REQUEST)
    assert isinstance(found, messages.Failure)
    assert found.reason == "PermissionError: no entry"
    assert "in fail" in str(failed("web1", found))
