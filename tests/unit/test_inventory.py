"""The inventory: what an operator reads when it is wrong, and which hosts a command line means."""

from pathlib import Path

import pytest

from ops.errors import BadInput
from ops.inventory.loader import Inventory, read_inventory
from ops.project import PROJECT

SMALL = """
[fleet]
default = "web1"
[fleet.groups]
front = ["web2", "web1"]
[defaults]
account = "poms"
[hosts.web1]
[hosts.web2]
port = 2222
"""


def read(tmp_path: Path, text: str) -> Inventory:
    path = tmp_path / "hosts.toml"
    path.write_text(text)
    return read_inventory(path)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(BadInput) as caught:
        read(tmp_path, text)
    assert caught.value.code == 3
    *lines, last = str(caught.value).splitlines()
    assert last.endswith("nothing was touched.")
    return lines


def test_the_shipped_inventory_has_the_documented_values() -> None:
    inventory = read_inventory(PROJECT / "hosts.toml")
    assert inventory.fleet.default == "pomsgpvm01"
    assert list(inventory.hosts) == ["pomsgpvm01", "fermicloud045"]
    for host in inventory.hosts.values():
        assert (host.account, host.home) == ("poms", "/home/poms")
        assert host.config_dir == "/home/poms/private/config/poms"
        assert host.log_dir == "/home/poms/private/logs/poms"
        assert host.apache.conf_d == "/etc/httpd/conf.d"
        assert (host.apache.port, host.apache.cert_port, host.apache.verify_depth) == (443, 8443, 1)
        assert host.apache.ca_dir == "/etc/httpd/TrustedCAs"
        numbers = host.uwsgi
        assert (numbers.cheaper, numbers.cheaper_initial, numbers.workers, numbers.threads) == (2, 4, 6, 10)
        assert (numbers.reload_on_as, numbers.evil_reload_on_as) == (1400, 1800)


def test_a_host_has_the_defaults_unless_it_says_otherwise(tmp_path: Path) -> None:
    inventory = read(tmp_path, SMALL + "[hosts.web2.uwsgi]\nworkers = 3\ncheaper-initial = 3\n")
    assert (inventory.hosts["web1"].port, inventory.hosts["web2"].port) == (None, 2222)
    assert (inventory.hosts["web1"].uwsgi.workers, inventory.hosts["web2"].uwsgi.workers) == (6, 3)
    assert inventory.hosts["web2"].address == "web2"


def test_places_follow_the_home_and_names_the_address(tmp_path: Path) -> None:
    text = SMALL.replace('account = "poms"', 'account = "dune"').replace(
        "[hosts.web1]", '[hosts.web1]\naddress = "w.org"'
    )
    host = read(tmp_path, text).hosts["web1"]
    assert host.config_dir == "/home/dune/private/config/poms"
    assert host.supervisor.logfile == "/home/dune/private/logs/poms/supervisord.log"
    assert host.apache.server_name == "w.org"


@pytest.mark.parametrize(
    ("given", "everywhere", "expected"),
    [
        (None, False, ["web1"]),
        (None, True, ["web1", "web2"]),
        ("web2", True, ["web2"]),
        ("front", False, ["web2", "web1"]),
        ("web1, front", False, ["web1", "web2"]),
    ],
)
def test_which_hosts_are_meant(tmp_path: Path, given: str | None, everywhere: bool, expected: list[str]) -> None:
    chosen = read(tmp_path, SMALL).choose(given, everywhere=everywhere)
    assert [host.name for host in chosen] == expected


