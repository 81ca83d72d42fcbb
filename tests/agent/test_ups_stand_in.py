"""The lab's stand-in for UPS behaves as a real one was measured to, oddities included."""

import shutil
from collections.abc import Callable

import pytest

from tests.agent.lab_account import SETUP, Account

BOTH = '"poms" "v4_4_0" "NULL" "" "current" \n"poms" "v4_5_0" "NULL" "" "" \n'
CORRUPT = "Possible UPS database corruption"


# --- the database -------------------------------------------------------------------------------------------


def test_list_has_a_line_of_quoted_columns_for_each_instance(installed: Account) -> None:
    assert installed.ups("ups list -aK+ poms") == BOTH
    assert installed.ups("ups list -a -K + poms; ups list poms -aK+") == BOTH + BOTH
    names = [line.split('"')[1] for line in installed.ups("ups list -aK+").splitlines()]
    assert names == ["poms", "poms", "python", "supervisor", "upd", "ups", "uwsgi"]


def test_list_without_a_has_the_current_instances(installed: Account) -> None:
    assert installed.ups("ups list -K+ poms") == BOTH.splitlines(keepends=True)[0]
    said = installed.ups("ups list poms")
    assert ("v4_4_0" in said, "v4_5_0" in said) == (True, False)
    assert "v4_5_0" in installed.ups("ups list poms v4_5_0")


def test_list_takes_the_columns_that_are_wanted(installed: Account) -> None:
    line = installed.ups("ups list -K version:prod_dir:declarer:chain:no_such_column poms v4_5_0")
    assert line == f'"v4_5_0" "{installed.products}/poms/v4_5_0" "poms" "" "" \n'
    declared = installed.ups("ups list -K declared poms")
    assert len(declared.split('"')[1].split(" ")) == 3, declared


def test_an_unknown_product_has_no_line_and_is_no_failure(installed: Account) -> None:
    assert installed.run(SETUP + "ups list -aK+ nosuch") == (0, "", "")
    assert installed.run(SETUP + "ups list -aK+ poms v9") == (0, "", "")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text + "rubbish\n", id="a line of another form"),
        pytest.param(lambda text: text.replace("  PROD_DIR", "  NO_DIR"), id="no folder"),
        pytest.param(lambda text: text[: len(text) // 6], id="cut"),
        pytest.param(lambda _text: "", id="empty"),
    ],
)
def test_a_corrupt_entry_is_left_out_with_words_on_stderr(account: Account, change: Callable[[str], str]) -> None:
    path = account.products / "poms/v4_5_0.version"
    path.write_text(change(path.read_text()))
    code, out, err = account.run(SETUP + "ups list -aK+ poms")
    assert (code, out) == (0, BOTH.splitlines(keepends=True)[0])
    assert err.startswith("ERROR: ")
    assert CORRUPT in err
    assert account.run(SETUP + "ups exist poms v4_5_0")[0] == 1


def test_a_chain_of_a_version_that_is_gone_is_corruption(account: Account) -> None:
    (account.products / "poms/v4_4_0.version").unlink()
    code, out, err = account.run(SETUP + "ups list -aK+ poms")
    assert (code, out) == (0, BOTH.splitlines(keepends=True)[1])
    assert CORRUPT in err


def test_a_chain_moves_to_the_version_that_is_declared(account: Account) -> None:
    chains = account.products / "poms"
    assert account.ups("ups declare -c poms v4_5_0") == "\n"
    assert (
        account.ups("ups list -aK+ poms") == '"poms" "v4_4_0" "NULL" "" "" \n"poms" "v4_5_0" "NULL" "" "current" \n'
    )
    assert account.ups("ups declare -t poms v4_5_0; ups list -aK+ poms").splitlines()[2].endswith('"test:current" ')
    assert sorted(path.name for path in chains.glob("*.chain")) == ["current.chain", "test.chain"]
    assert account.ups("ups undeclare -t poms; ups list -K+ poms").splitlines()[1].endswith('"current" ')
    assert [path.name for path in chains.glob("*.chain")] == ["current.chain"]


def test_a_declaration_that_cannot_be_is_refused(account: Account) -> None:
    for words, message in {
        "-c poms v9": "Specification must include a single flavor",
        "poms v9 -r /tmp": "Specification must include a single flavor",
        "poms v4_5_0 -f NULL -r /tmp": "Exact product definition exists",
        "poms": "Specification must include a product and a version",
        "-X poms v9": 'Invalid argument specified "-X"',
    }.items():
        code, out, err = account.run(f"{SETUP}ups declare {words}")
        assert (code, out) == (1, ""), words
        assert message in err
    assert account.ups("ups list -aK+ poms") == BOTH


def test_exist_says_it_by_its_exit_code_alone(installed: Account) -> None:
    for words, code in {"poms": 0, "poms v4_5_0": 0, "poms v9": 1, "nosuch": 1}.items():
        assert installed.run(f"{SETUP}ups exist {words}") == (code, "", "")


def test_undeclare_takes_a_version_and_its_chains_away(account: Account) -> None:
    assert account.run(f"{SETUP}ups undeclare poms v9")[0] == 1
    account.ups("ups undeclare poms v4_4_0")
    assert account.ups("ups list -aK+ poms") == BOTH.splitlines(keepends=True)[1]
    assert account.run(f"{SETUP}ups exist poms")[0] == 1, "there is no current version"
    assert (account.products / "poms/v4_4_0/poms_app.py").exists()
    account.ups("ups undeclare -Y poms v4_5_0")
    assert not (account.products / "poms/v4_5_0").exists()


