"""What the templates make of an inventory. tests/unit/expected/ holds reviewed files; `make expected` renews them."""

import configparser
import re
from pathlib import Path
from typing import Any

import pytest

from ops.errors import BadInput
from ops.formats.apache import quote, regex_escape
from ops.inventory.loader import read_inventory
from ops.project import PROJECT
from ops.rendering.renderer import not_rendered, render
from ops.rendering.template_tree import TOOLKIT_TREE as TREE
from ops.rendering.template_tree import TemplateTree
from tests.unit.hosts import host

EXPECTED = Path(__file__).parent / "expected"


@pytest.mark.parametrize("name", ["pomsgpvm01", "fermicloud045"])
def test_the_shipped_inventory_renders_as_reviewed(name: str) -> None:
    files = render(read_inventory(PROJECT / "hosts.toml").hosts[name])
    reviewed = {path.relative_to(EXPECTED / name): path for path in (EXPECTED / name).rglob("*") if path.is_file()}
    assert {Path(file.path.lstrip("/")) for file in files} == set(reviewed)
    for file in files:
        assert file.content.decode() == reviewed[Path(file.path.lstrip("/"))].read_text(), file.path


def test_template_path_determines_target_path_and_service() -> None:
    found = {file.path: (file.service, file.mode) for file in render(host())}
    assert found == {
        "/etc/httpd/conf.d/cert_ssl.conf": ("apache", "0644"),
        "/etc/httpd/conf.d/ssl.conf": ("apache", "0644"),
        "/home/poms/private/config/poms/uwsgi-service.ini": ("programs", "0640"),
        "/home/poms/supervisord.conf": ("supervisord", "0640"),
    }


def test_inventory_determines_root_directories() -> None:
    one = host(home="/srv/dune", config_dir="/srv/dune/etc", apache={"conf_d": "/opt/apache/conf.d"})
    assert [file.path for file in render(one)] == [
        "/opt/apache/conf.d/cert_ssl.conf",
        "/opt/apache/conf.d/ssl.conf",
        "/srv/dune/etc/uwsgi-service.ini",
        "/srv/dune/supervisord.conf",
    ]


def test_a_rendered_file_is_reproducible_and_names_its_template() -> None:
    first, second = render(host()), render(host())
    assert first == second
    for file in first:
        head = file.content.decode().splitlines()[0]
        assert f"Managed by poms-ops from templates/{file.template}" in head


def test_virtual_hosts_differ_only_in_documented_directives() -> None:
    ssl, cert = (
        next(f.content.decode() for f in render(host()) if f.path.endswith(f"/{name}"))
        for name in ("ssl.conf", "cert_ssl.conf")
    )
    directives = [
        [line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")]
        for text in (ssl, cert)
    ]
    only_ssl = [line for line in directives[0] if line not in directives[1]]
    only_cert = [line for line in directives[1] if line not in directives[0]]
    allowed = r"Listen|<VirtualHost|ServerName|ErrorLog|TransferLog|CustomLog|RequestHeader (set|edit)|Require |"
    whole_server = r"SSLSessionCache|ServerTokens|ServerSignature|TraceEnable|GracefulShutdownTimeout|"
    for line in only_ssl:
        shibboleth = r"AuthType|ShibRequestSetting|SetHandler|</?LocationMatch|</?If|"
        own = r'<Location "/poms-ops|Header |RequestHeader unset (Cookie|Authorization|X-Shib-.+[a-z])$|ProxyPass "'
        assert re.match(allowed + whole_server + shibboleth + own, line), line
    for line in only_cert:
        assert re.match(
            allowed + r"SSLVerify|SSLCA|SSLOpenSSLConfCmd NumTickets|SSLSessionCacheTimeout|SetEnvIfExpr|id_user=",
            line,
        ), line


BLOCK = "{% block a %}text {{ host.name }}\n{% endblock %}\n"


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ("a line\n", 4),
        ("\n{{ host.name }}\n", 5),
        ("{% if host.name %}\n\n  a line\n{% endif %}\n", 6),
        ("\n{# a comment #}\n{% set b = 1 %}\n{% macro c() %}text{% endmacro %}\n", None),
    ],
)
def test_text_that_a_template_would_drop_is_refused(tmp_path: Path, more: str, line: int | None) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/_base").write_text("{% block a %}{% endblock %}")
    (tmp_path / "home/x.j2").write_text(f'{{% extends "home/_base" %}}\n{BLOCK}{more}')
    if line is None:
        assert [file.content for file in render(host(), TemplateTree(tmp_path))] == [b"text web1\n"]
        return
    with pytest.raises(BadInput, match=rf"home/x\.j2, line {line}"):
        render(host(), TemplateTree(tmp_path))


