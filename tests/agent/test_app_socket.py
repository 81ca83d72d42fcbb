"""The question to the app on its own socket: the inventory says with which headers, and what is an answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.agent.app_socket import problem_of
from ops.services.request_parts import app
from tests.agent.stand_in_app import App
from tests.unit.hosts import host


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[App]:
    made = App(tmp_path / "app.sock")
    yield made
    made.server.close()


def ask(tmp_path: Path, **values: Any) -> str:
    """The problem of an app with these values in the inventory; "" if it answers."""
    listen = f"{tmp_path}/app.sock"
    return problem_of(app(host(app={"listen": listen, **values})), listen, 5.0)


HEADERS = {"X-Shib-Userid": "poms", "X-Shib-Name-First": "a: b  c"}


@pytest.mark.parametrize(
    ("values", "answered"),
    [
        ({}, False),
        ({"check_headers": HEADERS}, True),
        ({"check_headers": {"X-Shib-Userid": "other"}}, True),
        ({"check_headers": {"X-Shib-Userid": "other"}, "check_status": [200]}, False),
        ({"check_headers": HEADERS, "check_status": [200, 302]}, True),
        ({"check_status": [500]}, True),
    ],
)
@pytest.mark.usefixtures("listening")
def test_what_counts_as_an_answer_is_the_inventorys(tmp_path: Path, values: dict[str, Any], answered: bool) -> None:
    assert (ask(tmp_path, **values) == "") == answered


def test_the_headers_arrive_whole(tmp_path: Path, listening: App) -> None:
    assert ask(tmp_path, check_headers=HEADERS | {"Content-Type": "text/x"}, check_path="/poms/metrics") == ""
    (told,) = listening.told
    assert (told["HTTP_X_SHIB_USERID"], told["HTTP_X_SHIB_NAME_FIRST"]) == ("poms", "a: b  c")
    assert (told["PATH_INFO"], told["CONTENT_TYPE"]) == ("/poms/metrics", "text/x")


def test_an_app_that_is_not_there_does_not_answer(tmp_path: Path) -> None:
    assert f"{tmp_path}/app.sock" in ask(tmp_path)
