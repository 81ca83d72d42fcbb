"""`certs`, and what `status` tells of them, on a real host."""

import json
from pathlib import Path

from tests.lab.site import Site

CA = "/etc/httpd/TrustedCAs"


def test_every_kind_is_listed_and_status_warns_before_one_ends(deployed: Site, tmp_path: Path) -> None:
    said = deployed.fab("-H", "pomsgpvm01", "certs")
    assert said.code == 0, said.all
    for word in ("host certificate", "trusted CA", "service provider", "CN=Lab Kerberized CA", "364 days"):
        assert word in said.out, said.out
    assert deployed.fab("-H", "pomsgpvm01", "status").code == 0

    soon = deployed.fab("-H", "pomsgpvm01", "certs", "--days=400", "--json")
    assert soon.code == 2
    assert {one["kind"] for one in json.loads(soon.out)["pomsgpvm01"] if one["due"]} >= {"host", "ca", "sp"}
    early = deployed.changed(
        tmp_path, ("[defaults.ssh]", "[defaults.certificates]\nwarn_days = 400\n\n[defaults.ssh]")
    )
    status = deployed.fab("-H", "pomsgpvm01", "status", inventory=early)
    assert (status.code, "host certificate /etc/grid-security/hostcert.pem: 364 days" in status.out) == (2, True)


def test_what_cannot_be_read_needs_attention(deployed: Site) -> None:
    deployed.root(f"echo nonsense >{CA}/zz.pem")
    try:
        said = deployed.fab("-H", "pomsgpvm01", "certs")
    finally:
        deployed.root(f"rm {CA}/zz.pem")
    assert said.code == 2
    assert "is not a certificate" in said.out
    assert f"{CA}/zz.pem" in said.out
