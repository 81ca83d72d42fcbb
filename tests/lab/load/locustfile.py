"""Visitors with a client certificate, at a steady rate; run by locust (tests/lab/load/__init__.py)."""

import os
import re
import time
from pathlib import Path
from typing import Any

import urllib3
from locust import HttpUser, constant_throughput, task

urllib3.disable_warnings()  # the host is asked by its address; who it is, other tests ask
CERTIFICATE = os.environ["LOAD_CERTIFICATE"], os.environ["LOAD_KEY"]
NAME = os.environ["LOAD_NAME"]
PATH = os.environ["LOAD_PATH"]
VERSION = re.compile("^version: (.*)$", re.MULTILINE)
ANSWERS = Path(os.environ["LOAD_ANSWERS"]).open("a", encoding="utf-8")  # noqa: SIM115 - until locust ends


class _Visitor(HttpUser):  # type: ignore[misc] # locust is not typed
    abstract = True

    def on_start(self) -> None:
        """Show the certificate on every connection."""
        self.client.cert = CERTIFICATE
        self.client.verify = False
        self.client.headers["Host"] = NAME

    def get(self, path: str, name: str) -> Any:
        """Ask, and do not wait longer than a person would."""
        return self.client.get(path, name=name, timeout=60)


class Quick(_Visitor):
    """One of many who ask for a page, each so many times a second."""

    wait_time = constant_throughput(float(os.environ["LOAD_EACH"]))

    @task  # type: ignore[untyped-decorator] # locust is not typed
    def ask(self) -> None:
        """A page that is answered at once."""
        begun = time.time()
        found = VERSION.search(self.get(PATH, "quick").text)
        ANSWERS.write(f"{begun} {time.time()} {found[1] if found else '-'}\n")


class Patient(_Visitor):
    """One of a few who ask for what takes long, one after the other."""

    fixed_count = int(os.environ["LOAD_PATIENT"])

    @task  # type: ignore[untyped-decorator] # locust is not typed
    def ask(self) -> None:
        """A page that takes its time."""
        self.get(f"{PATH}/slow?seconds={os.environ['LOAD_SLOW']}", "slow")
