"""The Python that supervisorctl runs under, in every form in which its launcher is written."""

import sys
from pathlib import Path

import pytest

from ops.agent.processes import Ended
from ops.agent.supervisor_python import check_configuration, run_in_supervisors_python, supervisors_python
from tests.agent.shells import executable
from tests.agent.supervised import ACTIVATE

PROGRAM = "import os, sys\nprint(sys.argv[1:], os.environ.get('FROM_THE_WRAPPER', ''), sys.flags.no_user_site)\n"
# As pip (distlib), uv, setuptools and UPS write them. PYTHON is the interpreter, which no PATH leads to.
LAUNCHERS = {
    "plain": "#!PYTHON\n",
    "with a blank before": "#! PYTHON\n",
    "with options": "#!PYTHON -s\n",
    "env": "#!/usr/bin/env own-python\n",
    "env -S": "#!/usr/bin/env -S own-python -s\n",
    "env with a variable": "#!/usr/bin/env -S FROM_THE_WRAPPER=yes own-python\n",
    "pip, long path": "#!/bin/sh\n'''exec' PYTHON \"$0\" \"$@\"\n' '''\nimport re\n",
    "pip, quoted": "#!/bin/sh\n'''exec' \"PYTHON\" \"$0\" \"$@\"\n' '''\nimport re\n",
    "pip, options": "#!/bin/sh\n'''exec' \"PYTHON\" -s \"$0\" \"$@\"\n' '''\nimport re\n",
    "uv": "#!/bin/sh\n'''exec' 'PYTHON' \"$0\" \"$@\"\n' '''\n",
    "uv, relocatable": "#!/bin/sh\n"
    "'''exec' \"$(dirname -- \"$(realpath -- \"$0\")\")\"/'own-python' \"$0\" \"$@\"\n' '''\n",
    "conda": "#!/bin/sh\n'''exec' \"PYTHON\" \"$0\" \"$@\" #'''\n",
    "wrapper of a launcher": '#!/bin/sh\nFROM_THE_WRAPPER=yes\nexport FROM_THE_WRAPPER\nexec "OTHER/real" "$@"\n',
    "wrapper with a variable": "#!/bin/bash\nset -eu\n"
    'DIR=$(cd "$(dirname "$0")/../other" && pwd)\nexec $DIR/real ${1+"$@"}\n',
    "wrapper without exec": '#!/bin/sh\n. "OTHER/setup" >/dev/null\nOTHER/real "$@"\nexit $?\n',
    "wrapper that sets for one": '#!/bin/sh\nFROM_THE_WRAPPER=yes exec PYTHON "OTHER/real" "$@"\n',
    "wrapper by env": '#!/bin/sh\nexec env FROM_THE_WRAPPER=yes PYTHON -s OTHER/real "$@"\n',
    "wrapper of a module": '#!/bin/sh\nexec PYTHON -s -m supervisor.supervisorctl "$@"\n',
    "wrapper in a branch": "#!/bin/sh\n"
    'if [ -x /nowhere ]; then\n  exec /nowhere "$@"\nelse\n  exec PYTHON OTHER/real "$@"\nfi\n',
    "wrapper with a function": '#!/bin/sh\nmain() {\n  exec PYTHON OTHER/real "$@"\n}\nmain "$@"\n',
    "wrapper with a redirection": '#!/bin/sh\nexec PYTHON OTHER/real "$@" 2>/dev/null\n',
    "wrapper of a wrapper": '#!/bin/sh\nexec /bin/sh OTHER/second "$@"\n',
}
MARKS = {"env with a variable", "wrapper of a launcher", "wrapper that sets for one", "wrapper by env"}


