"""Whatever a host answers: each verb ends with a code and a sentence of its own, and obeys no control character."""

import base64
import contextlib
import io
import json
import os
import re
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import fabric.main
import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ops.agent import main
from ops.agent.main import ANSWERED_BY
from ops.agent.messages import Message
from ops.agent.probe_messages import FileState, HostState
from ops.agent.service_messages import SupervisordState
from ops.deploy import transaction
from ops.inventory.loader import read_inventory
from ops.project import PROJECT
from ops.rendering.renderer import render
from ops.ssh import session, ssh_config_query
from ops.ssh.agent_answers import all_messages
from ops.ssh.agent_start import GREETING
from ops.ssh.fake_channel import FakeChannel
from ops.text import escape_control_chars
from tasks import _maintenance
from tasks._registry import MODULES
from tests.hostile import CONTROLS, texts
from tests.scale import TIMES

# They ask no host; but for reload-apache, which asks as restart-apache does and is not in this inventory, and run,
# whose answer is the command's own output (test_run.py).
WITHOUT_A_HOST = (
    "reload-apache",
    "run",
    "hosts",
    "init",
    "render",
    "trust",
    "shell",
    "lab.up",
    "lab.down",
    "lab.status",
)
HOST = "pomsgpvm01"
INI = "/home/poms/private/config/poms/uwsgi-service.ini"
WORDS = {
    "adopt": [INI],
    "compare": [HOST, HOST],
    **{verb: ["--yes"] for verb in ("deploy", "stop-programs", "restart-programs", "stop-supervisord")},
    "start-at-boot": ["--yes"],
    "fetch-logs": ["--to=FOLDER"],
    "rollback": ["--yes", "--to=r1"],
    "maintenance": ["on", "--message=x"],
    "install": ["v2"],
    "uninstall": ["v2"],
}
VERSIONED = ("versions", "install", "uninstall")  # they need an inventory with software
SOFTWARE = '[defaults.software]\nproduct = "poms"\nversion = "v1"\ninstall = "true"\nuninstall = "true"\n'
WITH_JSON = (
    *("diff", "drift", "adopt", "releases", "check-apache", "status", "certs", "doctor", "maintenance", "versions"),
    *("compare", "import"),
)
VERBS = [[verb, *WORDS.get(verb, [])] for verbs in MODULES.values() for verb in verbs if verb not in WITHOUT_A_HOST]
VERBS += [["diff", "--to=r1"], ["releases", "r1"], ["rollback", "--yes"], ["maintenance", "off"]]
VERBS += [[*words, "--json"] for words in VERBS if words[0] in WITH_JSON]
PATHS = [file.path for file in render(read_inventory(PROJECT / "hosts.toml").hosts[HOST], values=False)]
KEYS = ("program", "did", "state", "pid")

noise = texts(*CONTROLS, "\udcff")
numbers = st.sampled_from(["0", "1", "-1", "²", "1e9", "9" * 5000, "1782950400", "4:1:2"])
rests = st.one_of(
    noise,
    numbers,
    st.lists(
        st.one_of(noise, numbers, st.sampled_from([*PATHS, "0644", "0" * 64, "r1", "ours", "committed"])), max_size=5
    ).map(" ".join),
    noise.map(lambda text: base64.b64encode(text.encode(errors="replace")).decode()),
)
facts = st.dictionaries(st.sampled_from(KEYS), st.one_of(noise, st.integers(), st.booleans(), st.none()))
objects = st.one_of(facts.map(json.dumps), st.sampled_from(["{", "{}", "{" * 20000, '{"a":' * 20000, "[]"]))


LIST = {"type": "ReleaseList", "records": [], "current": "r1", "elsewhere": ""}
values = st.one_of(
    noise,
    st.sampled_from(["r1", *PATHS, "ended committed", "sequence 1", "c2VjcmV0"]),
    st.lists(noise, max_size=2),
    st.integers(),
    st.booleans(),
    st.none(),
)
record = st.builds(
    lambda lines: {"type": "ReleaseRecord", "name": "r1", "lines": lines},
    st.lists(st.builds(lambda *words: " ".join(words), st.sampled_from(["secret", "changed", "edited"]), rests)),
)


def messages_of(kind: type[Message]) -> st.SearchStrategy[str]:
    """A message of the agent with such values, or none, in its fields."""
    fields = {name: st.one_of(values, st.lists(record, max_size=2)) for name in kind.__struct_fields__}
    return st.fixed_dictionaries({"type": st.just(kind.__name__)}, optional=fields).map(json.dumps)


