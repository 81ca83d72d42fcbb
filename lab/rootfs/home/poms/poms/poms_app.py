"""A small stand-in for POMS: says who the visitor is, as the headers that Apache set have it."""

import importlib
import os
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

IDENTITY = ("X-Shib-Userid", "X-Shib-Email", "X-Shib-Name-First", "X-Shib-Name-Last")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """`/poms` answers with the identity; `/poms/slow?seconds=N` does after N seconds."""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    if path.rstrip("/") == "/poms/slow":
        time.sleep(float(parse_qs(environ.get("QUERY_STRING", "")).get("seconds", ["1"])[0]))
    elif path.rstrip("/") != "/poms":
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [f"no such page: {path}\n".encode()]
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return ["".join(f"{name}: {value}\n" for name, value in _answer(environ)).encode()]


def _answer(environ: dict[str, Any]) -> Iterable[tuple[str, object]]:
    for name in IDENTITY:
        value = environ.get("HTTP_" + name.upper().replace("-", "_"))
        if value is not None:
            yield name, value.encode("latin-1", "replace").decode("utf-8", "replace")
    yield "remote-addr", environ.get("REMOTE_ADDR", "")
    yield "pid", os.getpid()
    yield "master", os.getppid()
    try:
        uwsgi = importlib.import_module("uwsgi")  # there only in a worker of it
    except ImportError:
        return
    yield "worker", uwsgi.worker_id()
    yield "workers", uwsgi.numproc
    yield "uwsgi", uwsgi.version.decode()
