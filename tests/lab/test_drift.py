"""`drift` and `adopt` on a real host."""

import json
import subprocess
from pathlib import Path
from typing import Any

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
    assert "unmanaged" in shown
    deployed.root("rm /etc/httpd/conf.d/zz_other.conf")


def test_a_hand_edit_is_adopted_and_then_nothing_differs(deployed: Site, tmp_path: Path) -> None:
    """What adopt says is done, and the next deploy finds the file as it is there, a change of one's own included."""
    assert "nothing to adopt" in deployed.fab("-H", "pomsgpvm01", "adopt", INI).out
    assert deployed.fab("-H", "pomsgpvm01", "adopt", "/etc/cert_ssl.conf").code == 3
    inventory = deployed.changed(tmp_path, ("threads = 10", "threads = 12"), ("workers = 6", "workers = 5"))
    assert "not edited on the host" in deployed.fab("-H", "pomsgpvm01", "adopt", INI, inventory=inventory).out

    deployed.root(f"sed -i 's/^threads = 10/threads = 12/' {INI}; echo '# by hand' >> {CERT_SSL}")
    said = deployed.fab("-H", "pomsgpvm01", "adopt", INI)
    assert said.code == 0, said.all
    assert "  [hosts.pomsgpvm01.uwsgi]\n  threads = 12    # now 10, of [defaults.uwsgi], for all hosts\n" in said.out

    checkout = deployed.checkout(tmp_path, {})
    in_mine: dict[str, Any] = {"inventory": inventory, "project": checkout}
    told = json.loads(deployed.fab("-H", "pomsgpvm01", "adopt", CERT_SSL, "--json", **in_mine).out)["pomsgpvm01"]
    assert (told["values"], told["untold"], "/etc/httpd/conf.d/ssl.conf" in told["also"]) == ([], [], True)
    subprocess.run(["git", "apply"], input=told["patch"], text=True, check=True, cwd=checkout)
    changes = deployed.fab("-H", "pomsgpvm01", "diff", **in_mine)
    assert "cert_ssl.conf" not in changes.out
    assert "-workers = 6" in changes.out
    assert "threads = 12" not in changes.out.replace("   threads = 12", "")

    deployed.root(f"sed -i 's/^cheaper = 2/cheaper = 3/; s/^workers = 6/workers = 7/' {INI}")
    said = deployed.fab("-H", "pomsgpvm01", "adopt", INI, **in_mine)
    assert said.code == 2, said.all
    assert "cheaper = 3    # now 2" in said.out
    assert "has changed the same lines" in said.out
    assert "  -workers = 6\n" in said.out


def test_a_hand_edit_of_supervisords_file_is_read_by_supervisor_there(deployed: Site) -> None:
    conf = "/home/poms/supervisord.conf"
    deployed.root(f"sed -i 's/^minfds=1024$/minfds=2048/; s/^loglevel=info/loglevel = info/' {conf}")
    said = deployed.fab("-H", "pomsgpvm01", "adopt", conf, "--json")
    assert said.code == 0, said.all
    told = json.loads(said.out)["pomsgpvm01"]
    assert [one["line"] for one in told["values"]] == ["minfds = 2048"]
    assert (told["untold"], [one["new"] for one in told["text_only"]]) == ([], ["loglevel = info\n"])
