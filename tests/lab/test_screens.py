"""Several real hosts: what they have in common is shown once, and one answer does for all."""

import json
import os
from pathlib import Path
from typing import Any

import pexpect

from ops.project import PROJECT
from tests.lab.site import FAB, Site

INI = "/home/poms/private/config/poms/uwsgi-service.ini"
HOSTS = ("pomsgpvm01", "fermicloud045")


def test_one_answer_does_for_all_hosts_that_change_the_same(site: Site, tmp_path: Path) -> None:
    both = ",".join(HOSTS)
    site.fab("-H", both, "deploy", "--yes", "--force", "--parallel=2", check=True)
    inventory = site.changed(tmp_path, ("threads = 10", "threads = 11"))
    shown = site.fab("-H", both, "diff", inventory=inventory)
    assert [line for line in shown.out.splitlines() if INI in line] == [f"{', '.join(HOSTS)}: {INI}  (update)"]
    assert shown.out.count("+threads = 11") == 1

    environment = dict(os.environ) | site.environment(inventory) | {"TERM": "xterm", "COLUMNS": "120"}
    given: dict[str, Any] = {"cwd": str(PROJECT), "env": environment, "encoding": "utf-8", "timeout": 60}
    terminal = pexpect.spawn(str(FAB), ["-H", both, "deploy"], **given)
    terminal.expect(rf"\+1 -1 +{INI}")
    terminal.expect(rf"Do this to {HOSTS[0]}\?.*{HOSTS[1]}.*\[y/N/a\] ")
    terminal.sendline("a")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0, terminal.before
    assert "Do this to" not in terminal.before
    for host in HOSTS:
        assert "threads = 11" in site.read(INI, host)

    status = json.loads(site.fab("status", "--json", inventory=inventory).out)
    assert {status[host]["supervisord"] for host in HOSTS} == {"up"}
