"""What a hand edit has changed in effect is said as values and template lines, and only where these lead to it."""

import subprocess
import tomllib
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.deploy.snapshot import FoundFile, Snapshot
from ops.errors import BadInput
from ops.importing.adopt import Advice, advise
from ops.importing.adopt_values import ABSENT, Value, with_values
from ops.importing.advice import inventory_lines, patch
from ops.inventory.loader import Inventory, read_inventory
from ops.project import PROJECT
from ops.rendering.rendered_file import RenderedFile
from ops.rendering.renderer import render, render_one
from ops.rendering.template_tree import TOOLKIT_TREE as TREE
from ops.rendering.template_tree import TemplateTree
from ops.rollout import HostResult
from ops.schema import Fleet, Host
from ops.text import escape_control_chars
from tasks.adopt import _facts, _found, _show
from tests.every_value import toml
from tests.unit.hosts import host, parsed_here

INI, CONF = "home/private/config/poms/uwsgi-{app}.ini.j2", "home/supervisord.conf.j2"
CERT = "httpd/conf.d/cert_ssl.conf.j2"
VALUES: dict[str, Any] = {
    "uwsgi": {"threads": 10, "options": {"master": True, "env": ["A=1", "B=2"], "log-format": "%(addr) x"}},
    "programs": {"web": {"command": "uwsgi --ini x", "directory": "/home/poms/app"}, "agent": {"command": "agent"}},
    "supervisor": {"environment": {"A": "1", "B": "50%"}},
    "identity": {"service_certificates": [{"issuer": "CN=CA,O=X", "subject": "CN=poms/h.org,O=X", "user": "robot"}]},
}


def edited(
    one: Host, template: str, *changes: tuple[str, str], tree: TemplateTree | None = None
) -> tuple[RenderedFile, str, Advice]:
    """The file, its edited text, and the advice."""
    made = render_one(one, template, tree)
    text = made.content.decode()
    for before, after in changes:
        assert text.count(before) == 1, (before, text)
        text = text.replace(before, after)
    return made, text, advise(one, made, text, parsed_here, tree)


def followed(one: Host, template: str, advice: Advice, tree: TemplateTree | None = None) -> str:
    """The file once the inventory's part of the advice is followed."""
    for value in advice.values:
        assert value.after != value.before
    one, kept, _ = with_values(one, advice.values)
    assert kept == advice.values
    return render_one(one, template, tree).content.decode()


