"""No value of a secret is printed, in whatever form a tool wrote it."""

import base64
import io
import json
import shlex
import subprocess
import sys
import textwrap
import urllib.parse
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.errors import HostError
from ops.secrets import masking
from ops.secrets.masking import MARK, Masker
from ops.ui import console
from tasks import _fabric, _task

FORMS: list[Callable[[str], str]] = [
    lambda value: value,
    lambda value: value.replace("%", "%%"),
    lambda value: value.replace("\\", "\\\\").replace('"', '\\"'),
    repr,
    ascii,
    json.dumps,
    shlex.quote,
    urllib.parse.quote,
    urllib.parse.quote_plus,
    lambda value: base64.b64encode(value.encode()).decode(),
    lambda value: base64.b64encode(f"{value}\n".encode()).decode(),
    lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
    lambda value: textwrap.fill(base64.b64encode(value.encode()).decode(), 76),
]


def masker(*values: str) -> Masker:
    made = Masker()
    for value in values:
        made.add_secret(value)
    return made


@settings(derandomize=True, deadline=None, database=None, max_examples=200)
@given(
    value=st.text(st.characters(exclude_categories=("C", "Z")), min_size=12, max_size=90), form=st.sampled_from(FORMS)
)
def test_a_value_is_crossed_out_in_every_form(value: str, form: Callable[[str], str]) -> None:
    written = form(value)
    shown = masker(value).masked(f"before {written} after")
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    left = shown.removeprefix("before ").removesuffix(" after")
    pieces = {written[start : start + 6] for start in range(len(written) - 5)}
    assert not [piece for piece in pieces if piece in left], left


def test_secret_inside_longer_base64_is_masked_at_each_offset() -> None:
    value = "correct horse battery staple"
    for before in ("", "u", "us", "use"):
        written = base64.b64encode(f"{before}{value} and more".encode()).decode()
        shown = masker(value).masked(written)
        rest = b"".join(base64.b64decode(part + "=" * (-len(part) % 4) or b"") for part in shown.split(MARK)[:1])
        assert MARK in shown
        assert b"corr" not in rest
        assert len(shown) < 24, shown


def test_multi_line_secret_is_masked_line_by_line() -> None:
    value = "-----BEGIN KEY-----\nMIIEvQIBADAN\npw1234\n{\n-----END KEY-----"
    shown = masker(value).masked("line 2:     MIIEvQIBADAN\nand pw1234; {")
    assert shown == f"line 2:     {MARK}\nand {MARK}; {{"


def test_short_secret_is_masked_only_as_whole_word() -> None:
    shown = masker("7", "pw1").masked("pin 7, 17 and 1.7; pw1 and pw12; Nw==")
    assert shown == f"pin {MARK}, 17 and 1.{MARK}; {MARK} and pw12; {MARK}"


def test_the_longer_of_two_values_goes_first() -> None:
    assert masker("secret", "secret-and-more").masked("secret-and-more secret") == f"{MARK} {MARK}"


def test_nothing_is_crossed_out_without_a_secret() -> None:
    assert Masker().masked("all of it") == "all of it"


def test_everything_that_is_printed_passes_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(masking, "_this_run", masker("hunter2"))
    console.say("say hunter2")
    console.table(("heading",), [("cell hunter2",)])
    _task.print_json({"hunter2": ["hunter2", 2, None, {"key": "hunter2"}]})
    _task.show_error(HostError("web1", "it said hunter2", left="hunter2", next_step="hunter2"))
    out, err = capsys.readouterr()
    assert "hunter2" not in out + err
    assert (out.count(MARK), err.count(MARK)) == (5, 3)
    assert json.loads(out[out.index("{") :]) == {MARK: [MARK, 2, None, {"key": MARK}]}


def test_traceback_of_internal_error_masks_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "_this_run", masker("hunter2"))
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    try:
        raise RuntimeError("a fault with hunter2 in it")
    except RuntimeError as error:
        _fabric._show_fault(RuntimeError, error, error.__traceback__)
    assert f"RuntimeError: a fault with {MARK} in it" in stream.getvalue()
    assert "hunter2" not in stream.getvalue().replace('"a fault with hunter2 in it"', "")


def test_what_a_shell_prints_of_a_value_is_crossed_out() -> None:
    value = """it's "so" $HOME\\n %d & <b> ünï"""
    script = 'set -x; : "$1"; printf "%s" "$1" | base64; python3 -c "import sys; print(ascii(sys.argv))" "$1"'
    done = subprocess.run(["sh", "-c", script, "sh", value], capture_output=True, text=True, check=True)
    shown = masker(value).masked(done.stdout + done.stderr)
    assert "so" not in shown.replace("also", ""), shown
    assert shown.count(MARK) >= 3
