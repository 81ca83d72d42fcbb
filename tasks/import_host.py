"""`import`: a host that was set up by hand, as the folder of a site."""

import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgspec

from ops.errors import BadInput, OperatorError, read_answer
from ops.importing.imported import Imported
from ops.importing.importing import Report, imported_from, prove, uwsgi_paths
from ops.importing.reading import read_host, request
from ops.importing.settings import Difference
from ops.importing.site_text import site_files
from ops.importing.unlisted_host import host_named
from ops.inventory.loader import read_inventory
from ops.inventory.location import INVENTORY, inventory_path
from ops.paths import expand_home
from ops.rendering.renderer import render
from ops.schema import Host, Ssh
from ops.ssh.session import Remote, connect
from ops.ui import colours, console
from tasks._task import NEEDS_ATTENTION, print_json, task


@task(
    name="import",
    positional=["host"],
    help={
        "host": "The host: one of the inventory, or ACCOUNT@NAME:PORT of any other.",
        "out": "Write the site into this folder, which must have no inventory yet. Without it nothing is written.",
        "json": "Print one JSON document: what is equal, changed and not imported, and the names of the files.",
    },
)
def import_host(context: Any, host: str, out: str = "", json: bool = False) -> int:
    """Read a host that was set up by hand, and write a site for it that is equal in effect.

    Lists what is equal, what is changed on purpose and why, and what is not imported and what to do. Nothing on the
    host changes. Exit code 2 if something is not imported.
    """
    one = host_named(host, inventory_path())
    place = Path(expand_home(out)).resolve() if out else None
    if place and (place / INVENTORY).exists():
        raise BadInput(f"{place / INVENTORY} exists already. Nothing was connected to, and nothing was written.")
    with connect(one, context.config) as remote, _folder(place) as folder:
        report, files = _imported(remote, Path(folder))
    if json:
        print_json(_facts(report) | {"files": files if out else []})
    else:
        _show(one, report)
        _show_next(one, place, files)
    return NEEDS_ATTENTION if report.not_imported else 0


def _folder(place: Path | None) -> Any:
    return nullcontext(place) if place else tempfile.TemporaryDirectory(prefix="poms-ops-")


def _imported(remote: Remote, folder: Path) -> tuple[Report, list[str]]:
    """Write the site, and compare what it renders with the host: the report, and the names of the files."""
    reading = read_host(remote)
    with read_answer(remote.host.name, "reading"):
        found = imported_from(reading)
    _keep_login(remote.host, found)
    files = site_files(remote.host.name, remote.host.address, found, str(folder))
    _write(folder, files)
    try:
        host = read_inventory(folder / INVENTORY).hosts[remote.host.name]
    except BadInput as error:
        listed = "\n".join(f"{one.what}: {one.advice}" for one in found.left_out)
        raise BadInput(
            f"{error}\nThe site cannot be rendered before that is corrected. Not imported:\n{listed}"
        ) from None
    rendered = render(host, values=False)
    by_path = {one.path: one for one in rendered}
    wanted = [by_path[path] for path in (host.supervisor.file, *uwsgi_paths(host))]
    read_back = remote.answer(request(remote.host, wanted)).messages
    with read_answer(remote.host.name, "reading"):
        return prove(reading, found, host, rendered, read_back), sorted(files)


def _keep_login(host: Host, found: Imported) -> None:
    """What the inventory says of the login to a host that is in one."""
    for key, value in msgspec.to_builtins(host.ssh).items():
        if value != getattr(Ssh(), key):
            is_file = key in ("known_hosts", "identity_file")
            found.put(str(Path(value).resolve()) if is_file else value, "ssh", key)
    if host.port:
        found.put(host.port, "port")


def _write(folder: Path, files: dict[str, str]) -> None:
    try:
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OperatorError(f"Cannot write {error.filename}: {error.strerror}. The host is unchanged.") from None


def _facts(report: Report) -> dict[str, object]:
    return {
        "equal": [{"of": one.of, "place": one.place, "name": one.written or one.name} for one in report.equal],
        "changed": [_difference(one) | {"reason": reason} for one, reason in report.changed],
        "not_imported": [{"of": one.of, "what": one.what, "advice": one.advice} for one in report.not_imported],
        "notes": report.notes,
    }


def _difference(one: Difference) -> dict[str, object]:
    there, ours = one.shown()
    return {"of": one.of, "place": one.place, "name": one.written or one.name, "host": there, "ours": ours}


def _show(host: Host, report: Report) -> None:
    counted: dict[tuple[str, str], int] = {}
    for one in report.equal:
        counted[one.of, one.place] = counted.get((one.of, one.place), 0) + 1
    console.say(f"{host.name}: equal in effect", "bold")
    for (of, place), number in counted.items():
        console.say(f"  {of}, {place}: {number} settings", colours.OK)
    console.say(f"{host.name}: changed on purpose", "bold")
    for reason in dict.fromkeys(reason for _, reason in report.changed):
        console.say(f"  {reason}")
        because = [each for each, why in report.changed if why == reason]
        for each in (each for each in because if each.first):
            there, ours = each.shown()
            console.say(f"    {each.describe()}: {there} -> {ours or '(not set)'}", colours.WARNING)
        if added := list(dict.fromkeys(each.written or each.name for each in because if not each.first)):
            console.say(f"    added: {', '.join(added)}")
    console.say(f"{host.name}: not imported", "bold")
    for left in report.not_imported:
        console.say(f"  {left.of}: {left.what}", colours.ERROR)
        console.say(f"    {left.advice}")
    for note in report.notes:
        console.say(f"{host.name}: {note}")


def _show_next(host: Host, place: Path | None, files: list[str]) -> None:
    if not place:
        console.say(f"Nothing was written. Next: fab import {host.name} --out=DIR writes the site.")
        return
    console.say(f"{place}: {', '.join(files)} are written", colours.OK)
    console.say(f"Next: export POMS_INVENTORY={place}; fab -H {host.name} doctor; fab -H {host.name} diff")
