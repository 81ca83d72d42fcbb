"""A program's command is split by supervisord, which runs no shell: what only a shell would understand is refused."""

import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.inventory.constraints import constraint_violations
from ops.inventory.program_commands import _words
from tests.unit.hosts import host


def refused(command: str) -> list[str]:
    found = list(constraint_violations(host(programs={"web": {"command": command}})))
    assert all(loc == ("programs", "web", "command") for loc, _ in found)
    return [rule for _, rule in found]


@pytest.mark.parametrize(
    ("command", "word", "instead"),
    [
        ("cd /home/poms/app && python run.py", "'cd'", "directory"),
        ("python a.py && python b.py", "'&&'", "/bin/sh -c"),
        ("python a.py||true", "'a.py||true'", "/bin/sh -c"),
        ("python a.py | logger -t app", "'|'", "/bin/sh -c"),
        ("python a.py; python b.py", "'a.py;'", "/bin/sh -c"),
        ("python a.py ; python b.py", "';'", "/bin/sh -c"),
        ("python a.py > /tmp/log", "'>'", "stdout_logfile"),
        ("python a.py >>/tmp/log", "'>>/tmp/log'", "stdout_logfile"),
        ("python a.py 2>&1", "'2>&1'", "stdout_logfile"),
        ("python a.py &>/dev/null", "'&>/dev/null'", "stdout_logfile"),
        ("python a.py < /dev/null", "'<'", "/bin/sh -c"),
        ("python a.py &", "'&'", "/bin/sh -c"),
        ("python a.py --day $(date +%F)", "'$(date'", "/bin/sh -c"),
        ("python a.py --day `date`", "'`date`'", "/bin/sh -c"),
        ("~/bin/run", "'~/bin/run'", "write the value out"),
        ("python ~poms/run.py", "'~poms/run.py'", "write the value out"),
        ("$HOME/bin/run", "'$HOME/bin/run'", "write the value out"),
        ("python run.py --file=${HOME}/x", "'--file=${HOME}/x'", "write the value out"),
        ("MODE=test python run.py", "'MODE=test'", "environment = { MODE"),
        ("exec uwsgi --ini x.ini", "'exec'", "leave exec out"),
        (". /etc/profile", "'.'", "script"),
        ("/bin/sh -c 'run' && true", "'&&'", "/bin/sh -c"),
        ("uwsgi --socket $(hostname -f):80", "'$(hostname'", "/bin/sh -c"),
    ],
)
def test_shell_syntax_is_refused_and_message_names_replacement(command: str, word: str, instead: str) -> None:
    (rule,) = refused(command)
    assert word in rule
    assert instead in rule


@pytest.mark.parametrize(
    "command",
    [
        "uwsgi --ini /home/poms/private/config/poms/uwsgi-service.ini",
        "/bin/sh -c 'cd /home/poms/app && exec python run.py >log 2>&1; $(x) `y` ~/z'",
        'bash -lc "cd /x && MODE=a run | tee $HOME/log"',
        """bash -c "exec -a 'é %(x)s ;#' sleep 100000" """.strip(),
        "env MODE=test python run.py",
        "curl http://127.0.0.1/?a=1&b=2;c",
        "find /tmp -name *.tmp -exec rm {} \\;",
        "python run.py '&&' \"|\" \\> '~/x' '$HOME'",
        "python /srv/a&b/run.py",
        "grep -E a|b ^x$ file~ a~b",
        "uwsgi --socket $(SOCKET) --module a",
        "python run.py --price 5$ --to user@~",
        "python run.py ends;",
    ],
)
def test_command_without_shell_syntax_is_accepted(command: str) -> None:
    assert refused(command) == []


@settings(derandomize=True, deadline=None, database=None)
@given(st.text(alphabet="ab \t'\"\\;&|~$é", max_size=20))
def test_command_is_split_like_supervisord_splits_it(command: str) -> None:
    try:
        words = shlex.split(command)
    except ValueError:
        return
    assert [text for text, _ in _words(command)] == words
    assert all(len(text) == len(bare) for text, bare in _words(command))