def supervisor_python(path: str, program: str = PROGRAM) -> Ended:
    """What a program of ours prints that is run by supervisorctl's Python."""
    return run_in_supervisors_python(f"PATH='{path}'", program, ["a", "b c"], 60)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the products are: a folder whose name would break a "#!" line, with an interpreter of its own."""
    for name in ("bin", "other"):
        (tmp_path / name).mkdir()
    # An interpreter that is a file of its own, as a product's is; it does not say which one it is by its name alone.
    (tmp_path / "bin/own-python").symlink_to(sys.executable)
    executable(tmp_path / "other/real", f"#!{tmp_path}/bin/own-python\n")
    executable(
        tmp_path / "other/second", f'#!/bin/sh\nexec "{tmp_path}/bin/own-python" "{tmp_path}/other/real" "$@"\n'
    )
    (tmp_path / "other/setup").write_text("echo greetings\n")
    return tmp_path


@pytest.mark.parametrize("form", LAUNCHERS)
def test_the_python_of_every_launcher_is_found(place: Path, form: str) -> None:
    text = LAUNCHERS[form].replace("PYTHON", f"{place}/bin/own-python").replace("OTHER", f"{place}/other")
    executable(place / "bin/supervisorctl", text)
    before = sorted(place.rglob("*"))
    ran = supervisor_python(f"{place}/bin:/usr/bin:/bin")
    assert ran.code == 0, (ran.text, form)
    launcher = f"{place}/other/real" if form.startswith("wrapper") else f"{place}/bin/supervisorctl"
    mark = "yes" if form in MARKS else ""
    flag = int("-s" in text.replace("/bin/sh", ""))
    expected = f"{[launcher if 'module' not in form else '', 'a', 'b c']!r} {mark} {flag}"
    assert ran.text == expected, form
    assert {path.name for path in place.rglob("*")} == {path.name for path in before}


def test_a_path_with_blanks_is_found(place: Path) -> None:
    (place / "a b").mkdir()
    (place / "a b/python").symlink_to(sys.executable)
    executable(place / "bin/supervisorctl", f"#!/bin/sh\n'''exec' \"{place}/a b/python\" \"$0\" \"$@\"\n' '''\n")
    ran = supervisor_python(f"{place}/bin:/usr/bin:/bin")
    assert ran.text == f"{[f'{place}/bin/supervisorctl', 'a', 'b c']!r}  0"


def test_what_is_no_launcher_is_named(place: Path) -> None:
    executable(place / "bin/supervisorctl", '#!/bin/sh\necho "I am rude and give nothing"\n')
    for python in ("python", "python2", "python3"):
        executable(place / "bin" / python, "#!/bin/sh\nexit 1\n")
    ran = supervisor_python(f"{place}/bin:/usr/bin:/bin")
    assert ran.code == 127, ran.text
    assert f"{place}/bin/supervisorctl" in ran.text
    which, problem = supervisors_python(f"PATH='{place}/bin:/usr/bin:/bin'")
    assert (which, "no Python found for" in problem) == ("", True)


def test_supervisors_python_is_named(place: Path) -> None:
    executable(place / "bin/supervisorctl", f"#!{sys.executable}\n")
    which, problem = supervisors_python(f"PATH='{place}/bin:/usr/bin:/bin'")
    assert problem == ""
    assert which.endswith(f", Python {sys.version_info[0]}.{sys.version_info[1]}")


def test_a_candidate_is_read_as_if_it_were_in_its_place(tmp_path: Path) -> None:
    """%(here)s and the patterns of [include] are relative to the place, not to where it is staged."""
    (tmp_path / "place/logs").mkdir(parents=True)
    (tmp_path / "place/more.conf").write_text("[program:more]\ncommand=x\nstartsecs=no number\n")
    candidate, place = tmp_path / "new.1", str(tmp_path / "place/supervisord.conf")
    text = "[supervisord]\nlogfile=%(here)s/logs/s.log\n[program:a]\ncommand=x\nstdout_logfile=%(here)s/logs/a.log\n"
    candidate.write_text(text)
    assert check_configuration(ACTIVATE, str(candidate), place) == ""
    assert "logs" in check_configuration(ACTIVATE, str(candidate), str(candidate))
    candidate.write_text(f"{text}[include]\nfiles=more.conf\n")
    assert "no number" in check_configuration(ACTIVATE, str(candidate), place)