def test_an_unknown_host_is_refused_with_the_nearest_names(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"'wbe1' is neither a host nor a group.*nearest: web1"):
        read(tmp_path, SMALL).choose("web2,wbe1", everywhere=True)
    with pytest.raises(BadInput, match="names no host"):
        read(tmp_path, SMALL).choose(",", everywhere=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[defaults]\nacount = 'x'\n", "hosts.toml: defaults.acount = 'x': unknown key; nearest: account"),
        ("[hosts.web1.uwsgi]\nworker = 3\n", "hosts.web1.uwsgi.worker = 3: unknown key; nearest: workers"),
        ("[default]\n", "hosts.toml: default: unknown key; nearest: defaults"),
        ("[hosts.web1]\nport = '22'\n", "hosts.web1.port = '22': must be a whole number"),
        ("[hosts.web1]\nport = 70000\n", "hosts.web1.port = 70000: must be a whole number from 1 to 65535"),
        ("[hosts.web1]\nhome = 'poms'\n", "hosts.web1.home = 'poms': must be an absolute path"),
        (
            "[hosts.web1]\nhome = '/a/../b'\n",
            "hosts.web1.home = '/a/../b': must be an absolute path without '..'",
        ),
        (
            "[defaults.uwsgi]\ncheaper-initial = 9\n",
            "hosts.toml: defaults.uwsgi.cheaper-initial = 9: must not be over workers (6)",
        ),
        ("[defaults.uwsgi]\ncheaper = 6\n", "defaults.uwsgi.cheaper = 6: must be under workers (6)"),
        ("[defaults.uwsgi]\ncheaper-initial = 1\n", "cheaper-initial = 1: must not be under cheaper (2)"),
        (
            "[hosts.web1.uwsgi]\nreload-on-as = 1800\n",
            "reload-on-as = 1800: must be under evil-reload-on-as (1800)",
        ),
        (
            "[hosts.web1.apache]\ncert_port = 443\n",
            "apache.cert_port = 443: port 443 is also used by apache.port",
        ),
        (
            "[hosts.web1.app]\nlisten = '127.0.0.1:22'\n",
            "app.listen = '127.0.0.1:22': port 22 is also used by port",
        ),
        (
            "[hosts.web1.app]\nlisten = '0.0.0.0:80'\n",
            "app.listen = '0.0.0.0:80': must be a loopback address",
        ),
        ('[hosts.web1]\nactivate = "a\\u0007b"\n', "activate = 'a\\x07b': must not contain a control character"),
        (
            "[hosts.web1.programs.p]\ncommand = 'x'\nautostart = 1\n",
            "programs.p.autostart = 1: must be true or false",
        ),
        ("[hosts.web1.programs.p]\n", "hosts.web1.programs.p.command: is missing"),
        ("[defaults.programs.p]\n", "hosts.toml: defaults.programs.p.command: is missing"),
        ("[hosts.web1.apache]\nreload = true\n", "hosts.web1.apache.reload = True: must be"),
        ("[hosts.web1.identity]\nuser_id = '(a|b)'\n", "user_id = '(a|b)': must not contain a group of its own"),
        ("[hosts.web1.identity]\ncertificate_email = 'a@b.org'\n", "must be 'extension' or an address with {user}"),
        ("[hosts.web1.identity]\ncertificate_email = '{user}\"@b.org'\n", "must be 'extension' or an address"),
        (
            "[hosts.web1.identity]\ndropped_headers = ['X_Y']\n",
            "dropped_headers.0 = 'X_Y': must be the name of a header",
        ),
        ("[hosts.web1.identity]\nseveral_values = 'last'\n", "identity.several_values = 'last': must be"),
        ("[hosts.web1.apache]\nrevocation = 'on'\n", "apache.revocation = 'on': must be"),
        ("[hosts.web1.apache]\nca_dir = 'x'\n", "apache.ca_dir = 'x': must be an absolute path"),
        ("[hosts.web1.apache]\nrevocation_dir = '/a/${b}'\n", "revocation_dir = '/a/${b}': must not contain '${'"),
        ("[hosts.web1.apache]\nhsts = -1\n", "apache.hsts = -1: must be a whole number from 0 to 63072000"),
        ("[hosts.web1.apache]\ncurves = 'X25519 P-256'\n", "curves = 'X25519 P-256': must be names of curves"),
        (
            "[hosts.web1.apache.response_headers]\n'X Y' = 'a'\n",
            "response_headers.X Y = 'a': must be the name of a header",
        ),
        (
            "[hosts.web1.apache.response_headers]\nX-Y = 'expr=1'\n",
            "response_headers.X-Y = 'expr=1': must be printable",
        ),
        ("[hosts.web1.apache.response_headers]\nX-Y = '${HOME}'\n", "X-Y = '${HOME}': must not contain '${'"),
        ("[hosts.web1.app]\ntimeout = 0\n", "app.timeout = 0: must be a whole number from 1 to 86400"),
        ("[hosts.web1]\nname = 'other'\n", "hosts.web1.name = 'other': must not be given"),
        ("[defaults]\nname = 'other'\n", "defaults.name = 'other': must not be given"),
        ("[hosts.'a b']\n", "hosts.toml: hosts.a b: must be a name of letters"),
        ("[hosts.web1]\nhome = 5\n", "hosts.web1.home = 5: must be text"),
        ("[hosts.web1]\naddress = 5\n", "hosts.web1.address = 5: must be text"),
        ("[hosts.web1]\naddress = ':::'\n", "hosts.web1.address = ':::': must be a name or IP address"),
        ("[hosts.web1]\naccount = 'No One'\n", "hosts.web1.account = 'No One': must be the name of an account"),
        ("[hosts.web1]\naddress = '2001:db8::1'\n", "hosts.web1.apache.server_name: must be given"),
        ("[hosts.web1]\nlog_dir = 'x'\n", "hosts.web1.log_dir = 'x': must be an absolute path"),
        ("[hosts.web1.app]\npath = 'x'\n", "hosts.web1.app.path = 'x': must be / or a path"),
        ("[hosts.web1]\nuwsgi = 3\n", "hosts.web1.uwsgi = 3: must be a table"),
        ("[[hosts.web1.uwsgi]]\n", "hosts.web1.uwsgi = [{}]: must be a table"),
        ("[hosts.web1]\nprograms.p = 2020-01-01\n", "programs.p = datetime.date(2020, 1, 1): must be a table"),
        ("[hosts.web1.apache]\nrestart = []\n", "hosts.web1.apache.restart = []: must not be empty"),
        ("[hosts.web1.apache]\nreload = [3]\n", "hosts.web1.apache.reload.0 = 3: must be text"),
        (
            "[hosts.web1.uwsgi.options]\nmount = [1.5]\n",
            "hosts.web1.uwsgi.options.mount.0 = 1.5: must be true or false or a whole number or text",
        ),
        ("[hosts.web1.uwsgi.options]\nharakiri = 1000000000000000000\n", "harakiri: must have at most 18 digits"),
        (
            "[hosts.web1.uwsgi.options]\nhttp-stats = '127.0.0.1:8888'\n",
            "options.http-stats = '127.0.0.1:8888': port 8888 is also used by app.listen",
        ),
        (
            "[hosts.web1.uwsgi.options]\nstats = '127.0.0.1:1717'\n",
            "options.stats = '127.0.0.1:1717': must be the path of a unix socket in a folder of the account",
        ),
        (
            "[hosts.web1.uwsgi.options]\nhttp-socket = ':8082'\n",
            "options.http-socket = ':8082': must listen on a loopback address and port (127.0.0.1:8082, [::1]:8082)",
        ),
        (
            "[hosts.web1.uwsgi.options]\ndaemonize = '/home/poms/log'\n",
            "options.daemonize = '/home/poms/log': leaves the foreground: supervisord sees the program as ended",
        ),
        *(
            (f'[hosts.web1]\napp.listen = "/run/a/{char}.sock"\n', "must have only letters, digits")
            for char in ("'", "&", ";", "#", "$x", "|", "?", " ", "%")
        ),
        (
            "[hosts.web1.app]\nlisten = '/tmp/app.sock'\n",
            "app.listen = '/tmp/app.sock': must be in a folder of its own",
        ),
        (
            "[hosts.web1.app]\npath = '/poms-ops/x'\n",
            "app.path = '/poms-ops/x': must not be in /poms-ops",
        ),
        *(
            (f"[hosts.web1.maintenance]\n{line}\n", rule)
            for line, rule in (
                ("folder = '/tmp'", "folder = '/tmp': must be a folder of its own"),
                ("folder = '/home/poms'", "folder = '/home/poms': must be a folder of its own"),
                ("folder = '/home/poms/private/poms-ops'", "must be a folder of its own"),
                ("folder = '/etc/httpd/conf.d/x'", "must not be in a folder of Apache"),
                ("folder = '/home/${x}/y'", "must not contain '${'"),
                ("paths = ['/poms/x', '/other']", "paths.1 = '/other': must be a page of the app"),
                ("paths = ['/pomsx']", "must be a page of the app"),
                ("allow = ['10.0.0.0/33']", "allow.0 = '10.0.0.0/33': must be an address or a network"),
                ("allow = ['10.0.0.1/8']", "must be an address or a network"),
                ("allow = ['web1']", "must be an address or a network"),
                ("allow = ['127.0.0.0/8']", "must not have 127.0.0.1 in it"),
                ("allow = ['10.0.0.0/8', '0.0.0.0/0']", "allow.1 = '0.0.0.0/0': must not have 127.0.0.1 in it"),
            )
        ),
        (
            "[hosts.web1.app]\npath = '/poms-ops-maintenance'\n",
            "app.path = '/poms-ops-maintenance': must not be in /poms-ops-maintenance",
        ),
        (
            "[hosts.web1.app]\ncron_listen = '/tmp/cron.sock'\n",
            "app.cron_listen = '/tmp/cron.sock': must be in a folder that other accounts cannot write",
        ),
        (
            "[hosts.web1.uwsgi.options]\nhttp = '127.0.0.1:443'\n",
            "options.http = '127.0.0.1:443': port 443 is also used by apache.port",
        ),
        (
            "[hosts.web1.uwsgi.options]\nhttps-socket = ['[::1]:8080,/c,/k', '[::1]:8443,/c,/k']\n",
            "['[::1]:8080,/c,/k', '[::1]:8443,/c,/k']: port 8443 is also used by apache.cert_port",
        ),
        (
            "[hosts.web1.app]\nlisten = '/run/a/x'\n[hosts.web1.supervisor]\npidfile = '/run/a/x'\n",
            "app.listen = '/run/a/x': /run/a/x is also supervisor.pidfile",
        ),
        (
            "[hosts.web1.app]\nlisten = '/home/poms/app.sock'\n",
            "app.listen = '/home/poms/app.sock': must be in a folder of its own",
        ),
        (
            "[hosts.web1.app]\ncron_listen = '127.0.0.1:8888'\n",
            "app.cron_listen = '127.0.0.1:8888': port 8888 is also used by app.listen",
        ),
        (
            "[hosts.web1.app]\ncron_listen = '127.0.0.1:99999'\n",
            "app.cron_listen = '127.0.0.1:99999': must have a port from 1 to 65535",
        ),
        (
            "[hosts.web1.supervisor]\npidfile = '/home/poms/supervisord.conf'\n",
            "/home/poms/supervisord.conf is also supervisord's configuration",
        ),
        (
            "[hosts.web1.supervisor]\nsocket = '/tmp/a'\nlogfile = '/tmp/a'\n",
            "supervisor.logfile = '/tmp/a': /tmp/a is also supervisor.socket",
        ),
        (
            "[hosts.web1.programs.p]\ncommand = 'x'\nstdout_logfile = '/home/poms/supervisord.pid'\n",
            "stdout_logfile = '/home/poms/supervisord.pid': /home/poms/supervisord.pid is also supervisor.pidfile",
        ),
        (
            "[hosts.web1.supervisor]\npidfile = '/home/poms/private/config/poms/uwsgi-service.ini'\n",
            "uwsgi-service.ini is also uWSGI's configuration",
        ),
        (
            "[hosts.web1.apache]\nconf_d = '/home/poms'\n",
            "apache.conf_d = '/home/poms': must not be the account's home",
        ),
        ("[hosts.web1.apache]\nconf_d = '/home/poms/c'\n", "apache.conf_d = '/home/poms/c': must not be the account"),
        (
            "[hosts.web1]\nconfig_dir = '/etc/httpd/x'\n",
            "config_dir = '/etc/httpd/x': must not be in a folder of Apache",
        ),
        ("[hosts.web1]\nhome = '/etc/httpd'\n", "home = '/etc/httpd': must not be in a folder of Apache"),
        ("[hosts.web1]\nhome = '/home/a:b'\n", "home = '/home/a:b': must not contain a colon"),
        ("[hosts.web1]\nconfig_dir = '/home/a:b'\n", "config_dir = '/home/a:b': must not contain a colon"),
        ("[hosts.web1.programs.all]\ncommand = 'x'\n", "programs.all: must have another name"),
        ("[hosts.web1.identity]\nuser_id = '.+'\n", "user_id = '.+': must not match an empty text, a blank"),
        ("[hosts.web1.identity]\nuser_id = '[^,/=\\x20]+'\n", "must not match an empty text"),
        ("[hosts.web1.identity]\nuser_id = '[a-z]*'\n", "user_id = '[a-z]*': must not match an empty text"),
        ("[hosts.web1.identity]\nuser_id = '[a-z/]{8}'\n", "user_id = '[a-z/]{8}': must not match an empty text"),
        ("[hosts.web1.identity]\nuser_id = '[[:alpha:]]+'\n", "must not contain a class in a class"),
        ("[hosts.web1.identity]\nuser_id = '['\n", "user_id = '[': must be a regular expression"),
        (
            "[hosts.web1.uwsgi]\nworkers = 3\ncheaper-initial = 4\n",
            "cheaper-initial = 4: must not be over workers (3)",
        ),
    ],
)
def test_a_problem_names_file_key_value_and_rule(tmp_path: Path, text: str, said: str) -> None:
    base = SMALL if "[defaults]" not in text else SMALL.replace("[defaults]\n", text)
    whole = base if "[defaults]" in text else SMALL + text
    if "[hosts.web1]" in text:
        whole = SMALL.replace("[hosts.web1]\n", text)
    found = problems(tmp_path, whole)
    assert len([line for line in found if said in line]) == 1, found
    if " name =" not in text and "[defaults]" not in text:
        assert len(found) == 1, found


