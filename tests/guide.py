"""The commands that README and the guide tell an operator to type."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ops.project import PROJECT

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs/guide").glob("*.md"))]
_INLINE = re.compile(r"`((?:[A-Z_0-9]+=\S+ )*(?:fab|make)\s[^`]*)`")
_NEXT = re.compile(r"\s*&&\s*|, (?=fab )")  # between two commands of one line
# A command up to what it does, or what is done with what it prints; what is in quotes is its own.
_WHOLE = re.compile(r"""(?:'[^']*'|"[^"]*"|(?!\s{2,}|\s*\\?[|;<>#]).)*""")


@dataclass(frozen=True)
class Command:
    """A command line as it stands on a page, without what the page says of it."""

    page: str
    text: str

    @property
    def words(self) -> list[str]:
        """Its words, without the environment before them."""
        words = shlex.split(self.text)
        while re.match("[A-Z_0-9]+=", words[0]):
            del words[0]
        return words


def commands() -> list[Command]:
    """All of them, `fab` and `make`, in the order of the pages."""
    return [Command(page.name, text) for page in PAGES for text in _texts(page)]


def _texts(page: Path) -> Iterator[str]:
    prose, fenced = [], False
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        if fenced or line.startswith("    "):
            yield from filter(None, map(_command, _NEXT.split(line.strip().removeprefix("$ "))))
        elif not fenced:
            prose.append(line)
    for match in _INLINE.finditer("\n".join(prose)):
        yield _command(" ".join(match[1].split()))


def _command(text: str) -> str:
    """What stands before the explanation; empty where that is no command."""
    whole = _WHOLE.match(text.strip())
    text = whole[0].rstrip(".,:") if whole else ""
    return text if re.match(r"(?:[A-Z_0-9]+=\S+ )*(?:fab|make)(?: |$)", text) else ""


# What tests/lab/test_guide.py runs, and the exit code that the page implies. "HOST" and the like stand for something
# of the lab. What asks before it changes something gets --yes, for there is no terminal.
RUNS = {
    "fab --help TASK": 0,
    "fab --help deploy": 0,
    "fab --list": 0,
    "fab adopt FILE": 0,
    "fab -H HOST adopt FILE": 0,
    "fab -H pomsgpvm01 adopt FILE": 0,
    "fab -H pomsgpvm01 adopt /home/poms/private/config/poms/uwsgi-service.ini": 0,
    "fab certs": 0,
    "fab -H HOST certs": 0,
    "fab certs --all": 0,
    "fab certs --days=60": 0,
    "fab certs --json": 0,
    "fab check-apache": 0,
    "fab -H HOST check-apache": 0,
    "fab diff": 0,
    "fab -H HOST diff": 0,
    "fab -H pomsgpvm01 diff": 0,
    "fab -H pomsgpvm01 diff --to=RELEASE": 2,
    "fab status --json": 0,
    "fab doctor": 0,
    "fab -H HOST doctor": 0,
    "fab doctor --json": 0,
    "POMS_INVENTORY=lab/state/hosts.toml fab doctor": 0,
    "fab drift": 0,
    "fab -H HOST drift": 0,
    "fab drift --json": 0,
    "fab fetch-logs": 0,
    "fab fetch-logs --since=1d": 0,
    "fab fetch-logs --to=/tmp/case42": 0,
    "fab -H pomsgpvm01 fetch-logs --since=1d --programs=poms_webservice,supervisord": 0,
    "fab hosts": 0,
    "fab releases": 0,
    "fab -H HOST releases": 0,
    "fab releases --json": 0,
    "fab releases RELEASE": 0,
    "fab render": 0,
    "fab render --explain": 0,
    "fab -H HOST render": 0,
    "fab render --out=DIR": 0,
    "fab render --out=DIR --secrets": 0,
    "fab status": 0,
    "fab -H HOST status": 0,
    "fab -H pomsgpvm01 status": 0,
    "KRB5_TRACE=/dev/stderr fab -H HOST status": 0,
    "fab tail-logs": 0,
    "fab -H HOST tail-logs": 0,
    'fab run "df -h /home"': 0,
    'fab -H poms run "uptime; uname -r"': 0,
    "fab tail-logs apache": 0,
    "fab tail-logs --programs=NAME": 0,
    "fab tail-logs --programs=poms_webservice,apache": 0,
    "fab tail-logs --since=10m": 0,
    "fab tail-logs --since=2h --grep='error' -i": 0,
    "fab tail-logs --since=2h --until=1h": 0,
    "fab workers": 0,
    # From here on the host is changed, one after the other.
    "fab -H pomsgpvm01 rollback": 0,
    "fab rollback": 0,
    "fab -H pomsgpvm01 rollback RELEASE": 0,
    "fab rollback ID": 0,
    "fab deploy": 0,
    "fab deploy HOST": 0,
    "fab deploy pomsgpvm01": 0,
    "fab -H HOST deploy": 0,
    "fab -H pomsgpvm01 deploy": 0,
    "fab -H pomsgpvm01 deploy --yes": 0,
    "POMS_INVENTORY=lab/state/hosts.toml fab deploy": 0,
    "fab deploy --unvalidated": 0,
    "fab -H HOST deploy --remove": 0,
    "fab recover": 0,
    "fab -H HOST recover": 0,
    "fab -H pomsgpvm01 recover": 0,
    'fab -H pomsgpvm01 maintenance on --message="Moving the database" --until=18:30': 0,
    "fab -H pomsgpvm01 maintenance off": 0,
    "fab -H HOST maintenance off": 0,
    "fab maintenance off": 0,
    "fab -H HOST reload-apache": 0,
    "fab -H pomsgpvm01 reload-apache": 0,
    "fab restart-apache": 0,
    "fab -H pomsgpvm01 restart-apache": 0,
    "fab -H pomsgpvm01 reload-programs": 0,
    "fab -H pomsgpvm01 reload-uwsgi": 0,
    "fab -H pomsgpvm01 stop-programs --programs=NAME": 0,
    "fab -H pomsgpvm01 start-programs --programs=NAME": 0,
    "fab -H pomsgpvm01 restart-programs --programs=NAME": 0,
    "fab restart-programs NAME": 0,
    "fab -H pomsgpvm01 stop-supervisord": 0,
    "fab -H HOST stop-supervisord": 0,
    "fab -H pomsgpvm01 start-supervisord": 0,
}
CHANGES_FROM = "fab -H pomsgpvm01 rollback"  # the first of them that changes the host

