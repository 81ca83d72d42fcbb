"""The table of values to deploy (tests/every_value.py) has all that the schema allows, and no more."""

import tomllib
from pathlib import Path
from types import SimpleNamespace

import jinja2
import pytest

from lab.certificates import CA_NAME, PEOPLE, SERVICE_NAME
from lab.place import HERE
from ops.inventory.loader import read_inventory
from tests.every_value import LAB_HOST, NOT_DEPLOYED, Table, inventory, is_deployed, required, rows, toml


@pytest.fixture(scope="module")
def lab() -> Table:
    """The lab's own inventory, of a host that is not there."""
    text = jinja2.Environment(trim_blocks=True, autoescape=False).from_string((HERE / "hosts.toml.j2").read_text())
    host = SimpleNamespace(name=LAB_HOST, address="198.19.0.1", server_name=f"{LAB_HOST}.poms.example")
    return tomllib.loads(text.render(hosts=[host], ca=CA_NAME, people=PEOPLE, service=SERVICE_NAME))


@pytest.mark.parametrize("name", rows())
def test_every_table_row_is_valid_inventory(lab: Table, tmp_path: Path, name: str) -> None:
    path = tmp_path / "hosts.toml"
    path.write_text(toml(inventory(lab, rows()[name])))
    assert len(read_inventory(path).hosts) == 1


def test_value_table_covers_or_excuses_every_schema_value(lab: Table) -> None:
    deployed = [inventory(lab, row) for row in rows().values()]
    excused = {(key, str(value)) for key, value in NOT_DEPLOYED}
    missing = [
        (key, value)
        for key, value in required()
        if not is_deployed(key, value, deployed) and (key, str(value)) not in excused
    ]
    assert not missing


def test_excused_values_are_required_and_not_deployed(lab: Table) -> None:
    deployed = [inventory(lab, row) for row in rows().values()]
    asked = {(key, str(value)) for key, value in required() if not is_deployed(key, value, deployed)}
    assert {(key, str(value)) for key, value in NOT_DEPLOYED} == asked