def test_all_problems_are_reported_at_once_without_repetition(tmp_path: Path) -> None:
    text = SMALL.replace('default = "web1"', 'default = "web9"') + (
        "[defaults.uwsgi]\nworkers = 0\nreload-on-as = 2000\n[hosts.web2.apache]\nport = 'x'\ncert_port = 2222\n"
    )
    found = problems(tmp_path, text)
    assert len(found) == 5, found
    for key in ("fleet.default", "defaults.uwsgi.workers", "defaults.uwsgi.reload-on-as", "web2.apache.port"):
        assert sum(key in line for line in found) == 1, (key, found)
    assert any("hosts.web2.apache.cert_port = 2222: port 2222 is also used by port" in line for line in found)


def test_a_file_that_is_missing_or_no_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not TOML"):
        read(tmp_path, "[fleet")
    with pytest.raises(BadInput, match="Cannot read the inventory"):
        read_inventory(tmp_path / "none.toml")


def test_files_of_the_operator_are_named_from_the_inventorys_folder(tmp_path: Path) -> None:
    text = SMALL.replace("[hosts.web1]", "[defaults.ssh]\nknown_hosts = 'keys/known'\n[hosts.web1]")
    assert read(tmp_path, text).hosts["web1"].ssh.known_hosts == str(tmp_path / "keys/known")


