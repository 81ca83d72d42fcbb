"""What `activate` may do to the agent: give it an environment, and nothing else, however rude it is."""

import os
from pathlib import Path

import pytest

from ops.agent import products
from ops.agent.processes import NOT_STARTED
from ops.agent.products import activated, run_with_products
from tests.agent.shells import executable

# Every variable that can be listed is unset or redefined; every name of a command, builtin or function becomes a
# function that prints; what is set up in between must still be there at the end.
RUDE = r"""
alias printf='echo alias'; shopt -s expand_aliases
trap 'echo trapped' EXIT ERR DEBUG
set -f; umask 777; cd /; ulimit -n 64
for name in $(compgen -v); do
    case $name in PATH|BASH*|name|OPTIND) continue ;; esac # dash does not start with another OPTIND
    unset -v "$name" 2>/dev/null; declare -x "$name=rude" 2>/dev/null
done
export products=rude text=rude environment=rude load=rude python=rude UWSGI_DIR=/rude UWSGI_MODULE=rude BASH_ENV=/rude
export PATH="@BIN@:/usr/bin:/bin" GOOD='two
lines' ODD="a=b c"
readonly PATH GOOD; IFS=x
exec 3>&1 5>&1 8>&1 9>&1
for name in eval exec echo printf env cat command builtin unset export test '[' read true false type declare; do
    eval "function $name { builtin echo rude \$*; }" 2>/dev/null || :
done
builtin echo 'poms-ops: the environment'; builtin printf '\0PATH=/rude\0'
"""


@pytest.fixture
def rude(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(products, "_known", {})
    executable(
        tmp_path / "bin/tool", '#!/bin/sh\nprintf "%s|" "$@"\nprintf "%s|%s" "$GOOD" "$(env | grep -c UWSGI_)"\n'
    )
    return RUDE.replace("@BIN@", f"{tmp_path}/bin")


def one_line(text: str) -> str:
    """The text as the inventory has it: on one line."""
    return "eval " + "$'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def test_rude_activate_gives_its_environment_and_nothing_else(rude: str, tmp_path: Path) -> None:
    before = Path.cwd(), os.umask(0o077)
    os.umask(before[1])
    found = activated(one_line(rude))
    assert found.is_complete, found.complaint
    assert found.environment["PATH"] == f"{tmp_path}/bin:/usr/bin:/bin"
    assert (found.environment["GOOD"], found.environment["ODD"]) == ("two\nlines", "a=b c")
    assert [name for name in found.environment if name.startswith("UWSGI_") or name in ("BASH_ENV", "_")] == []
    ended = run_with_products(one_line(rude), ["tool", "one", "two words", "$(x)"])
    assert (ended.code, ended.text) == (0, "one|two words|$(x)|two\nlines|0")
    assert (Path.cwd(), os.umask(before[1])) == before


@pytest.mark.parametrize(
    "activate",
    [
        "trap 'builtin echo PATH=/rude' EXIT",
        "trap 'builtin printf \"RUDE=1\\0PATH=/rude\\0\"' EXIT",
        "trap 'builtin echo trapped' DEBUG",
        "trap 'builtin printf \"RUDE=1\\0\"' DEBUG",
        "(for _ in {1..200}; do builtin printf 'RUDE=1\\0'; sleep 0.005; done) &",
        "exec 7>&1 8>&1 9>&1; builtin printf 'RUDE=1\\0' >&7",
        "exec >/dev/null 2>&1",
        "head -c 3000000 /dev/zero",
    ],
)
def test_output_of_activate_is_no_environment(activate: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever it comes, before or after the end of the text."""
    monkeypatch.setattr(products, "_known", {})
    plain, found = activated(":"), activated(activate)
    assert (found.is_complete, found.environment) == (True, plain.environment)


@pytest.mark.parametrize(
    "activate",
    [
        "exit 3",
        "exec true",
        "return 1",
        "kill -9 $$",
        "set -e; false",
        "unset PATH",
        "exec >/dev/null",
        "PATH=",
        "if",
    ],
)
def test_activate_that_leaves_no_environment_leaves_the_accounts(
    activate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "_known", {})
    found = activated(activate)
    assert "PATH" in found.environment
    ended = run_with_products(f"{activate}; :", ["no-such-program"])
    assert ended.code == NOT_STARTED
    assert "no-such-program" in ended.text


def test_activate_gets_no_input_and_its_output_is_its_complaint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "_known", {})
    found = activated("cat; echo out; echo err >&2; exit 1")
    assert not found.is_complete
    assert found.complaint.split() == ["out", "err"]
