"""The cases: which hosts, over which line; and the files that the sides need for them, `inputs/` filled in."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jinja2

from benchmarks.proxy import PORT
from benchmarks.thin import MODEL
from lab import Lab
from lab.certificates import CA_NAME, PEOPLE, SERVICE_NAME
from lab.host import Record, folder
from lab.place import HERE as LAB
from lab.ssh_keys import ensure_key
from ops.inventory.loader import read_inventory
from ops.rendering.renderer import render

PROJECT = Path(__file__).resolve().parent.parent
INPUTS = PROJECT / "benchmarks/inputs"


@dataclass(frozen=True)
class Target:
    """One host as the sides see it; behind the proxy its address is one of this machine's own."""

    name: str
    server_name: str
    address: str
    port: int


@dataclass(frozen=True)
class Case:
    """What fab is asked (`deploy` or `drift`) of which hosts, with a round trip of so many milliseconds."""

    verb: str
    records: Sequence[Record]
    round_trip: int

    @property
    def title(self) -> str:
        """One name a case."""
        return f"{self.verb}-{len(self.records)}-hosts-{self.round_trip}-ms"

    def targets(self) -> list[Target]:
        """All with the model's server name: the files of a thin host are the model's."""
        name = f"{MODEL}.poms.example"
        return [Target(record.name, name, *self._place(record)) for record in self.records]

    def _place(self, record: Record) -> tuple[str, int]:
        if self.round_trip == 0:
            return record.address, 22
        return f"127.18.0.{record.address.rpartition('.')[2]}", PORT


def lay_out(case: Case, lab: Lab, place: Path) -> None:
    """Write into the new folder `place` all that the sides read: inventories, keys, the files as fab renders them."""
    place.mkdir(parents=True)
    targets = case.targets()
    shutil.copy(lab.identity_file, place)
    known = [(t, ensure_key(folder(lab, t.name) / "files/etc/ssh/ssh_host_ed25519_key")) for t in targets]
    lines = [f"{t.address if t.port == 22 else f'[{t.address}]:{t.port}'} {key}\n" for t, key in known]
    (place / "known_hosts").write_text("".join(lines))
    (place / "names").write_text("".join(f"{target.name}\n" for target in targets))

    environment = jinja2.Environment(  # noqa: S701 - no HTML
        loader=jinja2.FileSystemLoader([LAB, INPUTS]),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    inventory = environment.get_template("hosts.toml.j2")
    text = inventory.render(hosts=targets, systemd=[], ca=CA_NAME, people=PEOPLE, service=SERVICE_NAME)
    (place / "hosts.toml").write_text(f"{text}\n[defaults]\nport = {targets[0].port}\n")

    files = render(read_inventory(place / "hosts.toml").choose(None, everywhere=True)[0])
    for file in files:
        path = place / f"files{file.path}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    for source in sorted(INPUTS.glob("*.j2")):
        text = environment.get_template(source.name).render(hosts=targets, files=files, folder=place)
        (place / source.stem).write_text(text)


@contextmanager
def line_to(case: Case) -> Iterator[None]:
    """While it is entered, the case's hosts can be reached as it says: through the proxy where it has a delay."""
    if case.round_trip == 0:
        yield
        return
    ends = zip(case.targets(), case.records, strict=True)
    pairs = [f"{target.address}={record.address}" for target, record in ends]
    command = [sys.executable, "-m", "benchmarks.proxy", str(case.round_trip), *pairs]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as proxy:
        try:
            assert proxy.stdout  # noqa: S101 - for mypy: it is a pipe
            if proxy.stdout.readline() != "ready\n":
                raise RuntimeError("the proxy did not start; what it said is above")
            yield
        finally:
            proxy.terminate()
