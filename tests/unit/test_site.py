"""A site's own layer: its folder with an inventory and templates, which replace or extend the toolkit's."""

import subprocess
import sys
from pathlib import Path

import pytest

from ops.errors import BadInput
from ops.importing.adopt import advise
from ops.inventory.loader import read_inventory
from ops.inventory.location import inventory_path
from ops.inventory.new_site import NewSite, files_of
from ops.project import PROJECT
from ops.rendering.renderer import not_rendered, render
from ops.rendering.template_tree import TemplateTree, tree_of
from ops.schema import Host
from tests.unit.hosts import parsed_here

VHOST, CERT = "httpd/_vhost.conf.j2", "/etc/httpd/conf.d/cert_ssl.conf"
EXTENDS = '{% extends "toolkit:httpd/_vhost.conf.j2" %}\n'
EXTENDED = EXTENDS + "{% block before_app %}\n    # ours {{ host.name }}\n{% endblock %}\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The folder of a new site."""
    made = files_of(NewSite("web1", "web1.example.org", "dune", "/srv/app", "dune:app"), str(tmp_path))
    for name, text in made.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def put(site: Path, name: str, text: str) -> None:
    """Write a template of the site."""
    path = site / "templates" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def host(site: Path) -> Host:
    """Its host."""
    return read_inventory(site / "hosts.toml").hosts["web1"]


def rendered(site: Path) -> dict[str, str]:
    """Path to content."""
    return {file.path: file.content.decode() for file in render(host(site))}


def fab(site: Path, *words: str, code: int = 0) -> str:
    """Run fab for the site, without a terminal; both streams."""
    done = subprocess.run(
        [Path(sys.executable).with_name("fab"), *words],
        cwd=PROJECT,
        env={"PATH": "/usr/bin:/bin", "POMS_INVENTORY": str(site), "HOME": str(site)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


# ---- templates -------------------------------------------------------------------------------------------------


def test_template_of_the_site_extends_the_toolkits_for_all_that_use_it(site: Path) -> None:
    before = {file.path: file.content.decode() for file in render(host(site), TemplateTree())}
    put(site, VHOST, EXTENDED)
    after = rendered(site)
    for path in (CERT, "/etc/httpd/conf.d/ssl.conf"):
        assert after[path].replace("    # ours web1\n", "", 1) == before[path]
        assert after[path] != before[path]


def test_template_of_the_site_replaces_the_toolkits(site: Path) -> None:
    put(site, "httpd/conf.d/cert_ssl.conf.j2", "# {{ host.account }}\n")
    assert rendered(site)[CERT] == "# dune\n"


def test_template_of_the_site_adds_a_file(site: Path) -> None:
    put(site, "home/private/config/poms/agents.ini.j2", "[agents]\n")
    assert rendered(site)["/home/dune/private/config/poms/agents.ini"] == "[agents]\n"


def test_maintenance_page_of_the_site(site: Path) -> None:
    from ops.rendering.maintenance_page import Notice, render_page

    put(site, "_maintenance/page.txt.j2", "ours: {{ message }}\n")
    assert render_page(host(site), Notice("x", "now"))[1] == "ours: x\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{% extends "httpd/_vhost.conf.j2" %}', "toolkit:httpd/_vhost.conf.j2"),
        ('{% extends "toolkit:httpd/none.j2" %}', "none.j2"),
        ('{% extends "toolkit:httpd/_vhost.conf.j2" %}\n{% block before_app %}{{ nosuch }}{% endblock %}', "line 2"),
        ('{% extends "toolkit:httpd/_vhost.conf.j2" %}\nlost', "line 2"),
    ],
)
def test_error_names_the_file_of_the_site(site: Path, text: str, said: str) -> None:
    put(site, VHOST, text)
    with pytest.raises(BadInput) as error:
        rendered(site)
    assert said in str(error.value)
    if "none" not in said:
        assert f"{site}/templates/{VHOST}" in str(error.value)


