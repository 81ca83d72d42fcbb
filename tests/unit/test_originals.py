"""How a host was found, as its releases tell."""

from dataclasses import replace

import pytest

from ops.agent.releases_messages import OriginalFile
from ops.deploy import originals
from ops.deploy.originals import host_as_found, originals_of
from ops.formats.uwsgi import ini_path
from ops.rendering.rendered_file import RenderedFile, file_at, supervisord_conf
from ops.schema import Host
from ops.secrets import masking
from ops.secrets.masking import Masker
from ops.secrets.redaction import Hidden, shown_lines
from tests.unit.hosts import host

WEB = {"command": "uwsgi --ini /home/poms/private/config/poms/uwsgi-service.ini"}


def there(made: Host, path: str, text: str) -> RenderedFile:
    return file_at(made, path, text.encode(), "0644")


def test_originals_list_each_file_as_first_release_found_it() -> None:
    answer = [
        OriginalFile(path="/a b", existed=True, mode="640", content=b"old\n"),
        OriginalFile(path="/c", existed=False),
        OriginalFile(path="/d", existed=True),
    ]
    found = originals_of(host(), answer)
    assert [(file.path, file.mode, file.content) for file in found.files] == [("/a b", "0640", b"old\n")]
    assert (found.absent, found.lost) == (["/c"], ["/d"])


@pytest.mark.parametrize(
    ("listens", "ports"),
    [
        ("Listen 443 https\nlisten 0.0.0.0:8443\n", (443, 8443)),
        ("Listen 443\n", (443, 443)),
        ("Listen [::]:9443 https\n", (9443, 9443)),
        ("# Listen 80\n", (443, 8443)),
    ],
)
def test_original_host_is_checked_on_ports_of_its_files(listens: str, ports: tuple[int, int]) -> None:
    made = host(programs={"web": WEB})
    found = host_as_found(made, [there(made, "/etc/httpd/conf.d/ssl.conf", listens)])
    assert (found.apache.port, found.apache.cert_port) == ports


def test_original_host_is_checked_with_its_own_programs() -> None:
    made = host(programs={"web": WEB, "agent": {"command": "sleep 1"}})
    conf = there(
        made, supervisord_conf(made), "[supervisord]\n[program:web]\ncommand=x\n[program:other]\ncommand=y\n"
    )
    ini = there(made, ini_path(made), "[uwsgi]\nsocket = 127.0.0.1:9999\n")
    found = host_as_found(made, [conf, ini])
    assert (list(found.programs), found.app.listen) == (["web"], "127.0.0.1:9999")
    assert list(host_as_found(made, [there(made, supervisord_conf(made), "no section\n")]).programs) == []


def test_possible_secret_in_original_file_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    masker = Masker()
    monkeypatch.setattr(masking, "_this_run", masker)
    made = host()
    path = f"{made.config_dir}/web.ini"
    now = replace(there(made, path, "[db]\npassword = new-secret\n"), masked_parts=(Hidden(2, len("password = ")),))
    found = originals._with_masked_parts(there(made, path, "[db]\npassword = old-secret\n"), now)
    assert [line.shown for line in shown_lines(found.content.decode(), found.masked_parts)] == [
        "[db]",
        "password = ***",
    ]
    assert "old-secret" not in masking.masked("login failed with old-secret")