@pytest.mark.parametrize(
    ("written", "cheaper", "initial"),
    [
        ("workers = 3", 2, 3),
        ("workers = 2", 1, 2),
        ("workers = 1", 0, 1),
        ("cheaper = 5", 5, 5),
        ("cheaper = 0", 0, 4),
        ("workers = 3\ncheaper = 0\ncheaper-initial = 4", 0, 4),
    ],
)
def test_numbers_that_nobody_wrote_give_way(tmp_path: Path, written: str, cheaper: int, initial: int) -> None:
    numbers = read(tmp_path, f"{SMALL}[hosts.web2.uwsgi]\n{written}\n").hosts["web2"].uwsgi
    assert (numbers.cheaper, numbers.cheaper_initial) == (cheaper, initial)


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("uwsgi = { cheaper = 9 }", "uwsgi.cheaper = 9", "workers (6)"),
        ("uwsgi = { evil-reload-on-as = 1000 }", "uwsgi.evil-reload-on-as = 1000", "over reload-on-as (1400)"),
        ("apache = { port = 8443 }", "apache.port = 8443", "apache.cert_port"),
        ("apache = { port = 8888 }", "apache.port = 8888", "app.listen"),
        ("port = 443", "port = 443", "apache.port"),
        ("uwsgi = { options = { http = '127.0.0.1:8888' } }", "uwsgi.options.http", "app.listen"),
        ("supervisor = { socket = '/home/poms/supervisord.pid' }", "supervisor.socket", "supervisor.pidfile"),
        ("programs = { supervisord = { command = 'x' } }", "programs.supervisord: ", "supervisor.logfile"),
        ("home = '/etc'", "home = '/etc'", "/etc/httpd/conf.d"),
        ("apache = { server_root = '/home' }", "apache.server_root = '/home'", "/home/poms"),
        ("apache = { server_root = '/home/poms/private/config' }", "apache.server_root", "/home/poms/private/config"),
        ("apache = { conf_d = '/home' }", "apache.conf_d = '/home'", "/home/poms"),
        ("apache = { ca_dir = '/etc/${x}' }", "apache.ca_dir = '/etc/${x}'", ""),
        ("home = '/home/a b'", "home = '/home/a b'", "state_dir"),
        ("home = '/h ;'", "home = '/h ;'", "supervisor.socket"),
        (f"home = '/{'h' * 100}'", "home = ", "supervisor.socket"),
    ],
)
def test_a_problem_names_a_key_of_the_file(tmp_path: Path, text: str, key: str, said: str) -> None:
    lines = problems(tmp_path, SMALL.replace("[hosts.web1]\n", f"[hosts.web1]\n{text}\n"))
    assert all(line.startswith(f"hosts.toml: hosts.web1.{key}") for line in lines), lines
    assert sum(said in line for line in lines) == 1, lines


