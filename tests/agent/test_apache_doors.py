"""Which paths of Apache's files reach a backend, on which ports, and where those backends are."""

import pytest

from ops.agent.apache_doors import backends_in, doors_in, ports_in

HOST = "<VirtualHost *:9000>\n@\n</VirtualHost>\n"


@pytest.mark.parametrize(
    ("lines", "paths"),
    [
        ("ProxyPass /x uwsgi://127.0.0.1:1/", ["/x"]),
        ('proxypass "/x y" "http://127.0.0.1:1/"', ["/x y"]),
        ("<Location /x>\nProxyPass http://127.0.0.1:1/\n</Location>", ["/x"]),
        ('<Location "/x">\nSetHandler "proxy:unix:/a|fcgi://b/"\n</Location>', ["/x"]),
        ("RewriteRule ^/x(.*)$ http://127.0.0.1:1/$1 [P,L]", ["/x"]),
        (r"ProxyPassMatch ^/a\.b/[0-9]+$ http://127.0.0.1:1/", ["/a.b/"]),
        ("ProxyPass \\\n /x http://127.0.0.1:1/", ["/x"]),
        ("<LocationMatch ^/(a|b)>\nProxyPassMatch http://127.0.0.1:1/\n</LocationMatch>", ["/"]),
        ("<Location /x>\nProxyPass http://127.0.0.1:1/\n</Location>\n<Location /x/y>\n</Location>", ["/x", "/x/y"]),
        ("<Location /x>\nProxyPass !\n</Location>", []),
        ("# ProxyPass /x http://127.0.0.1:1/", []),
        ("<Location /x>\nRequire all granted\n</Location>", []),
        ("RewriteRule ^/x /y [R,L]", []),
    ],
)
def test_paths_that_reach_a_backend(lines: str, paths: list[str]) -> None:
    assert [(door.ports, door.path) for door in doors_in(HOST.replace("@", lines))] == [
        ([9000], path) for path in paths
    ]
    assert [(door.ports, door.path) for door in doors_in(lines)] == [([], path) for path in paths]


def test_ports_are_those_of_listen_and_virtual_hosts() -> None:
    text = "Listen 80\nListen [::1]:81 https\n<VirtualHost *:82 10.0.0.1:83>\n</VirtualHost>\nListen ${X}\n"
    assert sorted(port for port in ports_in(text) if port) == [80, 81, 82, 83]
    assert ports_in(text).count(None) == 1
    assert ports_in("# <VirtualHost *:1234>\n  # Listen 1234\n# a \\\n<VirtualHost *:1234>\n") == []


def test_backends_are_loopback_addresses_and_sockets_alone() -> None:
    text = """
    ProxyPass /a uwsgi://127.0.0.1:8888/
    ProxyPass /b "unix:/run/b.sock|http://b/"
    BalancerMember http://localhost:3000
    SetHandler "proxy:fcgi://127.0.0.1:9001"
    ProxyPass /c http://elsewhere.example:80/
    Redirect / https://127.0.0.1:4/
    """
    assert backends_in(text) == ["127.0.0.1:8888", "/run/b.sock", "localhost:3000", "127.0.0.1:9001"]
