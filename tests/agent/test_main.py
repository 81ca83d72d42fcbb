"""One request and its answer, over descriptors."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ops.agent import releases
from ops.agent.main import main


def ask(folder: Path, line: str) -> list[dict[str, Any]]:
    (folder / "request").write_text(line + "\n")
    answers = os.open(folder / "answers", os.O_WRONLY | os.O_CREAT)
    main(os.open(folder / "request", os.O_RDONLY), answers)
    return [json.loads(text) for text in (folder / "answers").read_text().splitlines()]


def test_answer_ends_with_the_interpreter(tmp_path: Path) -> None:
    found = ask(tmp_path, '{"type":"ReleasesRequest","state_dir":"/none","home":"","uwsgi_file":""}')
    assert [one["type"] for one in found] == ["ReleaseList", "Done"]
    assert found[1]["python"].startswith("3.")


def test_wrong_request_is_a_failure(tmp_path: Path) -> None:
    (found,) = ask(tmp_path, '{"type":"Nothing"}')
    assert (found["type"], "'Nothing'" in found["reason"]) == ("Failure", True)


def test_what_goes_wrong_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise PermissionError("no entry")

    monkeypatch.setattr(releases, "answer", fail)
    (found,) = ask(tmp_path, '{"type":"ReleasesRequest","state_dir":"/none","home":"","uwsgi_file":""}')
    assert (found["type"], found["reason"]) == ("Failure", "PermissionError: no entry")
