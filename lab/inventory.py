"""The lab's inventory, `hosts.toml`, and its file of known hosts."""

from collections.abc import Callable, Sequence

import jinja2

from lab.base.table import BASES
from lab.certificates import CA_NAME, PEOPLE, SERVICE_NAME
from lab.host import Record, folder
from lab.place import HERE, Lab
from lab.ssh_keys import ensure_key


def write_inventory(lab: Lab, records: Sequence[Record], say: Callable[[str], None]) -> None:
    """Write the inventory if the hosts have changed since the last time; otherwise edits in it stay.

    An edited inventory is backed up beside the new one, with a message.
    """
    environment = jinja2.Environment(  # noqa: S701 - no HTML
        loader=jinja2.FileSystemLoader(HERE),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    template = environment.get_template("hosts.toml.j2")
    systemd = [record.name for record in records if BASES[record.base].systemd]
    text = template.render(hosts=records, systemd=systemd, ca=CA_NAME, people=PEOPLE, service=SERVICE_NAME)
    written = lab.state / "hosts.toml.written"  # as it was before any edit
    if not lab.inventory.exists() or not written.exists() or written.read_text() != text:
        if lab.inventory.exists() and written.exists() and written.read_text() != lab.inventory.read_text():
            lab.inventory.replace(lab.inventory.with_suffix(".toml.edited"))
            say(f"The hosts have changed: {lab.inventory.name} is new, your old one is {lab.inventory.name}.edited.")
        lab.inventory.write_text(text)
        written.write_text(text)


def write_known_hosts(lab: Lab, records: Sequence[Record]) -> None:
    """Write one line for each host, with its address and both names."""
    lines = []
    for record in records:
        key = folder(lab, record.name) / "files/etc/ssh/ssh_host_ed25519_key"
        lines.append(f"{record.address},{record.name},{record.server_name} {ensure_key(key)}\n")
    lab.known_hosts.write_text("".join(lines))
