"""Secrets: where their values come from, and what is said when they cannot be had."""

import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ops.errors import BadInput
from ops.inventory.loader import read_inventory
from ops.rendering.rendered_file import RenderedFile, supervisord_conf
from ops.rendering.renderer import render
from ops.rendering.template_tree import TemplateTree
from ops.secrets import masking
from ops.secrets.masking import MARK, Masker
from ops.secrets.redaction import shown_lines
from ops.secrets.sources import LONGEST, value_of
from tests.unit.hosts import host


@pytest.fixture(autouse=True)
def masker(monkeypatch: pytest.MonkeyPatch) -> Masker:
    """What one run conceals, apart from other tests."""
    made = Masker()
    monkeypatch.setattr(masking, "_this_run", made)
    return made


def command(tmp_path: Path, text: str) -> list[str]:
    """A command of its own for each test, since the value is asked for once a run."""
    path = tmp_path / "give"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return [str(path), "secret-argument"]


def secret(**source: Any) -> str:
    return value_of(host(secrets={"db": source}), "db")


def refusal(**source: Any) -> str:
    with pytest.raises(BadInput) as caught:
        secret(**source)
    text = str(caught.value)
    assert text.startswith("web1: secrets.db: ")
    assert text.endswith("Nothing was touched.")
    assert "hunter2" not in text
    assert caught.value.__cause__ is None
    return text


def test_a_secret_comes_from_a_command_file_or_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, masker: Masker
) -> None:
    assert secret(command=command(tmp_path, "echo warned >&2; echo 'from a command'")) == "from a command"
    file = tmp_path / "file"
    file.write_bytes(b"of two\r\nlines\r\n\n")
    file.chmod(0o640)
    assert secret(file=str(file)) == "of two\nlines"
    monkeypatch.setenv("POMS_TEST_SECRET", "from the environment")
    assert secret(env="POMS_TEST_SECRET") == "from the environment"
    for value in ("from a command", "of two\nlines", "from the environment"):
        assert masker.masked(f"<{value}>") == "<***>"


def test_a_command_that_several_secrets_share_runs_once(tmp_path: Path) -> None:
    words = command(tmp_path, f"echo x >>{tmp_path}/runs; echo shared-value")
    for name in ("web1", "web2"):
        one = host(name=name, secrets={"a": {"command": words}, "b": {"command": words}})
        assert (value_of(one, "a"), value_of(one, "b")) == ("shared-value", "shared-value")
    assert (tmp_path / "runs").read_text() == "x\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo hunter2; echo hunter2 >&2; exit 7", r"its command ({0}) ended with exit code 7"),
        ("echo hunter2; kill -9 $$", "its command ({0}) ended with signal 9"),
        ("exit 0", "its command ({0}) printed nothing"),
        ("echo '  '; echo hunter2 >&2", "its command ({0}) printed nothing"),
        (r"printf 'hunter2\377'", "its command ({0}) printed bytes that are not UTF-8 text"),
        (r"printf 'hunter2\033[2J'", "its command ({0}) printed control characters"),
        ("yes hunter2", f"its command ({{0}}) printed more than {LONGEST} bytes"),
    ],
)
def test_a_failed_command_is_named_without_its_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    words = command(tmp_path, text)
    told = refusal(command=words)
    assert said.format(words[0]) in told
    assert "secret-argument" not in told
    assert capfd.readouterr() == ("", "")


def test_hanging_secret_command_is_killed(tmp_path: Path) -> None:
    """Also one whose own child keeps its output open, and one that closes it and stays."""
    texts = ["echo hunter2; exec sleep 60", "sleep 60 & wait", "exec >&-; exec sleep 60"]
    folders = [tmp_path / str(number) for number in range(len(texts))]
    for folder in folders:
        folder.mkdir()
    commands = list(map(command, folders, texts))  # written before another thread forks: else "Text file busy"
    started = time.monotonic()
    with ThreadPoolExecutor() as pool:
        said = pool.map(lambda words: refusal(command=words, seconds=1), commands)
        assert all("did not end within 1 s" in text for text in said)
    assert time.monotonic() - started < 10


def test_a_command_that_is_not_there_is_named() -> None:
    assert "its command (no-such-tool) cannot be run: No such file" in refusal(command=["no-such-tool", "hunter2"])


