"""Programs of the agent's own modules: for a process that the agent starts, and that needs a Python of its own."""

import binascii
import json
import re
import sys
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

IMPORTED = re.compile(r"^from ops\.agent(?:\.(\w+) import| import (.+))", re.MULTILINE)
# The modules are imported as usual, from the texts that the program brings along: nothing lies in a file.
PROGRAM = """import binascii, json, sys, zlib
modules, module, name, given = json.loads(zlib.decompress(binascii.a2b_base64("{packed}")).decode())
class Texts:
    modules = modules
    def find_spec(self, name, path=None, target=None):
        return type(sys.__spec__)(name, self, is_package=name in ("ops", "ops.agent")) if name in modules else None
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        exec(compile(modules[module.__name__], module.__name__, "exec"), vars(module))
sys.meta_path.insert(0, Texts())
getattr(__import__(module, fromlist=[name]), name)(given)
"""


def python_words() -> "list[str]":
    """The command that runs a program of its standard input, with the agent's own interpreter."""
    return [sys.executable, "-I", "-S", "-"]


def program(function: "Callable[[Any], None]", given: "Any") -> bytes:
    """A Python program that calls a function of one of the agent's modules with `given`, which is JSON."""
    words = [_texts(function.__module__), function.__module__, function.__name__, given]
    packed = zlib.compress(json.dumps(words).encode(), 9)
    return PROGRAM.replace("{packed}", binascii.b2a_base64(packed, newline=False).decode()).encode()


def _texts(module: str) -> "dict[str, str]":
    """The texts of a module and of those that it imports: as they came to this host (start.sh), or of their files."""
    came: dict[str, str] = getattr(sys.modules["ops.agent"].__loader__, "modules", {})
    found, left = {"ops": "", "ops.agent": ""}, [module]
    while left:
        name = left.pop()
        if name not in found:
            text = found[name] = came[name] if name in came else _text_of_file(str(sys.modules[name].__file__))
            for one, several in IMPORTED.findall(text):
                left += [f"ops.agent.{last}" for last in ([one] if one else several.split(", "))]
    return found


def _text_of_file(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()
