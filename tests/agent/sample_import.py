"""An import of files that lie in a folder, as of a host that has only these, by the programs' own parsers."""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from ops.agent.apache_words import directives_of, in_effect
from ops.agent.host_reading import uwsgi_files
from ops.agent.host_reading_messages import (
    AccountReading,
    ApacheDirective,
    ApacheReading,
    SupervisordReading,
    UwsgiReading,
)
from ops.agent.supervisord_reading import parsed
from ops.agent.uwsgi_ini import options_of
from ops.importing.importing import Report, imported_from, prove
from ops.importing.reading import RELOADS, HostReading, parsed_of
from ops.importing.site_text import site_files
from ops.inventory.loader import read_inventory
from ops.rendering.renderer import render
from tests.agent.supervised import ACTIVATE, TOOLS
from tests.unit.hosts import host

SAMPLES = Path(__file__).parents[1] / "import_samples"
# Which program runs uWSGI with a file, where a sample has no supervisord of its own.
AROUND = """[unix_http_server]
file=/srv/app/s.sock
[supervisord]
logfile=/srv/app/log/s.log
pidfile=/srv/app/s.pid
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[program:app]
command=uwsgi --ini {ini}
redirect_stderr=true
stdout_logfile=/srv/app/log/app.log
"""
WEB = "uwsgi://127.0.0.1:3041/app"


@dataclass
class Sample:
    """Files of a host: supervisord's text, uWSGI's by path, and Apache's by name."""

    folder: Path
    supervisord: str = ""
    uwsgi: dict[str, str] = field(default_factory=dict)
    apache: dict[str, str] = field(default_factory=dict)

    def reading(self) -> HostReading:
        """What the readers make of them."""
        conf = self.folder / "supervisord.conf"
        conf.write_text(self.supervisord)
        text, problem = parsed(str(conf), 0, ACTIVATE)
        assert text, problem
        found = SupervisordReading(conf=str(conf), parsed=text)
        account = AccountReading(name="app", number=1, home="/srv/app", activates=ACTIVATE, grants=[RELOADS[0]])
        uwsgi = [
            UwsgiReading(program=program, path=path, options=options_of(self.uwsgi[path], path))
            for program, path in uwsgi_files(text)
            if path in self.uwsgi
        ]
        directives = [
            ApacheDirective(path=list(one.path), name=one.written, words=one.words, file=one.file)
            for name, each in self.apache.items()
            for one in in_effect(directives_of(each, f"/etc/httpd/conf.d/{name}"))
        ]
        apache = ApacheReading(how="files", directives=directives, authorities=[])
        return HostReading(host(account="app"), account, found, parsed_of(found), uwsgi, apache)

    def imported(self) -> "Imported":
        """The site that is made of them, rendered and read back."""
        reading = self.reading()
        found = imported_from(reading)
        site = self.folder / "site"
        for name, text in site_files("web1", "web1", found, str(site)).items():
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            (site / name).write_text(text)
        own = read_inventory(site / "hosts.toml").hosts["web1"]
        rendered = {one.path: one for one in render(own, values=False)}
        copy = self.folder / "rendered.conf"
        copy.write_bytes(rendered[own.supervisor.file].content)
        text, problem = parsed(str(copy), 0, ACTIVATE, str(self.folder))
        assert text, problem
        back = SupervisordReading(conf=own.supervisor.file, parsed=text)
        report = prove(reading, found, own, [*rendered.values()], [back])
        ini = rendered[own.uwsgi.file].content.decode()
        return Imported(report, (site / "hosts.toml").read_text(), ini)


@dataclass(frozen=True)
class Imported:
    """The report, the inventory's text, and the rendered file of uWSGI."""

    report: Report
    inventory: str
    ini: str

    def left(self) -> str:
        """What is not imported, in one text."""
        return "\n".join(f"{one.what}: {one.advice}" for one in self.report.not_imported)

    def changed(self, of: str) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
        """The settings of a program that are changed on purpose: name to what was there and what is ours."""
        return {one.name: (one.first, one.second) for one, reason in self.report.changed if one.of == of and reason}


def shown_config(folder: Path, text: str) -> list[tuple[str, str]]:
    """The options that uWSGI itself reads from a file: it starts, prints them, and ends before it opens anything."""
    path = folder / "shown.ini"
    path.write_text(text)
    words = [str(TOOLS / "uwsgi"), "--ini", str(path), "--show-config", "--hook-pre-jail", "exit:0"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, cwd=folder)
    said = (done.stdout + done.stderr).partition("[uwsgi]\n")[2]
    lines = said.partition("\n;end of configuration")[0].splitlines()
    assert lines, done
    pairs = [re.fullmatch(r"(\S+) = (.*)", line) for line in lines]
    ours = ("ini", "show-config", "hook-pre-jail")
    return [(pair[1], pair[2]) for pair in pairs if pair and pair[1] not in ours]


def any_sample(kind: str, name: str, folder: Path) -> Sample:
    """A sample with one of the files."""
    text = (SAMPLES / kind / name).read_text()
    if kind == "supervisord":
        return Sample(folder, text)
    if kind == "uwsgi":
        path = str(folder / name)
        return Sample(folder, AROUND.format(ini=path), {path: text})
    return Sample(folder, AROUND.format(ini="/none.ini"), {}, {name: text})


def two_apps(folder: Path) -> Sample:
    """Two uWSGI of one host, of which supervisord names first the one that nobody logs in to."""
    agent, web = str(folder / "uwsgi-agent.ini"), str(folder / "web.ini")
    programs = f"[program:submit]\ncommand=uwsgi {agent}\n[program:app]\ncommand=uwsgi --ini {web}\n"
    text = "[uwsgi]\nmaster = true\nmodule = app\nsocket = :"
    apache = (SAMPLES / "apache/ssl.conf").read_text().replace("unix:/srv/app/run/app.sock|uwsgi://app/app", WEB)
    return Sample(
        folder,
        AROUND.partition("[program:")[0] + programs,
        {agent: f"{text}3042\n", web: f"{text}3041\n"},
        {"ssl.conf": apache},
    )