def test_killasgroup_follows_stopasgroup(tmp_path: Path) -> None:
    text = f"{SMALL}[hosts.web2.programs]\na = {{command = 'x', stopasgroup = true}}\nb = {{command = 'x'}}\n"
    programs = read(tmp_path, text).hosts["web2"].programs
    assert (programs["a"].killasgroup, programs["b"].killasgroup) == (True, False)


def test_an_ipv6_address_needs_only_a_name_for_apache(tmp_path: Path) -> None:
    for address in ("2001:db8::1", "::ffff:198.18.0.1", "fe80::1%eth0"):
        host = f"[hosts.six]\naddress = '{address}'\napache.server_name = 'six.org'\n"
        assert read(tmp_path, SMALL + host).hosts["six"].address == address


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"x = {'9' * 5000}", "is not TOML"),
        (f"x = {'[' * 3000}{']' * 3000}", "more than 20 deep"),
        (f"x = {'[' * 100}{']' * 100}", "more than 20 deep"),
        (f"{'a.' * 3000}b = 1", "more than 20 deep"),
        (f"[hosts.w]\nport = 0x{'f' * 5000}", "port: must have at most 18 digits"),
        ("hosts = []", "hosts = \\[\\]: must be a table"),
        ("[[hosts]]\n[[defaults]]\n[[fleet]]", "hosts = .*: must be a table"),
        ("fleet = 1.5\nhosts = 2020-01-01\ndefaults = 'x'", "defaults = 'x': must be a table"),
        ("[fleet]\ndefault = 1\ngroups = []\n[hosts.w]\n", "fleet.groups = .*: must be a table"),
    ],
)
def test_a_file_that_is_no_inventory_is_bad_input(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read(tmp_path, text + "\n")


def test_without_hosts_nothing_is_said_of_the_fleet(tmp_path: Path) -> None:
    assert problems(tmp_path, "[fleet]\ndefault = 'w'\n") == [
        "hosts.toml: hosts: must name at least one host: [hosts.NAME]"
    ]


def test_hosts_with_too_many_database_connections_are_refused(tmp_path: Path) -> None:
    text = SMALL.replace("[fleet]", "[fleet]\ndatabase_connections = 100") + "uwsgi.workers = 4\n"
    assert len(read(tmp_path, text).hosts) == 2
    assert problems(tmp_path, text.replace("workers = 4", "workers = 5")) == [
        "hosts.toml: fleet.database_connections = 100: is exceeded: workers times threads make "
        "60 + 50 = 110 requests at once, of 100 database connections",
    ]