NOT_RUN = {
    "fab import HOST": "needs a host that was set up by hand; tests/lab/test_import.py has one",
    "fab import HOST --out=DIR": "the same",
    "fab compare HOST1 HOST2": "the same",
    "fab compare fermicloud045 pomsgpvm01": "the same",
    "fab init DIR": "makes a folder for good; tests/unit/test_site.py has it",
    "fab init ~/our-site": "the same",
    "fab versions": "needs software in the inventory; tests/lab/test_switch.py has it",
    "fab install": "the same",
    "fab install VERSION": "the same",
    "fab install v4_5_0": "the same",
    "fab -H pomsgpvm01 install v4_5_0": "the same",
    "fab uninstall VERSION": "the same",
    "fab -H pomsgpvm01 uninstall v4_3_0": "the same",
    "fab -H pomsgpvm01 start-at-boot": "needs a cron daemon; tests/lab/test_survival.py has a host with one",
    "fab -H HOST start-at-boot": "the same",
    "fab -H pomsgpvm01 start-at-boot --remove": "the same",
    "fab -H HOST start-at-boot --remove": "the same",
    "fab maintenance on": "needs a message; the line of maintenance.md with one is run",
    "fab lab.up": "takes this machine's own lab; tests/lab/test_lab.py has one of its own",
    "fab lab.up --hosts=new --base=trixie-systemd": "as the line before; tests/lab/test_hosts.py has labs of its own",
    "fab lab.down": "takes this machine's own lab; tests/lab/test_lab.py has one of its own",
    "fab lab.status": "looks at this machine's own lab; tests/lab/test_lab.py has one of its own",
    "fab shell HOST": "needs a terminal; tests/lab/test_login.py has one",
    "fab trust HOST": "needs a terminal, or the fingerprint; tests/lab/test_login.py has both",
    "fab status --watch": "needs a terminal, and runs until it is ended; tests/lab/test_seeing.py has one",
    "fab status --every=5 --watch": "needs a terminal, and runs until it is ended; tests/lab/test_seeing.py has one",
    "fab tail-logs --follow": "runs until Ctrl-C, in tests/lab/test_logs.py",
    "fab -H pomsgpvm01 tail-logs --follow": "runs until Ctrl-C, in tests/lab/test_logs.py",
    "fab -H HOST diff --to=original": "the lab's host was found bare; tests/lab/test_take_over.py has another",
    "fab -H HOST rollback original": "the lab's host was found bare; tests/lab/test_take_over.py has another",
    "fab -H pomsgpvm01 rollback original": "the same",
    "fab -H HOST -- COMMAND": "is refused; tests/unit/test_task.py",
    'fab run "COMMAND"': "stands for any; the others of run.md are run",
    "fab run -": "reads standard input; tests/lab/test_run.py gives it some",
    'fab -H pomsgpvm01 run --timeout=60 "make -C poms check"': "the lab's app has nothing to make",
    'fab -H poms run --json "rpm -q httpd"': "the lab's hosts have no rpm",
    "make bench": "takes half an hour, and is no test",
    "make demo": "takes this machine's own lab; it is the same as what is run here, one after the other",
    "make kerberos": "compiles into the installation that the tests run in",
    "make setup": "makes the installation that the tests run in",
    "make soak": "takes half an hour; tests/lab/test_soak.py does a part of it",
    "make test": "is what runs this",
    "make test-all": "is what runs this",
}