def test_flavors_are_matched_down_to_null_and_qualifiers_are_given(account: Account) -> None:
    own = account.ups("ups flavor").strip()
    assert own.startswith("Linux64bit+")
    account.ups(f"ups declare poms v4_4_0 -f {own} -r /own; ups declare poms v4_4_0 -f IRIX+6 -r /irix")
    account.ups("ups declare poms v4_4_0 -f NULL -q debug -r /debug")
    assert account.ups("ups list -K prod_dir poms v4_4_0") == '"/own" \n'
    assert account.ups("ups list -K prod_dir poms v4_4_0 -f NULL").endswith('/poms/v4_4_0" \n')
    assert account.ups("ups list -K prod_dir:qualifiers poms v4_4_0 -f NULL -q debug") == '"/debug" "debug" \n'
    assert account.ups("ups list -aK flavor poms v4_4_0").count("\n") == 4


# --- the environment ----------------------------------------------------------------------------------------


def test_setup_exports_a_folder_and_an_instance_for_each_product(installed: Account) -> None:
    place = installed.products
    found = dict(line.split("=", 1) for line in installed.ups("setup poms >/dev/null; env").splitlines())
    for name, version in {"python": "v3", "supervisor": "v4_3_0", "poms": "v4_4_0"}.items():
        assert found[f"{name.upper()}_DIR"] == f"{place}/{name}/{version}"
        assert found[f"SETUP_{name.upper()}"] == f"{name} {version} -f NULL -z {place}"
    assert found["UWSGI_DIR"] == f"{place}/uwsgi/v2_0_31"
    assert found["SETUP_UWSGI"] == f"uwsgi v2_0_31 -f Linux64bit -z {place}"
    assert found["PYTHONPATH"] == f"{place}/poms/v4_4_0"
    assert found["PATH"].split(":")[0] == f"{place}/poms/v4_4_0/bin"
    assert f"{place}/uwsgi/v2_0_31/bin" in found["PATH"].split(":")


def test_another_version_takes_the_entries_of_the_one_before_out(installed: Account) -> None:
    show = 'echo "$PATH|$PYTHONPATH|$POMS_DIR|$SETUP_POMS|$(poms_version)"'
    said = installed.ups(f"export PYTHONPATH=/mine; setup poms; setup poms v4_5_0 >/dev/null; {show}").splitlines()[
        -1
    ]
    assert "v4_4_0" not in said
    assert said.endswith("|v4_5_0")
    assert f"|{installed.products}/poms/v4_5_0:/mine|" in said
    assert said.count("/uwsgi/") == 1


def test_unsetup_leaves_what_was_there_before(installed: Account) -> None:
    before = "env | grep -v '^_=' | sort >before"
    after = "env | grep -v '^_=' | sort | diff before -"
    script = f'{SETUP}cd "$(mktemp -d)"; export PYTHONPATH=/mine; {before}; setup poms; unsetup poms; {after}'
    assert installed.run(script) == (0, "poms v4_4_0 is set up\n", "")


def test_setup_of_an_unknown_product_or_version_fails(installed: Account) -> None:
    for words in ("nosuch", "poms v9", "-t poms"):
        code, out, err = installed.run(f"{SETUP}setup {words}")
        assert (code, out) == (1, "")
        assert "may not exist" in err


def test_missing_dependency_leaves_half_an_environment_and_no_failure(account: Account) -> None:
    account.ups("ups undeclare uwsgi v2_0_31")
    code, out, err = account.run(f'{SETUP}setup poms; echo "code $?"; env')
    assert code == 0
    assert "code 0\n" in out
    assert err.startswith("ERROR: Product 'uwsgi'")
    assert "SETUP_POMS=poms v4_4_0" in out
    assert "SETUP_SUPERVISOR=" in out
    assert "PYTHONPATH=" not in out
    assert "UWSGI_DIR=" not in out


# --- bad habits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["-u", "-e"])
def test_a_strict_shell_ends(installed: Account, option: str) -> None:
    code, out, _ = installed.run(f'set {option}; . "$HOME/products/setup"; echo reached')
    assert code != 0
    assert "reached" not in out


def test_variables_of_the_caller_disappear_and_functions_come(installed: Account) -> None:
    lost = "ss sts msg db me os ver flv exe xx var val products olddb"
    script = "; ".join(f"{name}=mine" for name in lost.split())
    left = installed.run(f'{script}; . "$HOME/products/setup"; for name in {lost}; do echo "[${{!name-}}]"; done')[1]
    assert left.count("[]\n") == len(lost.split())
    assert left.startswith("Setting up"), "it prints to stdout"
    for name in ("set_", "source", "setenv", "unsetenv_", "tnotnull", "nullout", "vecho_", "setup", "unsetup"):
        assert installed.ups(f"type -t {name}") == "function\n"
    assert installed.ups('source "$HOME/products/setup"').startswith("Setting up")


def test_another_shell_finds_no_ups(installed: Account) -> None:
    shell = next(filter(None, map(shutil.which, ("dash", "ksh", "zsh"))))
    script = '. "$HOME/products/setup"; echo "code $?"; command -v ups setup'
    assert installed.run(script, shell)[1] == "ERROR: did not find ups binary\ncode 0\n"
