"""Two lists of settings, compared in effect; what is never shown of them; and the names of hosts to read."""

from pathlib import Path

import pytest

from ops.errors import BadInput
from ops.importing.settings import APACHE, SUPERVISORD, UWSGI, Setting, compare
from ops.importing.toml_text import toml_value
from ops.importing.unlisted_host import host_named
from ops.importing.uwsgi_settings import settings_of


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
