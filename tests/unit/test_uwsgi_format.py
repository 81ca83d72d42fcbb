"""uWSGI's ini: what the inventory says is what uWSGI itself reads, or it is refused."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ops.formats.uwsgi import describe_reload, ini_lines, known_options, needs_restart, unwritable, unwritable_listen
from ops.rendering.renderer import render
from ops.schema import Uwsgi
from tests.scale import TIMES
from tests.unit.hosts import host

UWSGI = Path(sys.executable).with_name("pyuwsgi")
DEFAULTS = dict(ini_lines(Uwsgi()))


FOR_A_RELOAD = ("zerg-server", "hook-accepting1-once", "reload-mercy", "worker-reload-mercy")


def read(path: Path, uwsgi: dict[str, Any], listen: str = "127.0.0.1:0") -> list[tuple[str, str]]:
    """The options as uWSGI has them after all its replacing, in the order of the file; without those for a reload."""
    wanted = host(app={"listen": listen}, uwsgi=uwsgi)
    assert not list(unwritable(wanted.uwsgi))
    path.write_bytes(next(file.content for file in render(wanted) if file.template.endswith("uwsgi-{app}.ini.j2")))
    return [pair for pair in run(path) if pair[0] not in FOR_A_RELOAD]


def run(path: Path) -> list[tuple[str, str]]:
    command: list[str | Path] = [UWSGI, "--ini", path, "--show-config", "--no-server"]
    done = subprocess.run(command, capture_output=True, env={"A_VARIABLE": "replaced"}, timeout=20, check=False)
    said = done.stderr.decode()
    assert done.returncode == 0, said
    shown = said.partition(";uWSGI instance configuration\n[uwsgi]\n")[2].partition(";end of configuration\n")[0]
    pairs = [(key, value) for key, _, value in (line.partition(" = ") for line in shown.split("\n")[:-1])]
    assert pairs[0] == ("ini", str(path))
    assert pairs[-2:] == [("show-config", "true"), ("no-server", "true")]
    return pairs[1:-2]


def refused(options: dict[str, Any]) -> list[tuple[str, str]]:
    return list(unwritable(msgspec.convert({"options": options}, Uwsgi)))


@pytest.fixture(scope="module")
def ini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uwsgi") / "uwsgi-service.ini"


# ---- examples ----


def test_numbers_and_options_keep_the_inventorys_order(ini: Path) -> None:
    options: dict[str, Any] = {
        "log-format": "%(method) %(uri) took %(msecs) ms, 100%",
        "vacuum": True,
        "log-5xx": False,
        "python-path": ["/one", "/two", "/one"],
        "buffer-size": 8192,
        "static-map": ["/a=/b", "/c=/d"],
    }
    expected = [("socket", "127.0.0.1:0"), ("socket-timeout", "60"), ("no-orphans", "true"), ("workers", "6")]
    expected += [("threads", "10"), ("cheaper", "2")]
    expected += [("cheaper-initial", "4"), ("reload-on-as", "1400"), ("evil-reload-on-as", "1800")]
    expected += [("log-format", options["log-format"]), ("vacuum", "true"), ("log-5xx", "false")]
    expected += [("python-path", "/one"), ("python-path", "/two"), ("python-path", "/one"), ("buffer-size", "8192")]
    assert read(ini, {"options": options}) == [*expected, ("static-map", "/a=/b"), ("static-map", "/c=/d")]


def test_without_cheaper_its_numbers_are_not_written() -> None:
    keys = [key for key, _ in ini_lines(Uwsgi(cheaper=0))]
    assert keys == ["workers", "threads", "reload-on-as", "evil-reload-on-as"]


def test_a_unix_socket_is_writable_for_the_group_by_default(ini: Path, tmp_path: Path) -> None:
    socket = f"{tmp_path}/100% up.sock"
    assert read(ini, {}, socket)[:2] == [("socket", socket), ("chmod-socket", "660")]
    given_mode = [pair for pair in read(ini, {"options": {"chmod": "600"}}, socket) if "chmod" in pair[0]]
    assert given_mode == [("chmod", "600")]


HELD = [
    "",
    "%",
    "%%",
    "%n of %(nothing) in %d",
    '%(addr) - %(user) [%(ltime)] "%(method) %(uri)"',
    "50%; # no comment",
    "; # from the start",
    "[uwsgi]",
    "= a=b",
    "continued \\",
    'it\'s "quoted"',
    "$A_VARIABLE ${A_VARIABLE} $(A_VARIABLE",
    "mail@(host",
    "$() @() %() $ (A_VARIABLE)",
    "%(threads",
    "%(x(y z)",
    "%(threads %)",
    "tab\tinside, größer",
    "long " * 2000 + "end",
]


def test_all_these_values_are_held(ini: Path) -> None:
    assert [value for key, value in read(ini, {"options": {"python-path": HELD}}) if key == "python-path"] == HELD


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (" a", "begin or end with a blank"),
        ("a\t", "begin or end with a blank"),
        ("a\r", "begin or end with a blank"),
        ("a\nb", "one line"),
        ("$(A_VARIABLE)", "environment variable"),
        ("@(/etc/hostname)", "content of a file"),
        ("%(threads)", "value of its option"),
        ("%(master)", "value of its option"),
        ("%(threads + 1)", "calculates"),
    ],
)
def test_text_that_uwsgi_would_replace_is_refused(ini: Path, value: str, rule: str) -> None:
    ((key, text),) = refused({"python-path": ["/fine", value], "master": True})
    assert key == "options.python-path"
    assert rule in text
    if "\n" not in value:
        ini.write_text(f"[uwsgi]\nthreads = 2\nmaster = true\npython-path = {value.replace('%', '%%')}\n")
        assert run(ini)[-1] != ("python-path", value)


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"processes": 4}, "set uwsgi.workers"),
        ({"socket": ":1"}, "set app.listen"),
        ({"strict": True}, "--strict"),
        ({"reload_on_rss": 1}, "nearest: reload-on-rss"),
        ({"harakiry": 1}, "nearest: harakiri"),
        ({"harakiri": True}, "needs a value"),
        ({"log-date": False}, "leave it out"),
    ],
)
def test_misread_and_duplicate_options_are_refused(options: dict[str, Any], rule: str) -> None:
    ((key, text),) = refused(options)
    assert key == f"options.{next(iter(options))}"
    assert rule in text


def test_false_does_not_switch_off_an_option_marked_on(ini: Path) -> None:
    ini.write_text("[uwsgi]\nlog-date = false\n")
    said = subprocess.run([UWSGI, "--ini", ini, "--no-server"], capture_output=True, check=False).stderr
    assert b"\nfalse - *** Starting uWSGI" in said


def test_an_unknown_option_without_a_near_name_is_accepted() -> None:
    assert not refused({"frobnicate": [True, "x"]})


def test_every_option_of_this_uwsgi_is_known() -> None:
    done = subprocess.run([UWSGI, "--dump-options"], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= known_options().keys()


def test_a_socket_that_uwsgi_would_misread_is_refused() -> None:
    assert not list(unwritable_listen("127.0.0.1:8888"))
    assert not list(unwritable_listen("/run/100% up.sock"))
    for listen, rule in (
        ("/run/a:b", "colon"),
        ("/" + "a" * 102, "too long"),
        ("/$(HOME)", "environment"),
        ("/a ", "blank"),
    ):
        (text,) = unwritable_listen(listen)
        assert rule in text


# ---- anything ----

texts = st.one_of(
    st.text("ab1 \t'\"\\%%%;#,=:()(){}$@üäöw", max_size=12),
    st.lists(
        st.sampled_from(["%(", "$(", "@(", "(", ")", "%", "$", " ", "a", "$(A_VARIABLE)", "%(threads)"]), max_size=9
    ).map("".join),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=8),  # no template writes one
)


@settings(derandomize=True, deadline=None, database=None, max_examples=4 * TIMES, phases=[Phase.generate])
@given(
    drawn=st.lists(texts, min_size=60, max_size=120),
    numbers=st.lists(st.integers(1, 1000), min_size=3, max_size=3, unique=True).map(sorted),
    switches=st.dictionaries(
        st.sampled_from(["vacuum", "memory-report", "log-x-forwarded-for", "die-on-term"]), st.booleans()
    ),
)
def test_uwsgi_reads_back_all_accepted_values(
    ini: Path, drawn: list[str], numbers: list[int], switches: dict[str, bool]
) -> None:
    kept = [text for text in drawn if not refused({"python-path": text} | switches)]
    cheaper, initial, workers = numbers
    prefix = kept[0] if kept else "x"
    given_numbers = {"workers": workers, "cheaper": cheaper, "cheaper-initial": initial}
    found = read(ini, given_numbers | {"options": switches | {"python-path": kept, "procname-prefix": prefix}})
    assert found[4:] == [
        *((key, str(value)) for key, value in (DEFAULTS | given_numbers).items()),
        *((key, str(value).lower()) for key, value in switches.items()),
        *(("python-path", value) for value in kept),
        ("procname-prefix", prefix),
    ]


@pytest.mark.parametrize(
    ("memory", "words"),
    [
        (None, "a second uWSGI serves during the reload"),
        ((0, 4_000_000), "a second uWSGI serves during the reload"),
        ((51_200, 4_096_000), r"\(6 workers, up to 300 MB; 4000 MB are free\)"),
        ((51_200, 204_800), r"\(3 workers, up to 150 MB; 200 MB are free\)"),
        ((51_200, 51_200), "requests wait until it ends: 50 MB free are too few for a second uWSGI"),
    ],
)
def test_the_plan_shows_the_memory_of_a_reload(memory: tuple[int, int] | None, words: str) -> None:
    assert re.search(words + "$", describe_reload(host(), memory))


@pytest.mark.parametrize(
    ("spare", "words"),
    [
        (100, r"both may open 60 \+ 61 connections to the database"),
        (48, r"both may open 60 \+ 41 connections to the database"),
        (5, r"both may open 60 \+ 5 connections to the database"),
        (0, "fleet.database_connections leaves no connection for that"),
        (1, "requests wait until it ends: fleet.database_connections leaves none for a second uWSGI"),
    ],
)
def test_the_plan_shows_the_database_connections_of_a_reload(spare: int, words: str) -> None:
    assert re.search(words + "$", describe_reload(msgspec.structs.replace(host(), spare_requests=spare), None))


@pytest.mark.parametrize(
    ("before", "after", "restart"),
    [
        ("socket = /a\nworkers = 2", "socket = /a\nworkers = 3", False),
        ("socket = /a", "socket = /b", True),
        ("socket = /a", "socket = /a\nhttp-socket = :1", True),
        ("listen = 100", "listen = 200", True),
        ("# socket = /a", "# socket = /b", False),
        ("socket-timeout = 60\nstats = /a", "socket-timeout = 90\nstats = /b", False),
    ],
)
def test_only_changed_sockets_need_a_restart(before: str, after: str, restart: bool) -> None:
    assert needs_restart(f"[uwsgi]\n{before}\n", f"[uwsgi]\n{after}\n") is restart
