"""The lab's identity provider: its users, its files and its start."""

import json
import os
import secrets
import shutil
import sys
from pathlib import Path

import jinja2

from lab import network
from lab.certificates import DOMAIN, Pair, issue, kept_pair, self_signed
from lab.files import put
from lab.host import Record, folder, launch
from lab.place import PROVIDER, Lab

HERE = Path(__file__).resolve().parent
NAMESPACES = ("--net", "--pid", "--fork")
SERVER_NAME = f"{PROVIDER}.poms.example"
ADDRESSES = {
    "entity": f"https://{SERVER_NAME}/idp",
    "sso": f"https://{SERVER_NAME}/sso",
}  # as every host's shibd has them

# The users and their attributes. jdoe also has the lab's client certificate; nora has no user id, so a service must
# refuse her.
PEOPLE = {
    "jdoe": {"uid": "jdoe", "givenName": "Jane", "sn": "Doe", "mail": "jdoe@poms.example"},
    "zoe": {"uid": "zoe", "givenName": "Zoë", "sn": "Müller-Lüdenscheid", "mail": "zoe@poms.example"},
    "nora": {"givenName": "Nora", "sn": "Nobody", "mail": "nora@poms.example"},
}


def signing_pair(lab: Lab) -> Pair:
    """The pair that it signs with and that all hosts of the lab know; it is made if there is none yet."""
    home = folder(lab, PROVIDER)
    return kept_pair(home / "signing.pem", home / "signing.key", lambda: self_signed(SERVER_NAME))


def introduce(lab: Lab, host: Record) -> None:
    """Register this host as a service, so that the provider sends visitors there."""
    values = {"server_name": host.server_name}
    text = jinja2.Template((HERE / "service.xml.j2").read_text()).render(values)
    put(folder(lab, PROVIDER) / f"services/{host.name}.xml", text.encode())


def start(lab: Lab, record: Record, authority: Pair) -> Record:
    """Start it and record it; returns before it answers. It runs as the owner of this checkout, not as root."""
    home, owner = folder(lab, PROVIDER), HERE.stat()
    signing_pair(lab)
    certificate = (f"CN={SERVER_NAME},OU=Hosts,{DOMAIN}", [SERVER_NAME])
    kept_pair(home / "tls.pem", home / "tls.key", lambda: issue(authority, *certificate))
    settings = ADDRESSES | {"address": record.address, "people": PEOPLE, "password": password(lab)}
    put(home / "settings.json", json.dumps(settings, indent=1).encode(), 0o600)
    shutil.rmtree(home / "tmp", ignore_errors=True)
    (home / "tmp").mkdir(0o700)
    for name in ("signing.key", "tls.key", "settings.json", "tmp"):
        os.chown(home / name, owner.st_uid, owner.st_gid)
    place = f"{record.address}/{network.PREFIX}"
    account = (owner.st_uid, owner.st_gid)
    return launch(lab, record, NAMESPACES, ("sh", HERE / "boot.sh", home, place, *account, sys.executable))


def password(lab: Lab) -> str:
    """The password of all users; it is made if there is none yet."""
    if not lab.password.exists():
        put(lab.password, f"{secrets.token_hex(4)}\n".encode(), 0o600)
    return lab.password.read_text().strip()
