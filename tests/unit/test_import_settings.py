"""Two lists of settings, compared in effect; and what is never shown of them."""

from ops.importing.settings import APACHE, SUPERVISORD, UWSGI, Setting, compare
from ops.importing.toml_text import toml_value
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
