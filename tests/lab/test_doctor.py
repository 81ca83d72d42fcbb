"""`doctor` on a real host, with each fault made on purpose."""

import json
from dataclasses import dataclass

import pytest

from tests.lab.bases import exhaustive
from tests.lab.site import Site

CONF_D = "/etc/httpd/conf.d"
MODULES = "/etc/httpd/conf.modules.d"

UNSHARE = "/usr/bin/unshare"
SUDOERS, CAS, SETUP = "/etc/sudoers.d/poms", "/etc/httpd/TrustedCAs", "/home/poms/products/setup"


@dataclass(frozen=True)
class Fault:
    """Shell text of root's that breaks something, its undoing, what is looked at, and words that doctor says."""

    breaks: str
    mends: str
    what: str
    words: str


def gone(path: str, what: str, words: str) -> Fault:
    return Fault(f"mv {path} {path}.away", f"mv {path}.away {path}", what, words)


FAULTS = {
    "sudo": gone(SUDOERS, "sudo", "NOPASSWD: "),
    "folder": Fault(
        f"chown -R root:root {CONF_D}; chmod 755 {CONF_D}",
        f"chown -R poms:poms {CONF_D}; chown root:poms {CONF_D}; chmod 2775 {CONF_D}",
        *("places", f"{CONF_D}/ssl.conf is not writable"),
    ),
    "module": Fault(
        f"sed -i 's/^LoadModule.*mod_proxy_uwsgi/#&/' {MODULES}/*.conf",
        f"sed -i 's/^#LoadModule/LoadModule/' {MODULES}/*.conf",
        *("modules", "proxy_uwsgi_module is not loaded"),
    ),
    "shibd": gone("/usr/sbin/shibd", "shibd", "root installs shibboleth 3"),
    "namespaces": Fault(
        "chmod 700 /usr/bin/unshare", "chmod 755 /usr/bin/unshare", "trial start", "max_user_namespaces"
    ),
    "CAs": Fault(f"mv {CAS}/*.0 /root/", f"mv /root/*.0 {CAS}/", "trusted CAs", "openssl rehash"),
    "products": gone(SETUP, "products", "UPS"),
    "Apache": gone("/usr/sbin/httpd", "Apache", "there is no /usr/sbin/httpd"),
}


RARE = ("shibd", "CAs", "products", "Apache")


def findings(site: Site) -> tuple[int, dict[str, list[dict[str, str]]]]:
    said = site.fab("-H", "pomsgpvm01", "doctor", "--json")
    found: dict[str, list[dict[str, str]]] = {}
    for one in json.loads(said.out)["pomsgpvm01"]:
        found.setdefault(one["what"], []).append(one)
    return said.code, found


def test_healthy_host_is_ready_to_deploy(deployed: Site) -> None:
    code, found = findings(deployed)
    wrong = [one for several in found.values() for one in several if one["level"] == "error"]
    assert (code, wrong) == (0, [])
    assert "start-at-boot" in found["boot"][0]["advice"]
    assert "ready to deploy" in deployed.fab("-H", "pomsgpvm01", "doctor").out


@pytest.mark.parametrize("fault", ["sudo", "module", *exhaustive("folder", "namespaces", *RARE)])
def test_doctor_names_each_fault_with_advice(deployed: Site, fault: str) -> None:
    made = FAULTS[fault]
    deployed.root(made.breaks)
    try:
        code, found = findings(deployed)
    finally:
        deployed.root(made.mends)
    bad = [one for one in found[made.what] if one["level"] != "ok"]
    assert any(made.words in f"{one['found']} {one['advice']}" for one in bad), found[made.what]
    assert code == 2
    assert all(one["level"] == "ok" for one in findings(deployed)[1][made.what])


@pytest.mark.exhaustive
def test_doctor_finds_boot_script_that_starts_supervisord(deployed: Site) -> None:
    """Units are in test_survival.py: here is no systemd that would start one."""
    script, unit = "/etc/rc.local", "/etc/systemd/system/poms.service"
    deployed.root(f"mkdir -p /etc/systemd/system; printf 'User=poms\\nExecStart=supervisord\\n' >{unit}")
    try:
        assert findings(deployed)[1]["boot"][0]["level"] == "warning"
        deployed.root(f"printf 'su - poms -c supervisord\\n' >{script}")
        assert findings(deployed)[1]["boot"][0]["found"] == f"{script} starts supervisord"
    finally:
        deployed.root(f"rm -f {unit} {script}")