@pytest.mark.parametrize(
    ("template", "change", "key_path", "value"),
    [
        (INI, ("threads = 10", "threads = 12"), "uwsgi.threads", 12),
        (INI, ("master = true", "master = false"), "uwsgi.options.master", False),
        (INI, ("%%(addr) x", "%%(addr) 50%%"), "uwsgi.options.log-format", "%(addr) 50%"),
        (INI, ("env = B=2", "env = B=3"), "uwsgi.options.env", ["A=1", "B=3"]),
        (INI, ("env = B=2\n", "env = B=2\nenv = C=3\n"), "uwsgi.options.env", ["A=1", "B=2", "C=3"]),
        (INI, ("env = A=1\n", ""), "uwsgi.options.env", ["B=2"]),
        (INI, ("master = true\n", ""), "uwsgi.options.master", ABSENT),
        (INI, ("%%(addr) x\n", "%%(addr) x\npost-buffering = 32768\n"), "uwsgi.options.post-buffering", 32768),
        (INI, ("127.0.0.1:8888", "127.0.0.1:9999"), "app.listen", "127.0.0.1:9999"),
        (CONF, ("command=agent", "command=nice agent -v"), "programs.agent.command", "nice agent -v"),
        (CONF, ("directory=/home/poms/app", "directory=/srv/app"), "programs.web.directory", "/srv/app"),
        (CONF, ("directory=/home/poms/app\n", ""), "programs.web.directory", ABSENT),
        (CONF, ("loglevel=info", "loglevel=debug"), "supervisor.loglevel", "debug"),
        (CONF, ('A="1"', 'A="one"'), "supervisor.environment.A", "one"),
        (CONF, ('B="50%%%%"', 'B="60%%%%"'), "supervisor.environment.B", "60%"),
        (CONF, ('A="1",', ""), "supervisor.environment.A", ABSENT),
        (CONF, ('B="50%%%%"', 'B="50%%%%",C="new"'), "supervisor.environment.C", "new"),
        (CERT, ("SSLVerifyDepth 1", "SSLVerifyDepth 3"), "apache.verify_depth", 3),
        (
            CERT,
            ("id_user=robot", "id_user=android"),
            "identity.service_certificates",
            [{"issuer": "CN=CA,O=X", "subject": "CN=poms/h.org,O=X", "user": "android"}],
        ),
        (
            CERT,
            ("CN=poms\\\\/h\\\\.org", "CN=poms\\\\/i\\\\.org"),
            "identity.service_certificates",
            [{"issuer": "CN=CA,O=X", "subject": "CN=poms/i.org,O=X", "user": "robot"}],
        ),
        (CERT, ("+TLSv1.2 +TLSv1.3", "+TLSv1.3"), "apache.protocols", ["TLSv1.3"]),
        (
            CERT,
            ("CILogon Basic CA 1", "CILogon Silver CA 1"),
            "identity.certificate_issuer",
            "CN=CILogon Silver CA 1,O=CILogon,C=US,DC=cilogon,DC=org",
        ),
    ],
)
def test_adopt_shows_inventory_key_of_edited_value(
    template: str, change: tuple[str, str], key_path: str, value: object
) -> None:
    one = host(**VALUES)
    _, text, advice = edited(one, template, change)
    (told,) = advice.values
    assert (".".join(map(str, told.key_path)), told.after, told.elsewhere) == (key_path, value, False)
    assert (advice.templates, advice.unsolved) == ({}, [])
    assert followed(one, template, advice) == text


def test_adopt_shows_several_edited_values() -> None:
    one = host(**VALUES)
    _, text, advice = edited(
        one,
        INI,
        ("workers = 6\nthreads = 10", "workers = 8\nthreads = 12"),
        ("\nreload-on-as = 1400", "\nreload-on-as = 1500"),
    )
    assert {value.key_path[-1]: value.after for value in advice.values} == {
        "workers": 8,
        "threads": 12,
        "reload-on-as": 1500,
    }
    assert followed(one, INI, advice) == text


def test_adopt_marks_value_whose_line_is_written_elsewhere() -> None:
    one = host(**VALUES)
    _, text, advice = edited(one, INI, ("threads = 10\n", "threads = 10\npost-buffering = 32768\n"))
    (told,) = advice.values
    assert (told.key_path, told.after, told.elsewhere) == (("uwsgi", "options", "post-buffering"), 32768, True)
    assert advice.unsolved == []
    assert sorted(followed(one, INI, advice).splitlines()) == sorted(text.splitlines())


def test_a_line_is_not_moved_into_another_section() -> None:
    _, _, advice = edited(host(**VALUES), CONF, ("[supervisord]\n", "[supervisord]\nstartsecs=5\n"))
    assert advice.values == []


def test_adopt_omits_value_refused_by_inventory() -> None:
    _, _, advice = edited(host(**VALUES), INI, ("evil-reload-on-as = 1800", "evil-reload-on-as = 7"))
    assert advice.values == []
    assert len(advice.unsolved) == 1


def test_adopt_omits_value_that_also_changes_unedited_lines() -> None:
    log = 'ErrorLog "/var/log/{}/cert_ssl_error_log"'
    changes = (log.format("httpd"), log.format("other")), ("SSLVerifyDepth 1", "SSLVerifyDepth 3")
    _, _, advice = edited(host(), CERT, *changes)
    assert [value.key_path for value in advice.values] == [("apache", "verify_depth")]
    (unsolved,) = advice.unsolved
    assert unsolved.hunk.new == (f"    {log.format('other')}\n",)
    assert "templates/httpd/_vhost.conf.j2, line " in unsolved.where
    every = [
        (f'{name} "/var/log/httpd/', f'{name} "/var/log/other/') for name in ("ErrorLog", "CustomLog", "TransferLog")
    ]
    (told,) = edited(host(), CERT, *every)[2].values
    assert (told.key_path, told.after) == (("apache", "log_dir"), "/var/log/other")


