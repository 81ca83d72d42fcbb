"""Two lists of settings, compared in effect; what is never shown of them; and the names of hosts to read."""

from pathlib import Path

import pytest

from ops.agent.supervisord_reading import without_values
from ops.errors import BadInput
from ops.importing.imported import Imported
from ops.importing.imported_secrets import leave_out_secrets
from ops.importing.reasons import purpose
from ops.importing.settings import APACHE, SUPERVISORD, UWSGI, Difference, Setting, compare, is_secret_variable
from ops.importing.site_text import site_files
from ops.importing.toml_text import toml_value
from ops.importing.unlisted_host import host_named
from ops.importing.uwsgi_settings import settings_of
from ops.inventory.loader import read_inventory
from ops.rendering.renderer import render


def apache(*lines: str) -> list[Setting]:
    return [Setting(APACHE, "server", *line.split(" ", 1)) for line in lines]


def test_order_counts_only_where_it_has_an_effect() -> None:
    equal, differing = compare(
        apache("timeout 60", "listen 80", "listen 81"), apache("listen 81", "timeout 60", "listen 80")
    )
    assert (len(equal), differing) == (3, [])
    _, differing = compare(apache("rewriterule a", "rewriterule b"), apache("rewriterule b", "rewriterule a"))
    assert [one.name for one in differing] == ["order"]


def test_repeated_setting_differs_by_the_values_that_only_one_has() -> None:
    _, (one,) = compare(apache("alias /a", "alias /b", "alias /b"), apache("alias /b", "alias /c"))
    assert (one.first, one.second) == (("/a", "/b"), ("/c",))


def test_uwsgis_spellings_of_one_option_are_equal() -> None:
    there = settings_of("f", [("processes", "4"), ("master", ""), ("pythonpath", "/a"), ("vacuum", "yes")])
    ours = settings_of("f", [("vacuum", "true"), ("workers", "4"), ("master", "1"), ("python-path", "/a")])
    assert compare(there, ours)[1] == []
    assert compare(settings_of("f", [("chmod-socket", "660")]), settings_of("f", [("chmod-socket", "666")]))[1]


def test_secrets_are_compared_and_not_shown() -> None:
    name = "environment.DB_PASSWORD"
    _, (one,) = compare([Setting(SUPERVISORD, "p", name, "hunter2")], [Setting(SUPERVISORD, "p", name, "hunter3")])
    assert "hunter" not in "".join(one.shown())
    for value in ("run --password hunter2", "run --api-token=hunter2", "PASSWORD=hunter2"):
        assert "hunter" not in Setting(UWSGI, "p", "cron", value).shown
    assert Setting(APACHE, "p", "requestheader", "unset X-Scitoken-Sub early").shown.endswith("early")


def test_toml_text_is_read_back() -> None:
    import tomllib

    for value in ('a "b" \\ c', "é\x7f", [1, "x"], {"a b": True}):
        assert tomllib.loads(f"key = {toml_value(value)}")["key"] == value


@pytest.mark.parametrize(
    ("given", "account", "address", "port"),
    [
        ("web9", "poms", "web9", None),
        ("svc@web9.example.org", "svc", "web9.example.org", None),
        ("svc@web9:2222", "svc", "web9", 2222),
        ("[2001:db8::7]:22", "poms", "2001:db8::7", 22),
    ],
)
def test_host_in_no_inventory_is_named_by_its_login(given: str, account: str, address: str, port: int | None) -> None:
    found = host_named(given, Path("/none/hosts.toml"))
    assert (found.account, found.address, found.port) == (account, address, port)


def test_host_of_the_inventory_is_that_one(nobody_there: Path) -> None:
    assert (host_named("web1", nobody_there).port, host_named("poms@web1", nobody_there).port) == (1, None)


@pytest.mark.parametrize("given", ["", "a b", "@web", "web:x", "a@b@c", "web:99999"])
def test_what_is_no_host_is_refused(given: str) -> None:
    with pytest.raises(BadInput):
        host_named(given, Path("/none/hosts.toml"))


# ---- what a host must not do to this machine, and what it must not tell --------------------------------------------

HOSTILE = (
    """ErrorDocument 404 "{% endraw %}{{ cycler.__init__.__globals__.os.popen('id').read() }}{% raw %}" """,
    "Alias /a {{ 7 * 7 }}",
    "Alias /b {# not a comment #}",
    "{%- endblock %}",
    'Alias "/ü \\ back" {{ "x" }}\t日本 🙂',
)


