"""A site's own templates on a real host: deployed beside the toolkit's, and attacked like them."""

from pathlib import Path

from tests.lab.messages import UNTOUCHED
from tests.lab.site import Site

EXTENDS = '{% extends "toolkit:httpd/_vhost.conf.j2" %}\n'
MOVED = """
    Redirect temp "/old" "/poms"
    <Location "/old">
        Require all granted
    </Location>
"""
GUEST = """
    <Location "/poms">
        Require all granted
        RequestHeader set X-Shib-Userid "guest"
    </Location>
"""


def folder(site: Site, path: Path, block: str, text: str) -> Path:
    """The inventory of a site whose template for both virtual hosts has this text in that block."""
    own = path / "templates/httpd"
    own.mkdir(parents=True, exist_ok=True)
    (own / "_vhost.conf.j2").write_text(f"{EXTENDS}{{% block {block} %}}\n{text}\n{{% endblock %}}\n")
    (path / "templates/home").mkdir(exist_ok=True)
    (path / "templates/home/site.txt.j2").write_text("of {{ host.name }}\n")
    return site.changed(path)


def test_templates_of_a_site_are_deployed_and_attacked(deployed: Site, tmp_path: Path) -> None:
    ours = folder(deployed, tmp_path, "before_app", MOVED)
    said = deployed.fab("deploy", "--yes", inventory=ours, check=True)
    assert "validated (identity-probe)" in said.out, said.all
    assert deployed.ask("https://HOST:8443/old", *deployed.certificate("jdoe"))[0] == 302
    assert deployed.root("cat /home/poms/site.txt") == "of pomsgpvm01\n"
    assert deployed.fab("-H", "pomsgpvm01", "drift", inventory=ours, check=True)
    theirs = folder(deployed, tmp_path, "behind_app", GUEST)
    refused = deployed.fab("deploy", "--yes", inventory=theirs)
    assert (refused.code, UNTOUCHED in refused.err) == (1, True), refused.all
    assert "GOT IN" in refused.err
    assert deployed.fab("deploy", "--yes", "--force", check=True)
    assert deployed.ask("https://HOST:8443/old", *deployed.certificate("jdoe"))[0] == 403