def test_another_template_tree_gets_no_cache(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "home").mkdir(parents=True)
    (tree / "home/a.j2").write_text("x")
    assert [file.content for file in render(host(), TemplateTree(tree))] == [b"x"]
    assert [path.name for path in tmp_path.iterdir()] == ["tree"]


def test_apache_directory_with_quotes_and_blanks_is_one_argument() -> None:
    one = host(apache={"ca_dir": '/etc/my "own" CAs'})
    text = next(f.content.decode() for f in render(one) if f.path.endswith("cert_ssl.conf"))
    assert 'SSLCACertificatePath "/etc/my \\"own\\" CAs"' in text
    assert quote("a\\b") == '"a\\\\b"'


def test_a_literal_matches_only_itself() -> None:
    for text in ("CN=a.b/c (d)+[e]", "CN=x#y$z^|?*", "CN=Jörg Müller,O=X"):
        assert re.fullmatch(regex_escape(text), text)
        assert "#" not in regex_escape(text)  # it would end Apache's m#…#, escaped or not
    assert not re.fullmatch(regex_escape("a.b"), "axb")


def test_a_service_certificate_is_a_row_of_its_own() -> None:
    row = {"issuer": "CN=CA,O=X", "subject": "CN=poms/h.org,O=X", "user": "robot"}
    text = next(
        f.content.decode()
        for f in render(host(identity={"service_certificates": [row]}))
        if f.path.endswith("cert_ssl.conf")
    )
    assert "m#^CN=poms\\\\/h\\\\.org,O=X$#" in text
    assert "id_user=robot" in text


def cert_ssl(**values: Any) -> str:
    return next(f.content.decode() for f in render(host(**values)) if f.path.endswith("cert_ssl.conf"))


def test_mail_header_is_set_only_by_rule() -> None:
    assert "RequestHeader set X-Shib-Email" not in cert_ssl()
    assert 'set X-Shib-Email "%{id_user}e@x.org"\n' in cert_ssl(identity={"certificate_email": "{user}@x.org"})
    assert 'set X-Shib-Email "%{id_email}e" env=id_email\n' in cert_ssl(identity={"certificate_email": "extension"})


def test_several_values_mean_the_same_on_both_ports() -> None:
    def told(choice: str, name: str) -> list[str]:
        identity = {"certificate_email": "extension", "several_values": choice, "email_attribute": "post"}
        files = {f.path.rpartition("/")[2]: f.content.decode() for f in render(host(identity=identity))}
        return [
            line.strip()
            for line in files[name].splitlines()
            if re.search("id_email|(^| )(set|edit)[*]? X-Shib-Email", line)
        ]

    once = r'"expr=-n %{reqenv:post} && !(%{reqenv:post} =~ m#(?<!\\\\);#)"'
    plain = r'RequestHeader edit* X-Shib-Email "\\\\;" ";"'
    cut = r'RequestHeader edit X-Shib-Email "(?s)^(.*?)(?<!\\\\);.*$" "$1"'
    assert told("join", "ssl.conf") == ['RequestHeader set X-Shib-Email "%{post}e" env=post']
    assert told("first", "ssl.conf") == ['RequestHeader set X-Shib-Email "%{post}e" env=post', cut, plain]
    assert told("omit", "ssl.conf") == [f'RequestHeader set X-Shib-Email "%{{post}}e" {once}', plain]
    first, omit, join = (told(choice, "cert_ssl.conf") for choice in ("first", "omit", "join"))
    assert "SSL_CLIENT_SAN_Email_1" not in "".join(first)
    assert "-z %{SSL_CLIENT_SAN_Email_1}" in omit[1]
    assert "%{reqenv:id_email_1}" in join[0]


def test_revocation_lists_are_by_default_in_the_ca_folder() -> None:
    text = cert_ssl(apache={"ca_dir": "/cas"})
    assert 'SSLCARevocationPath "/cas"\n    SSLCARevocationCheck leaf no_crl_for_cert_ok\n' in text
    text = cert_ssl(apache={"ca_dir": "/cas", "revocation_dir": "/lists", "revocation": "required"})
    assert 'SSLCARevocationPath "/lists"\n    SSLCARevocationCheck leaf\n' in text
    assert "SSLCARevocation" not in cert_ssl(apache={"revocation": "off"})


