"""The scripts for hosts, as texts that are joined."""

import re
from collections import Counter

import pytest

from ops.scripts import names, script

IN_A_SHELL_OF_ITS_OWN = {"start_time"}  # standby_run.sh holds the text of another shell, which has one, too


@pytest.mark.parametrize("name", names())
def test_script_defines_each_shell_function_once(name: str) -> None:
    """The later one would take the place of the other, which shows nowhere."""
    counted = Counter(re.findall(r"^(\w+)\(\)", script(name), re.MULTILINE))
    assert {function for function, count in counted.items() if count > 1} <= IN_A_SHELL_OF_ITS_OWN