@pytest.mark.parametrize("mode", [0o644, 0o602])
def test_a_file_that_everybody_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "file"
    file.write_text("hunter2\n")
    file.chmod(mode)
    assert f"is open to everybody (mode {mode:04o}): chmod 600 it" in refusal(file=str(file))


def test_secret_file_without_value_is_reported(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in refusal(file=str(tmp_path / "absent"))
    (tmp_path / "empty").touch(0o600)
    assert "holds nothing" in refusal(file=str(tmp_path / "empty"))
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "is not a regular file" in refusal(file=str(tmp_path / "pipe"))
    (tmp_path / "large").touch(0o600)
    (tmp_path / "large").write_bytes(b"x" * (LONGEST + 1))
    assert "holds more than" in refusal(file=str(tmp_path / "large"))


def test_unset_secret_variable_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "POMS_NO_SUCH is not set in the environment, or empty" in refusal(env="POMS_NO_SUCH")


# ---- in templates --------------------------------------------------------------------------------------------------


def file(tmp_path: Path, text: str, place: str = "home/private/x.ini.j2", *, values: bool = True) -> RenderedFile:
    """The file that a template makes; its secrets `db` and `pin` come from the environment."""
    path = tmp_path / "templates" / place
    path.parent.mkdir(parents=True)
    path.write_text(text)
    secrets = {"db": {"env": "POMS_TEST_DB"}, "pin": {"env": "POMS_TEST_PIN"}, "broken": {"env": "POMS_NO_SUCH"}}
    (made,) = render(host(secrets=secrets), TemplateTree(tmp_path / "templates"), values=values)
    return made


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What POMS_TEST_DB and POMS_TEST_PIN hold."""
    monkeypatch.setenv("POMS_TEST_DB", "hunter2 & co")
    monkeypatch.setenv("POMS_TEST_PIN", "7")


@pytest.mark.parametrize("place", ["home/private/x.ini.j2", "httpd/conf.d/x.conf.j2"])
@pytest.mark.usefixtures("environment")
def test_file_with_secret_has_mode_0600(tmp_path: Path, place: str) -> None:
    made = file(tmp_path, "[db]\npassword = {{ secrets.db }}\n", place)
    assert (made.content, made.mode, made.secrets) == (b"[db]\npassword = hunter2 & co\n", "0600", ("db",))
    assert "hunter2" not in repr(made)


@pytest.mark.usefixtures("environment")
def test_a_secret_that_only_a_condition_uses_counts_too(tmp_path: Path) -> None:
    made = file(tmp_path, "{% if secrets.pin == '7' %}\n{{ secrets.db }}\n{% endif %}\n")
    assert (made.content, made.mode, made.secrets) == (b"hunter2 & co\n", "0600", ("pin", "db"))
    assert [one.line for one in made.masked_parts] == [1]


def test_unused_secret_is_not_read(tmp_path: Path) -> None:
    assert file(tmp_path, "{{ host.name }}\n").mode == "0640"


def test_render_without_values_shows_placeholders_for_secrets(tmp_path: Path) -> None:
    made = file(tmp_path, "password = {{ secrets.broken }}\n", values=False)
    assert (made.content.decode(), made.mode) == ("password = ⟦secret broken⟧\n", "0600")
    (tmp_path / "2").mkdir()
    assert "changes its secrets" in file(tmp_path / "2", "{{ secrets.db.split()[9] }}", values=False).content.decode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\n{{ secrets.bd }}\n", r"x\.ini\.j2, line 2: there is no secret 'bd'; nearest: db"),
        ("{{ secrets }}", "write secrets.NAME"),
        ("{{ host.secrets.db }}", "no attribute 'db'"),
        ("{{ secrets.broken }}", "secrets.broken: POMS_NO_SUCH is not set"),
        ("\n{{ secrets.db.split('x')[3] }}", "line 2: list object has no element 3"),
        ("\n{{ {}[secrets.db] }}", "line 2: 'dict object' has no attribute '⟦secret db⟧'"),
        (
            "\n{% if secrets.db[0] == 'h' %}{{ {}[secrets.db] }}{% endif %}",
            r"line 2: fails with the values of its secrets \(db\)",
        ),
    ],
)
@pytest.mark.usefixtures("environment")
def test_template_error_never_shows_secret_value(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        file(tmp_path, text)
    assert "hunter2" not in str(caught.value)


def test_render_writes_files_with_secrets_for_their_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.render import _write

    made = RenderedFile("t", "/home/poms/x", b"hunter2", "0600", "programs", ("db",))
    target = tmp_path / "home/poms/x"
    target.parent.mkdir(parents=True)
    target.write_text("older")
    target.chmod(0o644)
    modes: list[int] = []
    fchmod = os.fchmod

    def noting(fd: int, mode: int) -> None:
        modes.append(os.fstat(fd).st_mode & 0o777)
        fchmod(fd, mode)

    monkeypatch.setattr(os, "fchmod", noting)
    _write(tmp_path, made)
    assert (target.read_bytes(), stat.S_IMODE(target.stat().st_mode), modes) == (b"hunter2", 0o600, [0o600])


# ---- in the inventory ----------------------------------------------------------------------------------------------


def problems(tmp_path: Path, text: str) -> str:
    (tmp_path / "hosts.toml").write_text(f'[fleet]\ndefault = "web1"\n[hosts.web1]\n{text}\n')
    with pytest.raises(BadInput) as caught:
        read_inventory(tmp_path / "hosts.toml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('secrets.db = "hunter2"', "hosts.web1.secrets.db: must be a table that says where the value comes from"),
        ('secrets.db = ["hunter2"]', "hosts.web1.secrets.db: must be a table"),
        ("secrets.db = {}", "hosts.web1.secrets.db: must have one of command, file and env"),
        ('secrets.db = { env = "A", file = "hunter2" }', "must have one of command, file and env"),
        ('secrets.db = { env = "A", seconds = 3 }', "must have seconds only with a command"),
        ('secrets.db = { env = "hunter2!" }', "hosts.web1.secrets.db.env: must be the name of a variable"),
        ('secrets.db = { command = "hunter2" }', "hosts.web1.secrets.db.command: must be a list"),
        ('secrets.db = { value = "hunter2" }', "hosts.web1.secrets.db.value: unknown key"),
        ('secrets.db-x = { env = "A" }', "hosts.web1.secrets.db-x: must be a name of letters, digits and _"),
        ('secrets.db = "hunter2\\u0007"', "hosts.web1.secrets.db: must not contain a control character"),
        ('secrets = "hunter2"', "hosts.web1.secrets: must be a table"),
    ],
)
def test_invalid_secret_table_is_reported_without_its_contents(tmp_path: Path, text: str, said: str) -> None:
    told = problems(tmp_path, text)
    assert said in told
    assert "hunter2" not in told


def test_secret_source_of_host_replaces_default_source(tmp_path: Path) -> None:
    (tmp_path / "hosts.toml").write_text(
        """
        [fleet]
        default = "web1"
        [defaults.secrets]
        db = { command = ["pass", "show", "poms/db"] }
        key = { file = "keys/x" }
        [hosts.web1.secrets]
        db = { env = "DB" }
        own = { command = ["./give", "./argument"] }
        """
    )
    (one,) = read_inventory(tmp_path / "hosts.toml").hosts.values()
    assert (one.secrets["db"].env, one.secrets["db"].command) == ("DB", None)
    assert one.secrets["key"].file == f"{tmp_path}/keys/x"
    assert one.secrets["own"].command == [f"{tmp_path}/give", "./argument"]


@pytest.mark.parametrize(
    ("value", "writable"), [("x; #% 'y", True), ("'x", False), ("x'\"y z", False), ("a\nb", False)]
)
def test_unsupported_secret_in_variable_is_refused_without_its_value(
    monkeypatch: pytest.MonkeyPatch, value: str, writable: bool
) -> None:
    variable = f"POMS_TEST_{value.encode().hex()}"  # of its own, for it is asked for once a run
    monkeypatch.setenv(variable, value)
    program = {"command": "web", "environment": {"A": "1"}, "environment_secrets": {"DB_PASSWORD": "db"}}
    made = host(programs={"web": program}, secrets={"db": {"env": variable}})
    if not writable:
        with pytest.raises(BadInput, match=r"environment_secrets\.DB_PASSWORD") as refused:
            render(made)
        assert value not in str(refused.value)
        return
    (conf,) = [file for file in render(made) if file.path == supervisord_conf(made)]
    assert (conf.mode, conf.secrets) == ("0600", ("db",))
    shown = "\n".join(line.shown for line in shown_lines(conf.content.decode(), conf.masked_parts))
    assert ("A=" in shown, value in shown, MARK in shown) == (True, False, True), shown
