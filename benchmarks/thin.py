"""Thin hosts: copies of a deployed lab host in which nothing but sshd runs, so that hundreds fit one machine.

`python -m benchmarks.thin STATE COUNT` is the part that needs root.
"""

import os
import shutil
import socket
import subprocess
import sys
from ipaddress import IPv4Address
from pathlib import Path

from lab import Lab
from lab.base.build import ensure_base
from lab.base.table import BASES, DEFAULT
from lab.host import Record, folder, read_records, start, wait_until, write_record
from lab.network import FIRST_HOST, LAST_HOST
from lab.ssh_keys import ensure_key

PROJECT = Path(__file__).resolve().parent.parent
MODEL = "pomsgpvm01"
AT_MOST = LAST_HOST - FIRST_HOST
INIT = """#!/bin/sh
install -d -m 0755 /run/sshd
/usr/sbin/sshd -E /var/log/secure
exec sleep infinity
"""


def grow(lab: Lab, count: int) -> list[Record]:
    """Have `count` thin hosts beside the model, which must be up and deployed; `lab.down` ends them with the others.

    Goes on through sudo where the caller is not root. Raises CalledProcessError where that fails.
    """
    if os.geteuid() == 0:
        _grow(lab, count)
    else:
        again = [sys.executable, "-m", "benchmarks.thin", str(lab.state), str(count)]
        subprocess.run(["sudo", *again], cwd=PROJECT, check=True)
    return [record for record in read_records(lab) if record.name.startswith("thin")][:count]


def _grow(lab: Lab, count: int) -> None:
    base = ensure_base(lab, BASES[DEFAULT], print)
    model = next(record for record in read_records(lab) if record.name == MODEL)
    thin = [Record(f"thin{n:03}", str(IPv4Address(model.address) + n)) for n in range(1, count + 1)]
    for record in thin:
        write_record(lab, record)
        _copy(folder(lab, MODEL), folder(lab, record.name))
        start(lab, record, base)
    for record in thin:
        if not wait_until(lambda r=record: _greets(r.address), seconds=30):  # type: ignore[misc] # a loop's value, bound
            sys.exit(f"sshd of {record.name} does not answer at {record.address}.")


def _copy(model: Path, target: Path) -> None:
    """The model's files as they are, owners and all, with a host key and an init of the host's own."""
    for part in ("upper", "home"):
        # Not shutil: it takes sockets for files.
        subprocess.run(["cp", "-a", model / part, target / part], check=True)
    upper = target / "upper"
    ensure_key(target / "files/etc/ssh/ssh_host_ed25519_key")
    shutil.copytree(target / "files", upper, dirs_exist_ok=True)
    (upper / "etc/hostname").write_text(target.name + "\n")
    init = upper / "usr/libexec/lab/init"
    init.write_text(INIT)
    init.chmod(0o755)
    (target / "furnished").touch()


def _greets(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=2) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


if __name__ == "__main__":
    _grow(Lab(state=Path(sys.argv[1])), int(sys.argv[2]))
