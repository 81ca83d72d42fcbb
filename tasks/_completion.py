"""Completions for the word where the operator presses TAB; `tasks/completion.sh` passes the words after `fab`.

A separate program that reads the tasks from their source: `fab --complete` loads all that a deploy needs, takes ten
times as long, and does not know hosts and programs. Releases are read from the host.
tests/unit/test_completion.py compares it with fab.
"""

import ast
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
SERVICES = ["supervisord", "apache", "shibd"]  # the services with logs: ops/logs/catalog.py
LOG_VERBS = ["tail-logs", "fetch-logs"]
HOST_VERBS = ["shell", "trust"]  # their first word is a host
CORE = (  # fab's own flags
    *(
        "--collection",
        "--complete",
        "--config",
        "--connect-timeout",
        "--command-timeout",
        "--debug",
        "--dry",
        "--echo",
    ),
    *("--help", "--hide", "--hosts", "--identity", "--list", "--list-agent-keys", "--list-depth", "--list-format"),
    *("--no-dedupe", "--print-completion-script", "--prompt-for-login-password", "--prompt-for-passphrase"),
    *(
        "--prompt-for-sudo-password",
        "--pty",
        "--search-root",
        "--ssh-config",
        "--version",
        "--warn-only",
        "--write-pyc",
    ),
)
WITH_A_FILE = ("-f", "--config", "-i", "--identity", "-r", "--search-root", "-S", "--ssh-config", "--to")
RELEASE_WORDS = ["releases", "rollback"]  # their first word is a release
RELEASE_FLAGS = {"rollback": "--to", "diff": "--to", "releases": "--release"}
MOST_PROCESSES = 1000  # of one program, as in ops/schema.py
ANSWER = 6  # seconds that a host has to list its releases
WITH_A_NUMBER = ("-t", "--connect-timeout", "-T", "--command-timeout")


def verbs(folder: Path = PROJECT / "tasks") -> dict[str, list[str]]:
    """Each task with its long flags; those of the lab begin with `lab.`."""
    found = {}
    for path in sorted(folder.glob("[!_]*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8-sig")).body:
            if isinstance(node, ast.FunctionDef):
                for options in _of_verb(node):
                    name = options.get("name") or node.name
                    flags = [argument.arg for argument in node.args.args[1:]]
                    found[f"lab.{name}" if path.stem == "lab" else _dashed(name)] = ["--" + _dashed(f) for f in flags]
    return found


def _of_verb(node: ast.FunctionDef) -> Iterator[dict[str, Any]]:
    """The constant arguments of the decorator that makes `node` a task; nothing if it is none."""
    for call in node.decorator_list:
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "task":
            yield {
                each.arg: each.value.value
                for each in call.keywords
                if each.arg and isinstance(each.value, ast.Constant)
            }


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _inventory() -> Path:
    """As ops/inventory/location.py has it, which takes longer to import."""
    given = os.environ.get("POMS_INVENTORY")
    if given:
        path = Path(given).expanduser()
        return path / "hosts.toml" if path.is_dir() else path
    site = PROJECT / "site/hosts.toml"
    return site if site.is_file() else PROJECT / "hosts.toml"


def inventory() -> tuple[list[str], list[str]]:
    """The hosts and groups, and the programs; empty for an inventory that cannot be read."""
    path = _inventory()
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        hosts = [*data["hosts"], *data.get("fleet", {}).get("groups", {})]
        tables = [data.get("defaults", {}), *data["hosts"].values()]
        return hosts, _programs(tables)
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return [], []


def _programs(tables: list[dict[str, Any]]) -> list[str]:
    """What --programs takes, by ops/formats/processes.py, which takes longer to import."""
    sys.path.insert(0, str(PROJECT))  # -I leaves it out
    from ops.formats import process_names

    programs: dict[str, dict[str, Any]] = {}
    groups: dict[str, list[str]] = {}
    for table in tables:
        for name, values in table.get("programs", {}).items():
            programs[name] = programs.get(name, {}) | values
        groups |= {name: values["programs"] for name, values in table.get("groups", {}).items()}
    found = []
    for name, values in programs.items():
        group = next((group for group, members in groups.items() if name in members), name)
        first, count = values.get("numprocs_start", 0), min(values.get("numprocs", 1), MOST_PROCESSES)
        default = process_names.DEFAULT if count == 1 else process_names.DEFAULT_OF_SEVERAL
        template = values.get("process_name", default)
        found += [(process_names.process_name(name, group, template, first + n), name) for n in range(count)]
    return process_names.words(found)