def test_values_of_a_further_app_are_its_own() -> None:
    apps = {"api": {"path": "/api", "listen": "127.0.0.1:9001", "uwsgi": {"options": {"module": "api"}}}}
    ini = "/home/poms/private/config/poms/uwsgi-api.ini"
    one = host(**VALUES | {"apps": apps, "programs": {"api": {"command": f"uwsgi --ini {ini}"}}})
    (made,) = [file for file in render(one) if file.path == ini]
    text = made.content.decode().replace("threads = 10", "threads = 3").replace(":9001", ":9002")
    advice = advise(one, made, text.replace("module = api", "module = api2"), parsed_here)
    assert {value.key_path: value.after for value in advice.values} == {
        ("apps", "api", "uwsgi", "threads"): 3,
        ("apps", "api", "listen"): "127.0.0.1:9002",
        ("apps", "api", "uwsgi", "options", "module"): "api2",
    }
    assert (advice.unsolved, advice.text_only) == ([], [])


@pytest.mark.parametrize(
    ("template", "change", "key_path", "value"),
    [
        (INI, ("evil-reload-on-as = 1800\n", ""), "uwsgi.evil-reload-on-as", False),
        (INI, ("buffer-size = 32768", "buffer-size = 65536"), "uwsgi.options.buffer-size", 65536),
        (
            CONF,
            ("[program:agent]\ncommand=agent\n", "[program:agent]\ncommand=agent\numask=027\n"),
            "programs.agent.umask",
            "027",
        ),
        (CONF, ("minfds=2048\n", ""), "supervisor.minfds", 1024),
        (CERT, ("Protocols h2 http/1.1", "Protocols http/1.1"), "apache.http2", False),
        (CERT, ("RequestHeader unset Forwarded early\n", ""), "identity.dropped_headers", None),
    ],
)
def test_adopt_finds_what_an_absent_or_new_line_means(
    template: str, change: tuple[str, str], key_path: str, value: object
) -> None:
    one = host(**VALUES | {"supervisor": {"minfds": 2048}})
    _, _, advice = edited(one, template, change)
    (told,) = advice.values
    assert ".".join(told.key_path) == key_path
    assert told.after == (value if key_path != "identity.dropped_headers" else without(one, "Forwarded"))
    assert advice.unsolved == []


def without(one: Host, name: str) -> list[str]:
    """The dropped headers but for one."""
    return [each for each in one.identity.dropped_headers if each != name]


def test_adopt_names_a_program_that_was_added_and_one_that_was_removed() -> None:
    one = host(**VALUES)
    text = render_one(one, CONF).content.decode()
    start = text.index("[program:agent]")
    end = text.index("[program:web]")
    added = "[program:new]\ncommand=/bin/new\nredirect_stderr=true\nstdout_logfile=/home/poms/new.log\n"
    gone = edited(one, CONF, (text[start:end], ""))[2]
    assert [(value.key_path, value.after) for value in gone.values] == [(("programs", "agent"), ABSENT)]
    assert gone.unsolved == []
    new = edited(one, CONF, (text[start:end], f"{text[start:end]}{added}\n"))[2]
    assert {value.key_path: value.after for value in new.values} == {
        ("programs", "new", "command"): "/bin/new",
        ("programs", "new", "stdout_logfile"): "/home/poms/new.log",
    }
    assert new.unsolved == []
    assert new.text_only


def test_adopt_removes_no_program_that_is_still_there_in_a_form_the_inventory_has_not() -> None:
    one = host(**VALUES)
    text = render_one(one, CONF).content.decode()
    (log,) = [line for line in text.splitlines() if line.startswith("stdout_logfile=") and "agent" in line]
    _, _, advice = edited(one, CONF, (f"{log}\n", f"{log}\nserverurl=http://127.0.0.1:1/\n"))
    assert ("programs", "agent") not in [value.key_path for value in advice.values]
    assert advice.unsolved


