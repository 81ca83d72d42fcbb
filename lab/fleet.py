"""The lab as a whole: bring its hosts up, take them down, show what runs."""

import fcntl
import ipaddress
import os
import re
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from lab import browser, idp, kdc, machine, network, processes
from lab.base.build import base_exists, ensure_bases
from lab.base.table import BASES, DEFAULT, Base, base_named
from lab.certificates import ensure_certificates
from lab.furnishing import Names, Trusted, provision
from lab.host import Record, console_tail, end_unrecorded, folder, read_records, start, stop, wait_until, write_record
from lab.inventory import write_inventory, write_known_hosts
from lab.place import DEFAULT_HOSTS, HERE, KDC, PROVIDER, SERVICES, Lab
from lab.privilege import as_root
from lab.ssh_keys import ensure_key
from ops.errors import BadInput, OperatorError

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
BASE_VARIABLE = "POMS_LAB_BASE"  # the base of new hosts if the caller names none
Say = Callable[[str], None]


@dataclass(frozen=True)
class LabHost:
    """One host: `since` in seconds since the epoch, None if it does not run; `processes` counted by name."""

    name: str
    address: str
    base: str
    running: bool
    since: float | None
    processes: dict[str, int]


@dataclass(frozen=True)
class LabReport:
    """The result of `up`: names of hosts, and the path of the inventory."""

    started: list[str]
    already_running: list[str]
    inventory: Path


def up(
    hosts: Sequence[str] = DEFAULT_HOSTS, *, base: str | None = None, say: Say = print, lab: Lab | None = None
) -> LabReport:
    """Start these hosts, the identity provider and the KDC, with all they need; running ones are not touched.

    `base` is the base of new hosts (lab/base/table.py). Raises BadInput for an invalid name of a host, an unknown
    base, or a host that exists with another base; OperatorError if the machine cannot run the lab.
    """
    lab = lab or Lab()
    wanted, kind = _checked(hosts), base_named(base or os.environ.get(BASE_VARIABLE) or DEFAULT)
    _check_bases(lab, wanted, base)
    machine.check_system()
    if not machine.is_root():
        answer = as_root(lab, "up", [f"--base={kind.name}", *wanted], say)
        return LabReport(answer["started"], answer["already_running"], Path(answer["inventory"]))
    with _alone(lab, say):
        known = {record.name: record for record in read_records(lab)}
        needed = [BASES[known[name].base] if name in known else kind for name in wanted]
        needed += [BASES[record.base] for record in known.values() if record.name == KDC]
        roots = _ensure(lab, needed, say)
        end_unrecorded(lab)
        known = {record.name: record for record in read_records(lab)}
        running = [name for name in (*wanted, *SERVICES) if name in known and known[name].running]
        due = [name for name in (*wanted, *SERVICES) if name not in running]
        if due:
            say(f"Starting {', '.join(due)} on this machine, as root: namespaces, overlay mounts, a bridge.")
        lab.state.mkdir(parents=True, exist_ok=True)  # first, since `down` removes the lab only if this exists
        subnet = network.ensure_bridge(lab)
        started = [_start(lab, _placed(lab, name, subnet, kind), roots) for name in due]
        records = read_records(lab)
        hosts_alone = [record for record in records if record.name not in SERVICES]
        realm = next(record for record in records if record.name == KDC)
        kdc.write_krb5_conf(lab, realm)
        write_known_hosts(lab, hosts_alone)
        write_inventory(lab, hosts_alone, say)
        browser.write_script(lab, records)
        _hand_over(lab)
        for record in started:
            _wait_for_services(lab, record)
            say(f"{record.name} is up at {record.address}.")
        kdc.introduce(lab, realm, [record for record in hosts_alone if record.running])
        return LabReport(due, running, lab.inventory)


def prepare(bases: Sequence[str] = (DEFAULT,), *, say: Say = print, lab: Lab | None = None) -> None:
    """Install what a lab needs and make the root file systems, so that several labs can start in parallel."""
    lab = lab or Lab()
    kinds = [base_named(name) for name in bases]
    machine.check_system()
    if not machine.is_root():
        as_root(lab, "prepare", list(bases), say)
        return
    with _alone(lab, say):
        _ensure(lab, kinds, say)


def _ensure(lab: Lab, bases: Sequence[Base], say: Say) -> dict[str, Path]:
    """Install what the machine needs; the bases' root file systems by name."""
    machine.prepare(say, build=not all(base_exists(lab, base) for base in bases))
    return ensure_bases(lab, bases, say)


def down(*, say: Say = print, lab: Lab | None = None) -> list[str]:
    """End every host and remove the lab, except the shared root file systems. Returns the hosts' names."""
    lab = lab or Lab()
    machine.check_system()
    if not lab.state.exists() and not network.exists(lab):
        return []
    if not machine.is_root():
        return [str(name) for name in as_root(lab, "down", [], say)]
    with _alone(lab, say):
        records = read_records(lab)
        for record in records:
            stop(lab, record)
        end_unrecorded(lab)
        network.remove_network(lab)
        if lab.state.exists():
            shutil.rmtree(lab.state)
        return [record.name for record in records]


