"""`init`: the folder of a new site."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from ops.errors import BadInput, OperatorError
from ops.inventory.loader import read_inventory
from ops.inventory.location import INVENTORY
from ops.inventory.new_site import NewSite, files_of
from ops.paths import expand_home
from ops.ui import colours, console
from tasks._task import task

QUESTIONS = {  # the flag, what is asked, and what is offered
    "name": ("The first host's name, as operators type it", ""),
    "address": ("Its address", ""),
    "account": ("The account that runs the service", "poms"),
    "chdir": ("The folder of the app", "/home/{account}/{account}"),
    "module": ("The app's WSGI module", "poms_app:application"),
}


@task(
    word="folder",
    help={
        "folder": "The folder of the site; it must not have an inventory yet.",
        "name": "The name of the first host.",
        "address": "Its address; without it, its name.",
        "account": "The account that runs the service there.",
        "chdir": "The folder of the app on the host.",
        "module": "The WSGI module of the app, MODULE:CALLABLE.",
    },
)
def init(
    _context: Any,
    folder: str = "",
    name: str = "",
    address: str = "",
    account: str = "",
    chdir: str = "",
    module: str = "",
) -> None:
    """Write the folder of a new site: a commented hosts.toml, and a place for its own templates. Asks what it needs.

    Without a terminal, --name is required.
    """
    if not folder:
        raise BadInput("Which folder? fab init DIR. Nothing was written.")
    place = Path(expand_home(folder))
    if (place / INVENTORY).exists():
        raise BadInput(f"{place / INVENTORY} exists already. Nothing was written.")
    given = {"name": name, "address": address, "account": account, "chdir": chdir, "module": module}
    site = _asked(given)
    _write(place, files_of(site, str(place.resolve())))
    try:
        read_inventory(place / INVENTORY)
    except BadInput as error:
        raise BadInput(f"{error}\nCorrect it in {place / INVENTORY}, which was written.") from None
    console.say(f"{place}: the inventory, README.md and a folder for templates are written", colours.OK)
    console.say(f"Next: export POMS_INVENTORY={place.resolve()}; read {INVENTORY}; then")
    for command, what in (
        (f"fab trust {site.name}", "record the host's key"),
        (f"fab -H {site.name} doctor", "what the host needs and does not have"),
        (f"fab -H {site.name} diff", "what a deploy would change; fab adopt FILE keeps what is there"),
        (f"fab -H {site.name} deploy", "the first deploy"),
    ):
        console.say(f"    {command:<36}{what}")


def _asked(given: dict[str, str]) -> NewSite:
    """What was given, and asked for the rest on a terminal; the offered values without one."""
    found: dict[str, str] = {}
    for field in fields(NewSite):
        question, offered = QUESTIONS[field.name]
        offered = found["name"] if field.name == "address" else offered.format(**found)
        value = given[field.name]
        if not value and console.is_terminal():
            value = input(f"{question}{f' [{offered}]' if offered else ''}: ").strip()
        value = value or offered
        if not value:
            raise BadInput("The first host needs a name: --name=NAME. Nothing was written.")
        found[field.name] = value
    return NewSite(**found)


def _write(folder: Path, files: dict[str, str]) -> None:
    try:
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if not (folder / name).exists():
                (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise OperatorError(f"Cannot write {error.filename}: {error.strerror}.") from None