def test_what_has_no_effect_is_named_and_needs_nothing() -> None:
    one = host(**VALUES)
    _, _, spelled = edited(one, INI, ("threads = 10", "threads=10"))
    assert (spelled.values, spelled.templates, spelled.unsolved) == ([], {}, [])
    assert [hunk.new for hunk in spelled.text_only] == [("threads=10\n",)]
    _, _, limit = edited(one, CERT, ("LimitRequestBody 104857600", "LimitRequestBody 209715200"))
    assert [value.after for value in limit.values] == [200]
    assert limit.unsolved == []
    assert [hunk.new for hunk in limit.text_only] == [("    # 100 MB: what is larger is refused with 413.\n",)]


def test_of_a_changed_placeholder_itself_is_proposed_and_no_value_that_has_it() -> None:
    one = host(uwsgi={"options": {"set-placeholder": "base=/srv", "chdir": "%(base)/app"}})
    _, _, advice = edited(one, INI, ("set-placeholder = base=/srv", "set-placeholder = base=/opt"))
    assert [value.key_path for value in advice.values] == [("uwsgi", "options", "set-placeholder")]


def test_order_of_lines_that_counts_is_no_spelling() -> None:
    one = host(uwsgi={"options": {"route": ["^/a goto:x", "^/b goto:y"]}})
    _, _, advice = edited(
        one, INI, ("route = ^/a goto:x\nroute = ^/b goto:y\n", "route = ^/b goto:y\nroute = ^/a goto:x\n")
    )
    assert [value.after for value in advice.values] == [["^/b goto:y", "^/a goto:x"]]
    first, second = "    RequestHeader unset X-Shib-Userid early\n", "    RequestHeader unset X-Shib-Email early\n"
    _, _, apache = edited(one, CERT, (first + second, second + first))
    assert (apache.values, apache.text_only) == ([], [])
    assert apache.templates or apache.unsolved


def test_a_value_that_no_number_of_the_inventory_says_stays_a_difference() -> None:
    _, _, advice = edited(host(**VALUES), CERT, ("LimitRequestBody 104857600", "LimitRequestBody 200000000"))
    assert [hunk.hunk.new for hunk in advice.unsolved] == [("    LimitRequestBody 200000000\n",)]


def test_file_that_supervisor_cannot_parse_is_named_with_the_reason() -> None:
    _, _, advice = edited(host(**VALUES), CONF, ("loglevel=info", "loglevel=loud"))
    assert advice.values == []
    assert len(advice.unsolved) == 1
    assert any("loud" in note for note in advice.notes)


def test_other_files_that_change_with_a_value_are_named() -> None:
    _, _, advice = edited(host(**VALUES), INI, ("127.0.0.1:8888", "127.0.0.1:9999"))
    assert advice.also == ["/etc/httpd/conf.d/cert_ssl.conf", "/etc/httpd/conf.d/ssl.conf"]


# ---- templates -----------------------------------------------------------------------------------------------------

BODY = """# {{ managed }}
first = {{ host.account }} and more
{% block own %}{% endblock %}
fixed = 1
{% for name in host.programs %}
[{{ name }}]
same = yes
{% endfor %}
last = 1
"""


@pytest.fixture
def tree(tmp_path: Path) -> TemplateTree:
    """Two templates with a body that they share."""
    folder = tmp_path / "templates/home"
    folder.mkdir(parents=True)
    (folder / "_body.j2").write_text(BODY)
    (folder / "a.ini.j2").write_text('{% extends "home/_body.j2" %}\n{% block own %}\nown = a\n{% endblock %}\n')
    (folder / "b.ini.j2").write_text('{% extends "home/_body.j2" %}\n')
    return TemplateTree(tmp_path / "templates")


def patched(tree: TemplateTree, one: Host, advice: Advice) -> str:
    """The file a.ini once the patch is applied, by git."""
    subprocess.run(["git", "apply"], input=patch(advice), text=True, check=True, cwd=tree.toolkit.parent)
    return render_one(one, "home/a.ini.j2", tree).content.decode()