def test_headers_of_answers_are_one_argument_and_literal_text() -> None:
    text = cert_ssl(apache={"hsts": 60, "response_headers": {"X-Y": '100% "a" \\'}})
    assert 'Header always set Strict-Transport-Security "max-age=60"\n' in text
    assert 'Header always set X-Y "100%% \\"a\\" \\\\"\n' in text
    assert "X-Frame-Options" not in text


def test_a_unix_socket_for_the_app() -> None:
    files = {
        f.path.rpartition("/")[2]: f.content.decode() for f in render(host(app={"listen": "/home/poms/app.sock"}))
    }
    assert 'ProxyPass "unix:/home/poms/app.sock|uwsgi://poms/poms" retry=0 timeout=600' in files["ssl.conf"]
    assert "socket = /home/poms/app.sock\n" in files["uwsgi-service.ini"]
    assert "http-socket" not in files["uwsgi-service.ini"]


def test_cron_listen_adds_a_listener_for_the_hosts_jobs() -> None:
    ini = next(f.content.decode() for f in render(host(app={"cron_listen": "127.0.0.1:8889"})) if "uwsgi" in f.path)
    assert "\nsocket = 127.0.0.1:8888\n" in ini
    assert "\nhttp-socket = 127.0.0.1:8889\n" in ini
    assert "chmod-socket" not in ini


def tree(tmp_path: Path, name: str, text: str) -> TemplateTree:
    path = tmp_path / "templates" / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return TemplateTree(tmp_path / "templates")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("home/x.j2", "a\n{{ host.nosuch }}\n", r"templates/home/x\.j2, line 2: .*nosuch"),
        ("home/x.j2", "{{ undefined_name }}", "undefined_name"),
        ("home/x.j2", "a\n\n{% if %}", r"line 3: "),
        ("home/x.j2", "{{ 1 / 0 }}", "division by zero"),
        ("etc/x.j2", "text", "the first folder must be one of"),
        ("home/_part.j2", "text", "has no templates"),
    ],
)
def test_template_error_names_file_and_line(tmp_path: Path, name: str, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        render(host(), tree(tmp_path, name, text))


def test_new_template_adds_managed_file(tmp_path: Path) -> None:
    files = render(host(), tree(tmp_path, "home/private/agents.cfg.j2", "# {{ managed }}\nuser={{ host.account }}\n"))
    assert [(file.path, file.service) for file in files] == [("/home/poms/private/agents.cfg", "programs")]
    assert files[0].content.endswith(b"user=poms\n")


def test_every_shipped_template_is_deployed_or_a_part() -> None:
    names = {path.relative_to(TREE).as_posix() for path in TREE.rglob("*.j2")}
    software = {"version": "1", "product": "poms"}
    whole = host(activate="setup {version}", software=software, token={}, apache={"redirect_from": 80})
    rendered = {file.template for file in render(whole)}
    assert {name for name in names - rendered if not any(part.startswith("_") for part in Path(name).parts)} == set()


def test_supervisords_file_is_read_by_any_ini_reader_too() -> None:
    conf = next(f for f in render(host(programs={"web": {"command": "x"}})) if f.service == "supervisord")
    parser = configparser.RawConfigParser()
    parser.read_string(conf.content.decode())
    assert "program:web" in parser


def test_file_not_rendered_is_listed_with_reason(tmp_path: Path) -> None:
    texts = {
        "home/a.ini.j2": '{% include "home/common.txt" %}\n',
        "home/common.txt": "x\n",
        "home/_part.j2": "",
        "home/_parts/x.txt": "",
        "httpd/.gitkeep": "",
        "home/a.ini.j2~": "",
        "home/.a.ini.j2.swp": "",
        "home/#a.ini.j2#": "",
        "httpd/conf.d/extra.conf": "",
        "elsewhere/b.ini": "",
        "README.md": "",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert dict(not_rendered(TemplateTree(tmp_path))) == {
        "templates/home/a.ini.j2~": "an editor's copy",
        "templates/home/.a.ini.j2.swp": "an editor's copy",
        "templates/home/#a.ini.j2#": "an editor's copy",
        "templates/httpd/conf.d/extra.conf": "its name does not end in .j2",
        "templates/elsewhere/b.ini": "its name does not end in .j2",
        "templates/README.md": "its name does not end in .j2",
    }
    assert [file.template for file in render(host(), TemplateTree(tmp_path))] == ["home/a.ini.j2"]


def test_shipped_templates_are_all_rendered_or_included() -> None:
    assert list(not_rendered(TemplateTree())) == []