def test_file_that_is_not_deployed_is_named_with_its_folder(site: Path) -> None:
    put(site, "home/x.ini", "")
    assert dict(not_rendered(tree_of(host(site)))) == {f"{site}/templates/home/x.ini": "its name does not end in .j2"}


def test_explain_names_the_templates_of_each_file(site: Path) -> None:
    put(site, VHOST, EXTENDED)
    said = fab(site, "render", "--explain").splitlines()
    at = said.index(f"web1:{CERT}")
    parts = [f"  templates/httpd/{name}.conf.j2" for name in ("_certificate", "_location")]
    whole = ["  templates/httpd/conf.d/cert_ssl.conf.j2", f"  {site}/templates/{VHOST}", f"  templates/{VHOST}"]
    named = said[at + 1 : at + 6]
    assert named[0] == whole[0]
    assert sorted(named) == sorted([*whole, *parts])
    assert "cannot" not in fab(site, "render", "--explain", "--out=x", code=3)


def test_adopt_changes_only_templates_of_the_site(site: Path) -> None:
    put(site, VHOST, EXTENDED)
    (made,) = [file for file in render(host(site)) if file.path == CERT]
    text = made.content.decode()
    ours = advise(host(site), made, text.replace("# ours web1", "# theirs web1"), parsed_here)
    assert list(ours.templates) == [VHOST]
    toolkits = advise(
        host(site), made, text.replace("SSLHonorCipherOrder off", "SSLHonorCipherOrder on"), parsed_here
    )
    assert (toolkits.templates, len(toolkits.unsolved)) == ({}, 1)
    assert toolkits.unsolved[0].where.startswith(f"templates/{VHOST}, line ")


def test_templates_is_no_key_of_the_inventory(site: Path) -> None:
    path = site / "hosts.toml"
    path.write_text(path.read_text() + 'templates = "/x"\n')
    with pytest.raises(BadInput, match="beside its inventory"):
        host(site)


# ---- where the inventory is ------------------------------------------------------------------------------------


def test_inventory_is_found_in_a_folder(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POMS_INVENTORY", str(site))
    assert inventory_path() == site / "hosts.toml"
    monkeypatch.setenv("POMS_INVENTORY", str(site / "other.toml"))
    assert inventory_path() == site / "other.toml"


def test_folder_site_beside_the_toolkit_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POMS_INVENTORY", raising=False)
    monkeypatch.setattr("ops.inventory.location.PROJECT", tmp_path)
    assert inventory_path() == tmp_path / "hosts.toml"
    (tmp_path / "site").mkdir()
    (tmp_path / "site/hosts.toml").touch()
    assert inventory_path() == tmp_path / "site/hosts.toml"


# ---- a new site ------------------------------------------------------------------------------------------------


def test_new_site_has_what_was_given(site: Path) -> None:
    made = host(site)
    assert (made.address, made.account, made.home) == ("web1.example.org", "dune", "/home/dune")
    assert (made.uwsgi.options["chdir"], made.uwsgi.options["module"]) == ("/srv/app", "dune:app")
    assert "/home/poms" not in (site / "hosts.toml").read_text()
    assert read_inventory(site / "hosts.toml").fleet.default == "web1"


def test_init_writes_a_site_that_renders(tmp_path: Path) -> None:
    folder = tmp_path / "ours"
    said = fab(tmp_path, "init", str(folder), "--name=web1")
    assert str(folder) in said
    assert f"{folder}/templates" not in fab(folder, "render", "--explain")
    assert "exists already" in fab(tmp_path, "init", str(folder), "--name=web2", code=3)
    assert "--name" in fab(tmp_path, "init", str(tmp_path / "other"), code=3)
    assert not (tmp_path / "other").exists()


def test_init_says_where_a_wrong_value_is(tmp_path: Path) -> None:
    said = fab(tmp_path, "init", str(tmp_path / "ours"), "--name=web1", "--account=Bad Name", code=3)
    assert "account" in said
    assert str(tmp_path / "ours/hosts.toml") in said