def status(*, say: Say = print, lab: Lab | None = None) -> list[LabHost]:
    """Every host of the lab and what runs in it; an empty list if there is no lab."""
    lab = lab or Lab()
    machine.check_system()
    if not lab.hosts.exists():
        return []
    if not machine.is_root():
        return [LabHost(**host) for host in as_root(lab, "status", [], say)]
    return [_look(record) for record in read_records(lab)]


def _look(record: Record) -> LabHost:
    if not record.running:
        return LabHost(record.name, record.address, record.base, False, None, {})
    names = processes.names_in_namespace_of(record.pid)
    return LabHost(record.name, record.address, record.base, True, processes.started_at(record.ticks), names)


def _checked(hosts: Sequence[str]) -> list[str]:
    bad = [name for name in hosts if not NAME.fullmatch(name)]
    for name in SERVICES:
        if name in hosts:
            raise BadInput(f"{name} is the name of a service that every lab has. Nothing was touched.")
    if bad or not hosts:
        wrong = ", ".join(map(repr, bad)) or "an empty list"
        raise BadInput(f"{wrong}: a lab host's name has lower case letters, digits, dashes. Nothing was touched.")
    return list(dict.fromkeys(hosts))


def _check_bases(lab: Lab, wanted: Sequence[str], base: str | None) -> None:
    """Raises BadInput for a host that exists with another base: it keeps the base that it was made with."""
    for record in read_records(lab):
        if base and record.name in wanted and record.base != base:
            raise BadInput(
                f"{record.name} is already a host of base {record.base}, not {base}: choose another name, or run "
                "fab lab.down first. Nothing was touched."
            )


def _placed(lab: Lab, name: str, subnet: ipaddress.IPv4Network, kind: Base) -> Record:
    """The host's record: the existing one, or a new one with the first free address (services have fixed ones)."""
    records = {record.name: record for record in read_records(lab)}
    if name in records and ipaddress.ip_address(records[name].address) in subnet:
        return records[name]
    taken = {record.address for record in records.values()}
    own = network.SERVICES.get(name)
    numbers = [own] if own else range(network.FIRST_HOST, network.LAST_HOST + 1)
    for number in numbers:
        if str(subnet[number]) not in taken:
            record = Record(name, str(subnet[number]), base=kind.name)
            write_record(lab, record)
            return record
    raise OperatorError(f"The lab's subnet {subnet} has no free address for {name}.")


def _start(lab: Lab, record: Record, roots: Mapping[str, Path]) -> Record:
    home, authority = folder(lab, record.name), ensure_certificates(lab.certificates)
    if record.name == PROVIDER:
        return idp.start(lab, record, authority)
    if record.name == KDC:
        return kdc.start(lab, record, roots[record.base])
    if not (home / "furnished").exists():
        names = Names(record.name, record.server_name, record.address)
        trusted = Trusted(authority, idp.signing_pair(lab), ensure_key(lab.identity_file))
        provision(home / "files", names, trusted, BASES[record.base].layers)
    idp.introduce(lab, record)
    return start(lab, record, roots[record.base])


def _wait_for_services(lab: Lab, record: Record) -> None:
    """Wait until SSH greets, Apache runs and shibd has its socket; for a service, until it listens."""
    run = processes.PROC / str(record.pid) / "root/run"
    ready = {
        "sshd": lambda: _answers(record.address, 22, b"SSH-"),
        "httpd": (run / "httpd/httpd.pid").exists,
        "shibd": (run / "shibboleth/shibd.sock").exists,
    }
    if record.name == PROVIDER:
        ready = {"the identity provider": lambda: _answers(record.address, 443)}
    if record.name == KDC:
        ready = {"krb5kdc": lambda: _answers(record.address, 88)}
    for service, condition in ready.items():
        if not wait_until(lambda c=condition: c() or not record.running, seconds=30) or not record.running:  # type: ignore[misc] # a loop's value, bound
            said = console_tail(lab, record.name)
            raise OperatorError(f"{service} of the lab host {record.name} does not start.\n{said}")


def _answers(address: str, port: int, greeting: bytes = b"") -> bool:
    try:
        with socket.create_connection((address, port), timeout=2) as connection:
            return not greeting or connection.recv(len(greeting)) == greeting
    except OSError:
        return False


def _hand_over(lab: Lab) -> None:
    """Give the operator's files to the owner of this checkout, since this process may run through sudo."""
    owner = HERE.stat()
    used = [lab.state, lab.identity_file, lab.known_hosts, lab.inventory, lab.certificates, lab.browser, lab.password]
    used += [lab.krb5_conf]
    for path in [*used, *lab.certificates.iterdir()]:
        os.chown(path, owner.st_uid, owner.st_gid)


@contextmanager
def _alone(lab: Lab, say: Say) -> Iterator[None]:
    """Lock the lab: one `up` or `down` at a time. The lock ends with the process."""
    lab.cache.mkdir(parents=True, exist_ok=True)
    lock = os.open(lab.cache / f"lab-{lab.tag}.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another command is changing this lab; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def as_json(value: object) -> object:
    """A report as JSON has it."""
    if value is None:
        return None
    if isinstance(value, LabReport):
        return asdict(value) | {"inventory": str(value.inventory)}
    if isinstance(value, list):
        return [asdict(item) if isinstance(item, LabHost) else item for item in value]
    raise TypeError(type(value))
