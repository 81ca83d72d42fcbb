"""A small stand-in for POMS: shows the visitor's identity from the headers that Apache sets."""

import importlib
import mmap
import os
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

import poms_faults
from poms_version import FAULT, VERSION

# The headers that POMS trusts for the visitor's identity and address.
IDENTITY = ("X-Shib-Userid", "X-Shib-Email", "X-Shib-Name-First", "X-Shib-Name-Last")
ALSO_BELIEVED = (
    *("X-Forwarded-For", "X-Scitoken-Sub", "X-Scitoken-Scope", "X-Scitoken-Iss", "Remote-Addr", "X-Poms-Agent"),
    # Frameworks build links and redirects from these.
    *("X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Server", "X-Original-URL", "X-Rewrite-URL"),
)
PATH = os.environ.get("LAB_APP_PATH", "/poms")
leaked: list[mmap.mmap] = []
poms_faults.begin(FAULT)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """`/poms` answers with the identity. `/poms/slow?seconds=N` answers after N seconds,
    `/poms/leak?megabytes=N` leaks N MB of address space. LAB_APP_PATH is another path than `/poms`."""
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))  # uWSGI requires the app to read the body
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    if path.rstrip("/") == f"{PATH}/slow":
        time.sleep(float(parse_qs(environ.get("QUERY_STRING", "")).get("seconds", ["1"])[0]))
    if path.rstrip("/") == f"{PATH}/leak":
        size = int(parse_qs(environ.get("QUERY_STRING", "")).get("megabytes", ["1"])[0])
        leaked.append(mmap.mmap(-1, size << 20, flags=mmap.MAP_PRIVATE))
    pages = (PATH, f"{PATH}/slow", f"{PATH}/leak")
    status, title = ("200 OK", "") if path.rstrip("/") in pages else ("404 Not Found", "no such page\n")
    if poms_faults.fails(FAULT):
        status, title = "500 Internal Server Error", "this version fails at times\n"
    start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [title.encode(), "".join(f"{name}: {value}\n" for name, value in _answer(environ)).encode()]


def _answer(environ: dict[str, Any]) -> Iterable[tuple[str, object]]:
    for name in (*IDENTITY, *ALSO_BELIEVED):
        value = environ.get("HTTP_" + name.upper().replace("-", "_"))
        if value is not None:
            yield name, value.encode("latin-1", "replace").decode("utf-8", "replace")
    if "REMOTE_USER" in environ:
        yield "remote-user", environ["REMOTE_USER"]
    yield "remote-addr", environ.get("REMOTE_ADDR", "")
    yield "version", VERSION
    yield "pid", os.getpid()
    yield "master", os.getppid()
    try:
        uwsgi = importlib.import_module("uwsgi")  # exists only in a worker of uWSGI
    except ImportError:
        return
    yield "worker", uwsgi.worker_id()
    yield "workers", uwsgi.numproc
    yield "uwsgi", uwsgi.version.decode()