@pytest.mark.parametrize(
    ("change", "file", "also"),
    [
        (("own = a\n", "own = b\n"), "home/a.ini.j2", []),
        (("own = a\n", "own = a\nmore = 1\n"), "home/a.ini.j2", []),
        (("own = a\n", ""), "home/a.ini.j2", []),
        (("fixed = 1\n", "fixed = 2\n"), "home/_body.j2", ["/home/poms/b.ini"]),
        (("last = 1\n", "last = 1\n\n# by hand {{ not_a_tag }} {% x %}\n"), "home/_body.j2", ["/home/poms/b.ini"]),
        ((" and more", " and much more"), "home/_body.j2", ["/home/poms/b.ini"]),
        (("fixed = 1\n[web]\n", "[web]\n"), "home/_body.j2", ["/home/poms/b.ini"]),
        (("same = yes\nlast = 1\n", "same = yes\nnew = 1\nlast = 1\n"), "home/_body.j2", ["/home/poms/b.ini"]),
    ],
)
def test_adopt_shows_template_patch_for_edit_of_fixed_line(
    tree: TemplateTree, change: tuple[str, str], file: str, also: list[str]
) -> None:
    one = host(programs={"web": {"command": "x"}})
    _, text, advice = edited(one, "home/a.ini.j2", change, tree=tree)
    assert (advice.values, advice.unsolved, list(advice.templates), advice.also) == ([], [], [file], also)
    assert patched(tree, one, advice) == text


def test_adopt_inserts_line_after_loop_that_runs_once(tree: TemplateTree) -> None:
    one = host(programs={"web": {"command": "x"}})
    _, _, advice = edited(one, "home/a.ini.j2", ("same = yes\n", "same = yes\nnew = 1\n"), tree=tree)
    assert "{% endfor %}\nnew = 1\n" in advice.templates["home/_body.j2"][1]


def test_adopt_shows_template_line_of_edit_it_cannot_solve(tree: TemplateTree) -> None:
    one = host(programs={"web": {"command": "x"}, "agent": {"command": "y"}})
    made, _, advice = edited(one, "home/a.ini.j2", ("[web]\nsame = yes\n", "[web]\nsame = no\n"), tree=tree)
    (unsolved,) = advice.unsolved
    assert (unsolved.hunk.old, unsolved.hunk.new) == (("same = yes\n",), ("same = no\n",))
    assert unsolved.where == "templates/home/_body.j2, line 7"
    assert (advice.values, advice.templates) == ([], {})
    assert made.content == render_one(one, "home/a.ini.j2", tree).content


def test_adopt_shows_solvable_part_of_edit(tree: TemplateTree) -> None:
    one = host(programs={"web": {"command": "x"}, "agent": {"command": "y"}})
    changes = ("[web]\nsame = yes\n", "[web]\nsame = no\n"), ("own = a", "own = b")
    _, _, advice = edited(one, "home/a.ini.j2", *changes, tree=tree)
    assert list(advice.templates) == ["home/a.ini.j2"]
    assert len(advice.unsolved) == 1


@pytest.mark.parametrize("text", ["", "quite\nanother\nfile\n"])
def test_of_another_file_altogether_no_advice_is_made_up(text: str) -> None:
    one = host(**VALUES)
    advice = advise(one, render_one(one, INI), text, parsed_here)
    assert (advice.values, advice.templates) == ([], {})
    assert advice.unsolved[0].why.startswith("more than half")


def test_adopt_shows_nothing_without_differences() -> None:
    one = host(**VALUES)
    for made in render(one):
        assert advise(one, made, made.content.decode(), parsed_here) == Advice()


# ---- secrets -------------------------------------------------------------------------------------------------------


