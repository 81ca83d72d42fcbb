"""Disposable real hosts on this machine, to try every task on: `up`, `down` and `status`."""

from lab.base.table import BASES
from lab.browser import by_hand
from lab.fleet import LabHost, LabReport, down, prepare, status, up
from lab.kdc import with_a_ticket
from lab.place import DEFAULT_HOSTS, Lab

__all__ = [
    "BASES",
    "DEFAULT_HOSTS",
    "Lab",
    "LabHost",
    "LabReport",
    "by_hand",
    "down",
    "prepare",
    "status",
    "up",
    "with_a_ticket",
]
