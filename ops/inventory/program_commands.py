"""Shell syntax in a program's command, which supervisord does not understand: it only splits the command into words.

Source: the supervisor manual, "[program:x] Section Settings", command; `supervisor/options.py` splits it by `shlex`.
Quoted or escaped text is not checked, so `/bin/sh -c '…'` may hold anything.
"""

import re
from collections.abc import Iterator

from ops.formats.uwsgi import is_uwsgi
from ops.program_tables import Program

QUOTED = "\0"  # in place of a quoted or escaped character
SHELL = "or run the whole command by a shell: /bin/sh -c '…'"
_BUILTINS = (
    *("cd", "exec", "source", ".", "export", "eval", "set", "unset"),
    *("ulimit", "umask", "alias", "trap", "if", "for"),
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_OPERATOR = re.compile(r".*(?:&&|\|\|).*|[;&|]|\|&|(?:[0-9]{0,2}|&)[<>].*")
_SUBSTITUTION = re.compile(r".*(`|\$\()")
_OF_UWSGI = re.compile(r"\$\(\w+\)")  # its own way to name a variable
_VARIABLE = re.compile(r"(?:.*[=:])?\$(?:\{\w+\}|[A-Za-z_]\w*)(?:/.*)?")
_HOME = re.compile(r"~[a-z0-9_-]*(?:/.*)?")


def shell_syntax(program: Program) -> Iterator[str]:
    """The rule for the first word of the command that only a shell understands; nothing if there is none."""
    words = list(_words(program.command))
    if not words:
        return
    first = words[0]
    if first[1] in _BUILTINS:
        instead = {
            "cd": 'set directory = "…" instead',
            "exec": "leave exec out, since supervisord starts the program without a shell",
            "umask": 'set umask = "…" instead',
        }.get(first[1], "put it into a script")
        yield _rule(first[0], f"{instead}, {SHELL}")
        return
    if _ASSIGNMENT.match(first[1]):
        name = first[1].partition("=")[0]
        yield _rule(first[0], f'set environment = {{ {name} = "…" }} instead, {SHELL}')
        return
    for number, (text, bare) in enumerate(words):
        if is_uwsgi(program):
            bare = _OF_UWSGI.sub("", bare)
        if _OPERATOR.fullmatch(bare) or (bare.endswith(";") and number < len(words) - 1):
            yield _rule(
                text,
                'directory = "…" sets where it runs, stdout_logfile where its output goes; make each further command '
                f"a program or part of a script, {SHELL}",
            )
        elif _SUBSTITUTION.match(bare):
            yield _rule(text, f"put it into a script, {SHELL}")
        elif _VARIABLE.fullmatch(bare) or _HOME.fullmatch(bare):
            yield _rule(text, f"write the value out, {SHELL}")
        else:
            continue
        return


def _rule(word: str, instead: str) -> str:
    return f"supervisord runs no shell and passes {word!r} on as it is: {instead}"


def _words(command: str) -> Iterator[tuple[str, str]]:
    """Each word as supervisord splits the command, and the same with QUOTED for each quoted or escaped character."""
    text, bare, quote, is_word = "", "", "", False
    characters = iter(command)
    for char in characters:
        if quote:
            if char == quote:
                quote = ""
                continue
            if char == "\\" and quote == '"':
                following = next(characters, "")
                char = following if following in ('"', "\\") else char + following
            text, bare = text + char, bare + QUOTED * len(char)
        elif char in "'\"":
            quote, is_word = char, True
        elif char == "\\":
            char = next(characters, "")
            text, bare, is_word = text + char, bare + QUOTED, True
        elif char in " \t\r\n":
            if is_word:
                yield text, bare
            text, bare, is_word = "", "", False
        else:
            text, bare, is_word = text + char, bare + char, True
    if is_word:
        yield text, bare