def test_adopt_names_source_of_changed_secret_without_its_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "templates/home"
    folder.mkdir(parents=True)
    (folder / "a.ini.j2").write_text(
        "user = {{ host.account }}\nfixed = 1\npassword = {{ secrets.db }}\nx = 1\ny = 2\n"
    )
    monkeypatch.setenv("POMS_TEST_ADOPT", "hunter2-adopt")
    one = host(secrets={"db": {"env": "POMS_TEST_ADOPT"}})
    _, _, advice = edited(
        one,
        "home/a.ini.j2",
        ("fixed = 1\npassword = hunter2-adopt", "fixed = 1\npassword = by-hand"),
        tree=TemplateTree(tmp_path / "templates"),
    )
    (unsolved,) = advice.unsolved
    assert "secrets.db ($POMS_TEST_ADOPT of the environment)" in unsolved.why
    assert (advice.values, advice.templates) == ([], {})


def test_secret_variable_that_was_added_by_hand_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", "lion")
    one = host(**VALUES)
    _, _, advice = edited(one, CONF, ("command=agent\n", 'command=agent\nenvironment=API_TOKEN="lion"\n'))
    assert advice.values == []
    assert any("secrets.api_token" in note for note in advice.notes)
    assert "lion" not in str(advice.notes)


def shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], there: str, *, known: Host
) -> tuple[dict[str, object], str]:
    """What the verb says of `there`, which somebody made of the file."""
    made = render_one(known, INI)
    found = FoundFile(made.path, sha256(there.encode()).hexdigest(), "0600", False, there.encode())
    snapshot = Snapshot({made.path: found}, {made.path: made.digest}, "r", None, "up", 1, 1)
    remote: Any = SimpleNamespace(host=known)
    inventory = Inventory(tmp_path / "hosts.toml", Fleet(default="web1"), {"web1": known})
    result = _found(remote, made, snapshot)
    _show(known, result, inventory)
    return _facts(HostResult(known, result), inventory), capsys.readouterr().out


def test_adopt_masks_secrets_and_lines_that_may_be_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (TREE / INI).read_text().replace("[uwsgi]\n", "[uwsgi]\nenv = DB={{ secrets.db }}\nfixed = 1\n")
    (tmp_path / "templates" / INI).parent.mkdir(parents=True)
    (tmp_path / "templates" / INI).write_text(text)
    monkeypatch.setenv("POMS_TEST_ADOPT", "hunter2-adopt")
    one = host(**VALUES, secrets={"db": {"env": "POMS_TEST_ADOPT"}}, templates=str(tmp_path / "templates"))
    there = render_one(one, INI).content.decode()
    there = there.replace("hunter2-adopt", "tiger-by-hand").replace("threads = 10", "threads = 12")
    there = there.replace("fixed = 1", "fixed = 1\nother = lion-by-hand").replace("[uwsgi]", "# cat-by-hand\n[uwsgi]")
    facts, out = shown(tmp_path, capsys, there, known=one)
    assert "threads = 12    # now 10" in out
    assert "+# ***" in out
    assert "secrets.db ($POMS_TEST_ADOPT of the environment)" in out
    for secret in ("hunter2", "tiger", "lion", "cat-by-hand"):
        assert secret not in out + str(facts)


# ---- as it is written ----------------------------------------------------------------------------------------------


def test_the_table_to_write_into_and_what_is_there_now(tmp_path: Path) -> None:
    (tmp_path / "hosts.toml").write_text(
        """
        [fleet]
        default = "web1"
        [defaults.uwsgi]
        threads = 10
        options = { vacuum = true, master = true }
        [[defaults.identity.service_certificates]]
        issuer = "CN=CA,O=X"
        subject = "CN=poms,O=X"
        user = "robot"
        [hosts.web1.uwsgi]
        workers = 3
        [hosts."web.2"]
        """
    )
    inventory = read_inventory(tmp_path / "hosts.toml")

    def said(name: str, template: str, *changes: tuple[str, str]) -> list[tuple[str, str, str]]:
        one = inventory.hosts[name]
        values = edited(one, template, *changes)[2].values
        found = inventory_lines(one, values, inventory.data, str)
        return [(table, *line.split("    # ", 1)) for table, lines in found for line in lines]  # type: ignore[misc]

    shared = "now 10, of [defaults.uwsgi], for all hosts"
    assert said("web1", INI, ("threads = 10", "threads = 12")) == [("hosts.web1.uwsgi", "threads = 12", shared)]
    assert said("web.2", INI, ("threads = 10", "threads = 12")) == [('hosts."web.2".uwsgi', "threads = 12", shared)]
    assert said("web1", INI, ("workers = 3", "workers = 4")) == [
        ("hosts.web1.uwsgi", "workers = 4", "now 3, its own")
    ]
    assert said("web1", INI, ("vacuum = true\n", "")) == [
        ("defaults.uwsgi.options", "# remove vacuum", "now true, of [defaults.uwsgi.options], for all hosts")
    ]
    assert said("web1", CERT, ("SSLVerifyDepth 1", "SSLVerifyDepth 3")) == [
        ("hosts.web1.apache", "verify_depth = 3", "now 1, the default")
    ]
    assert said("web1", CERT, ("id_user=robot", "id_user=android"))[0][:2] == (
        "hosts.web1.identity",
        'service_certificates = [{ issuer = "CN=CA,O=X", subject = "CN=poms,O=X", user = "android" }]',
    )


TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=12)
ODD = st.one_of(TEXTS, st.text("\"'\\#=%{}[];$é\u00ad\u200b\ufeff\U000e0001 ", min_size=1, max_size=8))


@settings(derandomize=True, deadline=None, database=None, max_examples=15)
@given(ODD, ODD, ODD, st.integers(1, 1000))
def test_adopt_prints_toml_that_yields_edited_values(
    tmp_path_factory: pytest.TempPathFactory, text: str, variable: str, item: str, number: int
) -> None:
    def inventory(own: dict[str, Any]) -> Inventory:
        path = tmp_path_factory.mktemp("adopt") / "hosts.toml"
        path.write_text(toml({"fleet": {"default": "web1"}, "hosts": {"web1": own}}))
        return read_inventory(path)

    before = inventory(VALUES)
    options = VALUES["uwsgi"]["options"] | {"log-format": f"x{text}x", "env": ["A=1", f"B={item}x"]}
    environment = {"environment": {"A": f"x{variable}x", "B": "50%"}}
    try:
        goal = inventory(VALUES | {"uwsgi": {"threads": number, "options": options}, "supervisor": environment})
    except BadInput as error:
        assert "hosts.web1." in str(error)  # what no file can hold
        return
    one = before.hosts["web1"]
    for template in (INI, CONF):
        made = render_one(one, template)
        advice = advise(one, made, render_one(goal.hosts["web1"], template).content.decode(), parsed_here)
        if advice.unsolved:
            continue
        lines = inventory_lines(one, advice.values, before.data, str)
        block = "".join(
            f"  [{table}]\n" + "".join(f"  {escape_control_chars(line)}\n" for line in rest) for table, rest in lines
        )
        own = _over(before.data["hosts"]["web1"], tomllib.loads(block).get("hosts", {}).get("web1", {}))
        assert render_one(inventory(own).hosts["web1"], template) == render_one(goal.hosts["web1"], template)


def _over(data: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The inventory's tables with those lines in them."""
    both = {key: _over(data[key], value) for key, value in changes.items() if isinstance(data.get(key), dict)}
    return data | changes | both


def test_each_value_of_the_shipped_inventory_is_found_again() -> None:
    """Whatever number is changed by hand as the inventory would change it, the advice leads there."""
    one = read_inventory(PROJECT / "hosts.toml").hosts["pomsgpvm01"]
    for key_path in [
        ("uwsgi", "workers"),
        ("uwsgi", "cheaper"),
        ("apache", "verify_depth"),
        ("supervisor", "minfds"),
    ]:
        data = msgspec.to_builtins(one)
        old = data[key_path[0]][key_path[1]]
        changed, kept, _ = with_values(one, [Value(key_path, old, old + 1)])
        assert kept
        for made, goal in zip(render(one), render(changed), strict=True):
            if made.content != goal.content:
                advice = advise(one, made, goal.content.decode(), parsed_here)
                assert [value.key_path for value in advice.values] == [key_path]
                assert advice.unsolved == []
