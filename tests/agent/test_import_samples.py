"""Files in the styles of real sites, imported and rendered back: equal by each program's own parser, or named."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from ops.agent.uwsgi_ini import options_of
from ops.importing.settings import APACHE, SUPERVISORD, UWSGI
from ops.importing.uwsgi_settings import written_out
from tests.agent.sample_import import SAMPLES, any_sample, shown_config, two_apps

ALL = [(path.parent.name, path.name) for path in sorted(SAMPLES.glob("*/*"))]
# What poms-ops writes into every file of uWSGI's.
ADDED = {"buffer-size", "socket-timeout", "no-orphans", "zerg-server", "hook-accepting1-once"}
ADDED |= {"reload-mercy", "worker-reload-mercy", "threads", "workers", "chmod-socket"}
# What is not imported of each sample: a part of its name.
LEFT_OUT = {
    "plain.conf": [],
    "separate_errors.conf": [],
    "secrets.conf": ["DB_PASSWORD", "API_TOKEN", "SECRET_KEY"],
    "groups.conf": [],
    "listeners.conf": ["rpcinterface twiddler"],
    "container.conf": ["the password of the control port 9001", "nodaemon"],
    "everything.conf": ["the password of the control port 9002"],
    "unsayable.conf": [],
    "small.ini": [],
    "threads_and_limits.ini": [],
    "placeholders.ini": ["SENTRY_TOKEN"],
    "routes_and_cron.ini": [],
    "own_names.ini": [],
    "open_doors.ini": ["emperor", "daemonize", "uwsgi.options.http", "uid", "if and for", "set-placeholder = chdir"],
    "ssl.conf": [
        "locations.static_files",
        "X-Robots-Tag",
        "SetEnv",
        "shib-attr",
        "/app/health",
        "^/old/",
    ],
    "one_file.conf": ["jobs.example.org", "SSLCACertificateFile", "ProxyTimeout"],
    "cert_ssl.conf": ["X-SSL-Subject"],
    "doors.conf": ["/partners"],
}
SECRETS = ("s3cret-word", "t0ken-word", "k3y-word")


def test_there_are_a_dozen_samples_and_each_has_an_expectation() -> None:
    assert len(ALL) >= 12
    assert {name for _, name in ALL} == set(LEFT_OUT)


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_sample_is_equal_in_effect_or_named(kind: str, name: str, tmp_path: Path) -> None:
    done = any_sample(kind, name, tmp_path).imported()
    left = done.left()
    for part in LEFT_OUT[name]:
        assert part in left
    own = {"supervisord": SUPERVISORD, "uwsgi": UWSGI, "apache": APACHE}[kind]
    mine = [one.what for one in done.report.not_imported if one.of == own]
    if kind != "apache":  # of which some lines are for every host
        assert bool(mine) == bool(LEFT_OUT[name]), left
    assert all(one.advice for one in done.report.not_imported)
    assert not any(word in done.inventory + left + str(done.report.notes) for word in SECRETS)


def test_placeholders_stay_and_sockets_are_all_there(tmp_path: Path) -> None:
    done = any_sample("uwsgi", "own_names.ini", tmp_path).imported()
    found = tomllib.loads(done.inventory)["defaults"]
    options = found["uwsgi"]["options"]
    assert options["set-placeholder"] == ["root=/srv/app", "packages=%(root)/venv", "port=3041"]
    assert (options["chdir"], options["virtualenv"]) == ("%(root)/src", "%(packages)")
    assert options["python-path"] == "/srv/app/src/lib"
    assert found["app"]["listen"] == "127.0.0.1:3041"
    assert found["uwsgi"]["sockets"] == ["/srv/app/private/poms-ops/app.sock", "[::1]:3041"]
    assert (found["uwsgi"]["reload-on-as"], found["uwsgi"]["evil-reload-on-as"]) == (900, False)
    assert "\nevil-reload-on-as" not in done.ini


def test_second_uwsgi_is_an_app_and_the_first_is_the_one_behind_the_login(tmp_path: Path) -> None:
    done = two_apps(tmp_path).imported()
    found = tomllib.loads(done.inventory)["defaults"]
    assert found["app"] == {"listen": "127.0.0.1:3041", "path": "/app", "timeout": 900}
    assert found["uwsgi"]["file"] == f"{tmp_path}/web.ini"
    (agent,) = found["apps"].values()
    assert found["apps"].keys() == {"agent"}
    assert (agent["listen"], agent["uwsgi"]["file"]) == ("127.0.0.1:3042", f"{tmp_path}/uwsgi-agent.ini")
    assert found["programs"]["submit"]["reload_signal"] == "HUP"
    equal = {(one.place, one.name) for one in done.report.equal}
    assert {(f"{tmp_path}/web.ini", "module"), (f"{tmp_path}/uwsgi-agent.ini", "module")} <= equal
    assert [one.what for one in done.report.not_imported if one.of == UWSGI] == []


def test_paths_names_and_headers_of_apache_are_in_the_inventory(tmp_path: Path) -> None:
    done = any_sample("apache", "doors.conf", tmp_path).imported()
    found = tomllib.loads(done.inventory)["defaults"]
    assert (found["apache"]["aliases"], found["apache"]["chain"]) == (["www.example.org"], "/etc/pki/chain.pem")
    assert found["apache"]["addresses"] == ["10.1.2.3"]
    assert found["identity"]["attributes"] == {"X-Groups": "isMemberOf"}
    shapes = {
        "grafana": {"path": "/grafana", "url": "http://127.0.0.1:3000/", "on": ["login"]},
        "metrics": {"path": "/metrics", "on": ["login"], "allow": "anyone", "url": "http://127.0.0.1:9100/"},
        "inside": {"path": "/inside", "on": ["login"], "allow": "anyone", "addresses": ["10.0.0.0/8"]},
        "static": {"path": "/static", "on": ["login"], "allow": "anyone", "folder": "/srv/www"},
    }
    for name, wanted in shapes.items():
        assert wanted.items() <= found["locations"][name].items(), found["locations"]
    assert found["locations"]["staff"]["require_attributes"] == {"affiliation": ["staff", "member"]}
    assert "imported" in found["locations"]["metrics"]["reason"]
    assert "partners" not in found["locations"]


@pytest.mark.parametrize("is_inside", [True, False])
def test_nothing_is_open_to_anyone_where_another_section_may_ask(is_inside: bool, tmp_path: Path) -> None:
    sample = any_sample("apache", "doors.conf", tmp_path)
    text = sample.apache["doors.conf"]
    rules = "<LocationMatch ^/met>\nRequire ip 10.0.0.0/8\n</LocationMatch>\n"
    sample.apache["doors.conf"] = (
        text.replace("</VirtualHost>", f"{rules}</VirtualHost>") if is_inside else rules + text
    )
    done = sample.imported()
    assert 'allow = "anyone"' not in done.inventory
    assert "/metrics on port 443" in done.left()


def test_file_with_the_virtual_hosts_becomes_empty(tmp_path: Path) -> None:
    done = any_sample("apache", "one_file.conf", tmp_path).imported()
    assert "X-Frame-Options" not in done.left()
    empty = tmp_path / "site/templates/httpd/conf.d/one_file.conf.j2"
    assert (empty.is_file(), empty.read_text()) == (True, "")
    assert '"X-Frame-Options" = "DENY"' in done.inventory or 'X-Frame-Options = "DENY"' in done.inventory
    assert "nosniff" in done.inventory


@pytest.mark.parametrize("name", [name for kind, name in ALL if kind == "supervisord"])
def test_only_what_the_inventory_cannot_say_stays_as_it_is_written(name: str, tmp_path: Path) -> None:
    any_sample("supervisord", name, tmp_path).imported()
    template = tmp_path / "site/templates/home/supervisord.conf.j2"
    kept = re.findall(r"(?m)^\[(.*)\]$", template.read_text()) if template.exists() else []
    unsayable = ["program:captured", "program:shared", "program:one", "program:two", "group:both"]
    assert kept == (unsayable if name == "unsayable.conf" else [])


def test_variables_of_supervisord_stay_and_are_said(tmp_path: Path) -> None:
    done = any_sample("supervisord", "everything.conf", tmp_path).imported()
    programs = tomllib.loads(done.inventory)["defaults"]["programs"]
    assert programs["web"]["command"] == "web --at %(ENV_HOME)s/web --on %(host_node_name)s --rate 50%%"
    assert programs["web"]["environment"]["ODDS"] == "50%%"
    assert programs["pool"]["command"] == f"pool --number %(process_num)d --of 2 --from {tmp_path}"
    assert any("ENV_HOME" in note for note in done.report.notes)


@pytest.mark.parametrize("name", [name for kind, name in ALL if kind == "supervisord"])
def test_nothing_of_supervisord_changes_on_purpose(name: str, tmp_path: Path) -> None:
    changed = any_sample("supervisord", name, tmp_path).imported().changed(SUPERVISORD)
    assert {one: pair for one, pair in changed.items() if pair[0]} == {}


@pytest.mark.parametrize("name", [name for kind, name in ALL if kind == "uwsgi"])
def test_uwsgi_itself_reads_the_same_options_from_both_files(name: str, tmp_path: Path) -> None:
    if name == "open_doors.ini":  # it would leave the foreground
        return
    text = (SAMPLES / "uwsgi" / name).read_text()
    there = Counter(written_out(shown_config(tmp_path, text)))
    ours = Counter(written_out(shown_config(tmp_path, any_sample("uwsgi", name, tmp_path).imported().ini)))
    gone, more = there - ours, ours - there
    assert {key for key, _ in more} <= ADDED | {key for key, _ in gone}, more
    for key, value in gone:  # another spelling of a switch, a secret, or what is changed on purpose
        again = {other for name, other in more if name == key}
        assert again & {"true"} or key in ("strict", "env", "socket") or f"%({key})" in text or key in text, (
            key,
            value,
        )


@pytest.mark.parametrize("name", [name for kind, name in ALL if kind == "uwsgi" and name != "open_doors.ini"])
def test_our_reader_of_uwsgis_files_agrees_with_uwsgi(name: str, tmp_path: Path) -> None:
    text = (SAMPLES / "uwsgi" / name).read_text()
    placeholders = [
        value.partition("=")[0] for key, value in options_of(text) if key in ("set-placeholder", "set-ph")
    ]
    shown = [pair for pair in shown_config(tmp_path, text) if pair[0] not in placeholders]
    assert written_out(options_of(text, str(tmp_path / "shown.ini"))) == written_out(shown)