def agent_lines() -> st.SearchStrategy[list[str]]:
    """An answer of the agent to one request, wholly invented or with its messages."""
    kinds = st.sampled_from([kind for kind in all_messages() if "Request" not in kind.__name__])
    listed = record.map(lambda one: json.dumps(LIST | {"records": [one]}))
    return st.lists(st.one_of(kinds.flatmap(messages_of), listed, objects, noise), max_size=8)


answers = st.fixed_dictionaries({kind: agent_lines() for kind in ANSWERED_BY})
SOUND = HostState(
    supervisord=SupervisordState(state="down"),
    free=999999,
    files=[FileState(path=path, exists=False) for path in PATHS],
)


END = '{"type":"Done","python":"3"}'


def told_of(kind: str, drawn: dict[str, list[str]], sound: bool) -> list[str]:
    """The answer to one request; a sound one of the probe says that nothing is there yet."""
    if not sound:
        return drawn[kind]
    return [msgspec.json.encode(SOUND).decode(), END] if kind == "ProbeRequest" else [*drawn[kind], END]


def requests_in(data: bytes) -> list[str]:
    """The types of the requests that are sent behind a package, if it is that."""
    package = zlib.decompressobj()
    with contextlib.suppress(zlib.error):
        package.decompress(data.partition(b"\n")[2])
    source = io.BytesIO(package.unused_data)
    return re.findall(r'^{"type":"(\w+Request)"', "\n".join(main.requests_in(source)), re.MULTILINE)


def channel_of(drawn: dict[str, list[str]], sound: bool) -> FakeChannel:
    """A host that answers each script with what was drawn for it."""

    def answer(data: bytes) -> list[bytes]:
        if GREETING.encode() in data or b"printf 'poms-ops agent" in data:
            return [f"{GREETING}\n".encode()]
        if asked := requests_in(data):
            told = [line for kind in asked for line in told_of(kind, drawn, sound)]
            return ["\n".join(told).encode(errors="surrogateescape") + b"\n"]
        return []

    return FakeChannel(answer=answer)


@contextlib.contextmanager
def host_that(drawn: dict[str, list[str]], sound: bool) -> Iterator[None]:
    """Every login leads to such a host."""
    transport = SimpleNamespace(open_session=lambda **_: channel_of(drawn, sound), start_command=lambda *_: None)
    line = SimpleNamespace(
        transport=transport, connect_kwargs={}, close=lambda: None, client=SimpleNamespace(close=lambda: None)
    )
    with (
        patch.object(session, "_log_in", lambda *_: line),
        patch.object(ssh_config_query, "_program", lambda: None),  # nobody would hear its answer
        patch.multiple(transaction, run_smoke_checks=lambda _: [], find_regressions=lambda *_: []),
        patch.object(_maintenance, "run_smoke_checks", lambda *_: []),
    ):
        yield


@contextlib.contextmanager
def with_software() -> Iterator[None]:
    """The shipped inventory with a version of the app."""
    text = (PROJECT / "hosts.toml").read_text().replace("setup poms'", "setup poms {version}'")
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(text + SOFTWARE)
        file.flush()
        with patch.dict(os.environ, POMS_INVENTORY=file.name):
            yield


def fab(*words: str) -> tuple[int, str]:
    """fab within this process: its code, and all that it printed."""
    program, printed = fabric.main.make_program(), io.StringIO()
    with (
        patch.object(fabric.main, "program", program),
        patch.object(sys, "argv", ["fab", *words]),
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
        contextlib.chdir(PROJECT),
        with_software() if words[2] in VERSIONED else contextlib.nullcontext(),
    ):
        try:
            program.run(["fab", *words])
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    return code, printed.getvalue()


@pytest.mark.parametrize("words", VERBS, ids=" ".join)
@settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=4 * TIMES,
    phases=[Phase.generate],
    suppress_health_check=[*HealthCheck],
)
@given(drawn=answers, sound=st.booleans())
def test_task_reports_hostile_answer_without_control_characters(
    tmp_path: Path, words: list[str], drawn: dict[str, list[str]], sound: bool
) -> None:
    with host_that(drawn, sound):
        code, printed = fab("-H", HOST, *(word.replace("FOLDER", str(tmp_path)) for word in words))
    is_refused = "regular expression" in printed or "--until is before --since" in printed
    assert code in (0, 1, 2, 4) or (code == 3 and words[0] == "tail-logs" and is_refused), printed
    assert printed == escape_control_chars(printed)
    assert "Traceback" not in printed
    assert code in (0, 2) or printed.strip()
