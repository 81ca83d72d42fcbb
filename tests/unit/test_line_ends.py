"""Files as editors of Windows write them: a byte order mark first, a carriage return before each line break."""

import codecs
import shutil
from pathlib import Path

import pytest

from ops.errors import BadInput
from ops.importing.adopt import advise
from ops.inventory.loader import read_inventory
from ops.rendering.renderer import render, render_one
from ops.rendering.template_tree import TOOLKIT_TREE as TREE
from ops.rendering.template_tree import TemplateTree
from ops.secrets import masking
from ops.secrets.masking import Masker
from ops.secrets.sources import value_of
from ops.ssh.ssh_config_query import settings_of
from tasks._completion import inventory
from tests.unit.hosts import host, parsed_here, settings
from tests.unit.test_trust import KEY, connection, judge, text

SMALL = '[fleet]\ndefault = "web1"\n[defaults]\nactivate = """one\ntwo"""\n[hosts.web1.programs.web]\ncommand = "x"\n'
INI = "home/private/config/poms/uwsgi-{app}.ini.j2"


def as_windows_has_it(content: str) -> bytes:
    return codecs.BOM_UTF8 + content.replace("\n", "\r\n").encode()


def test_inventory_with_windows_line_ends_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "hosts.toml"
    path.write_bytes(as_windows_has_it(SMALL.replace('"""one\ntwo"""', '"one"')))
    assert read_inventory(path).hosts["web1"].activate == "one"
    monkeypatch.setenv("POMS_INVENTORY", str(path))
    assert inventory() == (["web1"], ["web"])


def test_inventory_not_in_utf8_is_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "hosts.toml"
    path.write_bytes(SMALL.encode("utf-16"))
    with pytest.raises(BadInput, match=r"hosts.toml is not UTF-8 text.* save it as UTF-8"):
        read_inventory(path)


def test_templates_with_windows_line_ends_render_same_files(tmp_path: Path) -> None:
    tree = tmp_path / "templates"
    shutil.copytree(TREE, tree)
    for path in tree.rglob("*.j2"):
        path.write_bytes(as_windows_has_it(path.read_text()))
    assert render(host(), TemplateTree(tree)) == render(host())


def test_adopt_handles_template_with_windows_line_ends(tmp_path: Path) -> None:
    tree = tmp_path / "templates"
    (tree / INI).parent.mkdir(parents=True)
    (tree / INI).write_bytes(as_windows_has_it("first = 1\nsecond = 2\nthird = 3\n"))
    made = render_one(host(), INI, TemplateTree(tree))
    advice = advise(host(), made, "first = 9\nsecond = 2\nthird = 3\n", parsed_here, TemplateTree(tree))
    assert (advice.unsolved, list(advice.templates)) == ([], [INI])


def test_template_that_outputs_carriage_return_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/a.j2").write_text('a = 1{{ "\\r" }}\n')
    with pytest.raises(BadInput, match=r"web1: templates/home/a.j2: .*carriage return"):
        render(host(), TemplateTree(tmp_path))


@pytest.mark.parametrize("source", ["file", "command", "env"])
def test_secret_is_read_without_byte_order_mark_and_carriage_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    masker = Masker()
    monkeypatch.setattr(masking, "_this_run", masker)
    path = tmp_path / "secret"
    path.write_bytes(as_windows_has_it("of two\nlines\n"))
    path.chmod(0o600)
    monkeypatch.setenv("POMS_TEST_LINE_ENDS", path.read_bytes().decode())
    given = {"file": str(path), "command": ["cat", str(path)], "env": "POMS_TEST_LINE_ENDS"}[source]
    assert value_of(host(secrets={"db": {source: given}}), "db") == "of two\nlines"
    assert masker.masked("<of two\nlines>") == "<***>"


def test_known_hosts_are_read_from_the_first_line_on(tmp_path: Path) -> None:
    judge(connection(tmp_path, as_windows_has_it(f"web1 {text(KEY)}\nother {text(KEY)}\n").decode()), KEY)


def test_a_revoked_key_in_the_first_line_is_revoked(tmp_path: Path) -> None:
    (tmp_path / "revoked keys").write_bytes(as_windows_has_it(f"{text(KEY)}\n"))
    made = connection(tmp_path, f"strict {text(KEY)}\n", "strict")
    assert made.client._policy.revocation(KEY)


def test_an_ssh_config_is_read_or_refused_with_the_reason(tmp_path: Path) -> None:
    config = settings(tmp_path / "ssh_config", "Host web1\r\n  Port 99\r\n  HostKeyAlias other\r\n")
    read = settings_of(config, "web1")
    assert (read.port, read.host_key_alias) == (99, "other")
    config = settings(tmp_path / "marked", codecs.BOM_UTF8.decode() + "Host web1\n  Port 99\n")
    with pytest.raises(BadInput, match=r"marked: line 1: .*byte order mark"):
        settings_of(config, "web1")
