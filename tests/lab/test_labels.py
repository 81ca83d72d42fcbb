"""Labels of SELinux on files, as attributes that root sets: no kernel here gives any, and it keeps those there are.

A file that is made in a folder gets that folder's label on a host with SELinux, and none here. So a file that has
a label has brought it along, from the folder that it was moved or copied from.
"""

import os
from pathlib import Path

import pytest

from tests.lab.site import Site

ATTRIBUTE = "security.selinux"
CERT_SSL, SSL = "/etc/httpd/conf.d/cert_ssl.conf", "/etc/httpd/conf.d/ssl.conf"
CONF = "/home/poms/supervisord.conf"
STATE = "/home/poms/private/poms-ops"
CONFIG, HOME = b"system_u:object_r:httpd_config_t:s0\0", b"unconfined_u:object_r:user_home_t:s0\0"
DEPTH = "[defaults.apache]\n", "[defaults.apache]\nverify_depth = 5\n"
PROGRAM = "[defaults.programs.poms_webservice]"
BROKEN = PROGRAM, f'[defaults.programs.broken]\ncommand = "/no/such/command"\nstartretries = 0\n\n{PROGRAM}'


def seen(site: Site, path: str) -> Path:
    """The host's file, past the links of this machine."""
    return Path(f"/proc/{site.record().pid}/root{path}")


def label(site: Site, path: str) -> bytes:
    """Empty for none."""
    place = seen(site, path)
    return os.getxattr(place, ATTRIBUTE) if ATTRIBUTE in os.listxattr(place) else b""


def provision(site: Site) -> None:
    """The labels that EL gives: Apache's folder, and all that is kept in the home."""
    for path in (SSL, CERT_SSL):
        os.setxattr(seen(site, path), ATTRIBUTE, CONFIG)
    os.setxattr(seen(site, CONF), ATTRIBUTE, HOME)
    for path in site.root(f"find {STATE} -type f").split():
        os.setxattr(seen(site, path), ATTRIBUTE, HOME)


def test_deploy_labels_no_new_file_and_preserves_other_labels(deployed: Site, tmp_path: Path) -> None:
    provision(deployed)
    deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, DEPTH), check=True)
    assert (label(deployed, CERT_SSL), label(deployed, SSL)) == (b"", CONFIG)
    provision(deployed)  # what a rollback gives back lies in the home
    deployed.fab("rollback", "--yes", check=True)
    assert (label(deployed, CERT_SSL), label(deployed, SSL)) == (b"", CONFIG)
    kept = deployed.root(f"ls {STATE}/current/old.*").split()
    assert [label(deployed, path) for path in kept] == [b""] * len(kept), "nor does what is kept bring Apache's"


@pytest.mark.exhaustive
def test_rolled_back_files_have_their_original_labels(deployed: Site, tmp_path: Path) -> None:
    provision(deployed)
    said = deployed.fab("deploy", "--yes", inventory=deployed.changed(tmp_path, DEPTH, BROKEN))
    assert said.code == 1, said.all
    assert "ended rolled-back failed" in deployed.root(f"cat {STATE}/releases/*/meta")
    assert "verify_depth" not in deployed.read(CERT_SSL)
    assert [label(deployed, path) for path in (CERT_SSL, SSL, CONF)] == [CONFIG, CONFIG, HOME]


@pytest.mark.exhaustive
def test_edited_file_keeps_label_until_forced_deploy_replaces_it(deployed: Site) -> None:
    provision(deployed)
    deployed.root(f"echo '# by hand' >>{CERT_SSL}")
    assert deployed.fab("deploy", "--yes").code == 1
    assert label(deployed, CERT_SSL) == CONFIG
    deployed.fab("deploy", "--yes", "--force", check=True)
    assert label(deployed, CERT_SSL) == b""
    kept = deployed.root(f"ls {STATE}/current/old.*").split()
    assert [label(deployed, path) for path in kept] == [b""] * len(kept)