def test_lines_of_a_host_are_never_carried_out_here(tmp_path: Path) -> None:
    imported = Imported()
    imported.put("poms", "account")
    imported.add_lines("httpd/_vhost.conf.j2", "behind_app", [*HOSTILE])
    for name, text in site_files("web1", "web1.example.org", imported, str(tmp_path)).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    files = render(read_inventory(tmp_path / "hosts.toml").hosts["web1"])
    text = next(file.content.decode() for file in files if file.path.endswith("/ssl.conf"))
    for line in HOSTILE:
        assert line in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("environment.MYSQL_PWD", "hunter2"),
        ("environment.DATABASE_URL", "postgresql://u:hunter2@db/poms"),
        ("authldapbindpassword", "hunter2"),
        ("oidcclientsecret", "hunter2"),
        ("setenv", "DB_PASSWORD hunter2"),
        ("requestheader", 'set Authorization "Basic hunter2"'),
        ("dbdparams", "host=db user=poms pass=hunter2"),
        ("command", "run --password hunter2 --stage prod"),
        ("command", "run --db-pass=hunter2"),
        ("route", "^/x basicauth:realm,u:hunter2"),
        ("ldap-password", "hunter2"),
    ],
)
def test_what_may_be_a_secret_is_not_shown(name: str, value: str) -> None:
    one = Setting(APACHE, "", name, value)
    assert "hunter2" not in one.shown
    assert "hunter2" not in "".join(Difference(APACHE, "", name, (value,), ()).shown())


@pytest.mark.parametrize(
    ("name", "value"),
    [("sslcertificatekeyfile", "/etc/pki/key.pem"), ("alias", "/key /srv/key"), ("command", "run --stage prod")],
)
def test_what_is_no_secret_is_shown(name: str, value: str) -> None:
    assert Setting(APACHE, "", name, value).shown == value


def test_a_variable_may_be_a_secret_by_its_value() -> None:
    assert is_secret_variable("DATABASE_URL", "postgresql://u:hunter2@db/poms")
    assert not is_secret_variable("DATABASE_URL", "postgresql://db/poms")


def test_the_parsers_complaint_has_no_environment() -> None:
    environment = """A="x",PASSWORD="a%b for 'x'\""""
    said = f"Error: Format string '{environment}' for 'program:web.environment' is badly formatted"
    assert without_values(said) == "Error: Format string (not shown) for 'program:web.environment' is badly formatted"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("shibaccesscontrol", "/etc/acl.xml"),
        ("shibrequestsetting", "authnContextClassRef https://refeds.org/profile/mfa"),
        ("require", "expr %{SSL_CLIENT_VERIFY} == 'SUCCESS' && %{SSL_CLIENT_S_DN_OU} == 'Ops'"),
        ("sslcarevocationcheck", "chain"),
    ],
)
def test_a_rule_on_access_that_would_be_lost_is_no_change_on_purpose(name: str, value: str) -> None:
    assert purpose(APACHE, name, value) == ""


@pytest.mark.parametrize("of", [UWSGI, APACHE])
def test_values_in_another_order_differ_where_the_last_one_may_win(of: str) -> None:
    first = [Setting(of, "p", "workers", value) for value in ("2", "4")]
    assert [one.name for one in compare(first, first[::-1])[1]] == ["workers"]
    assert not compare(first, first)[1]


@pytest.mark.parametrize(("given", "address"), [("[::1]", "::1"), ("fe80::1%eth0", "fe80::1%eth0"), ("::1", "::1")])
def test_a_host_may_be_an_address_of_ipv6(given: str, address: str) -> None:
    assert host_named(given, Path("/none/hosts.toml")).address == address


def test_a_port_that_there_is_not_is_named() -> None:
    with pytest.raises(BadInput, match="99999"):
        host_named("a@b:99999", Path("/none/hosts.toml"))


def test_a_secret_is_written_down_nowhere() -> None:
    imported = Imported()
    imported.put("run --password hunter2", "programs", "web", "command")
    imported.put("run --password-file /etc/pw", "programs", "other", "command")
    imported.put("^/x basicauth:realm,u:hunter2", "uwsgi", "options", "route")
    imported.put("hunter2", "uwsgi", "options", "ldap-password")
    imported.put(["A=1", "URL=https://u:hunter2@db/"], "uwsgi", "options", "env")
    imported.put("db_password", "programs", "other", "environment_secrets", "DB_PASSWORD")
    imported.put_secret("github_token")
    imported.add_lines(
        "home/supervisord.conf.j2", "more", ["[program:x]", "command=run --token hunter2", "umask=022"]
    )
    leave_out_secrets(imported)
    assert "hunter2" not in f"{imported}"
    assert [*imported.data["programs"]] == ["other"]
    assert imported.data["programs"]["other"]["environment_secrets"] == {"DB_PASSWORD": "db_password"}
    assert imported.data["secrets"] == {"github_token": {"env": "POMS_SITE_GITHUB_TOKEN"}}
    assert len(imported.left_out) == 5
