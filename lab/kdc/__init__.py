"""The lab's Kerberos realm: its KDC, a keytab for each host, and the operator's krb5.conf."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import jinja2

from lab import idp, processes
from lab.files import put
from lab.host import Record, console_tail, folder, wait_until
from lab.host import start as start_host
from lab.place import KDC, Lab
from ops.errors import OperatorError

HERE = Path(__file__).resolve().parent
REALM = "POMS.EXAMPLE"
PEOPLE = ("jdoe", "zoe")  # only jdoe is in the hosts' ~poms/.k5login
KEYTAB = "etc/krb5.keytab"


def start(lab: Lab, record: Record, base: Path) -> Record:
    """Start the KDC and record it; returns before it answers. Its database stays with its files."""
    home = folder(lab, KDC)
    if not (home / "furnished").exists():
        shutil.rmtree(home / "files", ignore_errors=True)
        shutil.copytree(HERE / "rootfs", home / "files")
    return start_host(lab, record, base)


def introduce(lab: Lab, kdc: Record, hosts: Sequence[Record]) -> None:
    """Give each host a keytab and each person a principal, if they have none yet. All hosts must be up.

    Raises OperatorError.
    """
    new = [host for host in hosts if not _root(lab, host, KEYTAB).exists()]
    if not new:
        return
    if not wait_until(_root(lab, kdc, "run/krb5kdc.pid").exists, seconds=30):
        raise OperatorError(f"The KDC of the lab does not start.\n{console_tail(lab, KDC)}")
    told = [f"addprinc -pw {idp.password(lab)} {name}" for name in PEOPLE]
    for host in new:
        principal = f"host/{host.server_name}"
        told += [f"addprinc -randkey {principal}", f"ktadd -norandkey -k /root/{host.name}.keytab {principal}"]
    said = kadmin(kdc, *told)
    for host in new:
        made = _root(lab, kdc, f"root/{host.name}.keytab")
        if not made.exists():
            raise OperatorError(f"The KDC of the lab made no keytab for {host.name}.\n{said}")
        put(_root(lab, host, KEYTAB), made.read_bytes(), 0o600)
        made.unlink()


def kadmin(kdc: Record, *told: str) -> str:
    """Run kadmin.local at the KDC with these lines on its stdin; its output."""
    enter = ("nsenter", "-t", str(kdc.pid), "-m", "-u", "-i", "-n", "-p", "-r", "-w")
    done = subprocess.run(
        [*enter, "/usr/sbin/kadmin.local"],
        input="".join(f"{line}\n" for line in told),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        text=True,
        check=False,
    )
    return done.stdout


def write_krb5_conf(lab: Lab, kdc: Record) -> None:
    """Write the file for `KRB5_CONFIG` on this machine."""
    text = jinja2.Template((HERE / "krb5.conf.j2").read_text(), keep_trailing_newline=True)
    put(lab.krb5_conf, text.render(realm=REALM, address=kdc.address).encode())


def with_a_ticket(lab: Lab) -> list[str]:
    """The instructions for a login with a ticket."""
    return [f"With Kerberos: export KRB5_CONFIG={lab.krb5_conf}; kinit {PEOPLE[0]}, with the same password."]


def _root(lab: Lab, record: Record, path: str) -> Path:
    """The path on this machine of a file of a running host. Raises OperatorError if the host does not boot."""
    root = processes.PROC / str(record.pid) / "root"
    if not wait_until(lambda: root.exists() and not root.samefile("/"), seconds=30):  # first it is the machine's root
        raise OperatorError(f"The lab host {record.name} does not start.\n{console_tail(lab, record.name)}")
    return root / path