def releases(host: str, verb: str) -> list[str]:
    """The releases of `host`; for a rollback, only those that were live. Empty where it does not answer in time.

    fab runs in its own session, so that it cannot ask for a passphrase on the operator's terminal.
    """
    fab = Path(sys.executable).parent / "fab"
    try:
        said = subprocess.run(  # noqa: S603 - fab itself
            [fab, "-H", host, "releases", "--json"],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            timeout=ANSWER,
            check=True,
        )
        listed = json.loads(said.stdout)[host]
        live = [one for one in listed if one["facts"].get("ended") == "committed" and not one["current"]]
        return [one["name"] for one in (listed if verb == "releases" else live)] + ["original"] * (verb != "releases")
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError):
        return []


def _host_of(words: list[str]) -> str:
    """The first host of -H in the words, or the default host."""
    for number, word in enumerate(words):
        given = ""
        if word in ("-H", "--hosts"):
            given = next((each for each in words[number + 1 : number + 3] if each != "="), "")
        elif word.startswith("--hosts="):
            given = word.partition("=")[2]
        if given:
            return given.partition(",")[0]
    path = _inventory()
    try:
        return str(tomllib.loads(path.read_text(encoding="utf-8-sig"))["fleet"]["default"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def completions(words: list[str]) -> list[str]:
    """The completions of the last of `words`, the words after `fab`; bash passes each = and : as a separate word."""
    words, done = _joined(words or [""])
    return [found.removeprefix(done) for found in _completions(words)]


def _joined(words: list[str]) -> tuple[list[str], str]:
    """The words with those at a colon in one, and what bash has of the last one before its last part."""
    joined: list[str] = []
    done = ""
    for number, word in enumerate(words):
        if joined and (word == ":" or (number > 1 and words[number - 1] == ":")):
            done = joined[-1] if word != ":" else f"{joined[-1]}:"
            joined[-1] += word
        else:
            joined.append(word)
            done = ""
    return joined, done


def _completions(words: list[str]) -> list[str]:
    *before, word = words
    known, (hosts, programs) = verbs(), inventory()
    verb = next((each for each in before if each in known), "")
    flag, before_value = (before[-1], "") if before else ("", "")
    if word == "=" or flag == "=":
        flag, word = (before[-1], "") if word == "=" else (before[-2], word)
    elif word.startswith("--") and "=" in word:
        flag, _, word = word.partition("=")
        before_value = f"{flag}="
    if flag in ("-H", "--hosts") and not (verb and flag == "-H"):
        return [before_value + each for each in _of_list(word, hosts)]
    if flag in ("-p", "--programs") and verb:
        names = [*programs, *SERVICES] if verb in LOG_VERBS else programs
        return [before_value + each for each in _of_list(word, names)]
    if verb in RELEASE_FLAGS and (flag == RELEASE_FLAGS[verb] or (flag == verb and verb in RELEASE_WORDS)):
        names = [] if word.startswith("-") else releases(_host_of(before), verb)
        if names or flag != verb:
            return [before_value + each for each in names if each.startswith(word)]
    if before_value or flag in WITH_A_FILE + WITH_A_NUMBER or "=" in (*before[-1:], *words[-1:]):
        return []  # files, which the shell completes
    if word.startswith("-"):
        choices = known[verb] if verb else list(CORE)
    elif verb in HOST_VERBS and flag == verb:
        choices = hosts
    else:
        choices = [] if verb and flag.startswith("-") else [*_words(verb, known, hosts, programs), *known]
    return [each for each in choices if each.startswith(word)]


def _words(verb: str, known: dict[str, list[str]], hosts: list[str], programs: list[str]) -> list[str]:
    """The hosts and programs that may follow that task (tasks/_arguments.py)."""
    if not verb or verb == "hosts" or verb.startswith("lab."):
        return []
    names = [*programs, *(SERVICES if verb in LOG_VERBS else [])] if "--programs" in known[verb] else []
    return [*hosts, *(name for name in names if name not in hosts)]


def _of_list(word: str, names: list[str]) -> list[str]:
    """The completions of the last name in a list with commas, without names already in it."""
    given, comma, last = word.rpartition(",")
    taken = given.split(",")
    return [given + comma + name for name in names if name.startswith(last) and name not in taken]


if __name__ == "__main__":
    print("\n".join(completions(sys.argv[1:])))
