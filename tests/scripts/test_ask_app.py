"""The question to the app on its own socket: the inventory says with which headers, and what is an answer."""

import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.scripts import FOLDER
from ops.services.supervisord import app_lines
from tests.unit.hosts import host


class App:
    """An app that speaks uwsgi: 500 to nobody, 200 to the user, 403 to anybody else."""

    def __init__(self, path: Path) -> None:
        self.told: list[dict[str, str]] = []
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen(5)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                line, _ = self.server.accept()
            except OSError:
                return
            with line:
                size = struct.unpack("<BHB", line.recv(4))[1]
                data, words = line.recv(size), []
                while data:
                    length = struct.unpack("<H", data[:2])[0]
                    words.append(data[2 : 2 + length].decode())
                    data = data[2 + length :]
                self.told.append(dict(zip(words[::2], words[1::2], strict=True)))
                user = self.told[-1].get("HTTP_X_SHIB_USERID")
                status = {None: b"500", "poms": b"200"}.get(user, b"403")
                line.sendall(b"HTTP/1.0 " + status + b" x\r\n\r\n")


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[App]:
    app = App(tmp_path / "app.sock")
    yield app
    app.server.close()


def ask(tmp_path: Path, **values: Any) -> "subprocess.CompletedProcess[str]":
    """As the scripts do: the lines of a request without their first word are the file."""
    asked = tmp_path / "app"
    lines = app_lines(host(app={"listen": f"{tmp_path}/app.sock", **values}))
    asked.write_text("".join(line.removeprefix("app ") + "\n" for line in lines))
    command = [sys.executable, str(FOLDER / "ask_app.py"), "supervisorctl", str(asked), f"{tmp_path}/app.sock", "5"]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


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
def test_what_counts_as_an_answer_is_the_inventorys(
    tmp_path: Path, listening: App, values: dict[str, Any], answered: bool
) -> None:
    ran = ask(tmp_path, **values)
    assert (ran.returncode == 0) == answered, ran.stderr
    assert answered or "answers" in ran.stderr


def test_the_headers_arrive_whole_and_stand_on_no_command_line(tmp_path: Path, listening: App) -> None:
    ran = ask(tmp_path, check_headers=HEADERS | {"Content-Type": "text/x"}, check_path="/poms/metrics")
    assert ran.returncode == 0
    (told,) = listening.told
    assert (told["HTTP_X_SHIB_USERID"], told["HTTP_X_SHIB_NAME_FIRST"]) == ("poms", "a: b  c")
    assert (told["PATH_INFO"], told["CONTENT_TYPE"]) == ("/poms/metrics", "text/x")
    assert not [word for word in ran.args if "poms/metrics" in str(word) or "a: b" in str(word)]
