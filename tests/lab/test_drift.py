"""`drift` and `adopt` on a real host."""

import json
from pathlib import Path

from tests.lab.site import Site

CERT_SSL, INI = "/etc/httpd/conf.d/cert_ssl.conf", "/home/poms/private/config/poms/uwsgi-service.ini"


def test_a_hand_edit_and_a_template_change_are_told_apart(deployed: Site, tmp_path: Path) -> None:
    assert deployed.fab("-H", "pomsgpvm01", "drift").code == 0
    deployed.root(f"echo '# by hand' >> {CERT_SSL}; touch /etc/httpd/conf.d/zz_other.conf")
    inventory = deployed.changed(tmp_path, ("threads = 10", "threads = 11"))
    said = deployed.fab("-H", "pomsgpvm01", "drift", "--json", inventory=inventory)
    found = json.loads(said.out)["pomsgpvm01"]
    assert said.code == 2
    assert found["files"][CERT_SSL] == "edited on the host"
    assert found["files"][INI] == "the template or the inventory changed"
    assert "/etc/httpd/conf.d/zz_other.conf" in found["unmanaged"]
    shown = deployed.fab("-H", "pomsgpvm01", "drift").out
    assert "nobody manages it" in shown
    adopted = deployed.fab("-H", "pomsgpvm01", "adopt", CERT_SSL)
    assert "templates/httpd/conf.d/cert_ssl.conf.j2" in adopted.out
    assert "+# by hand" in adopted.out.replace("  +", "+")
    assert deployed.fab("-H", "pomsgpvm01", "adopt", "/etc/cert_ssl.conf").code == 3
    deployed.root("rm /etc/httpd/conf.d/zz_other.conf")
