"""The module of each task: only the modules of the tasks on the command line are loaded.

Loading all of them takes longer than a deploy that finds nothing to do.
"""

from collections.abc import Sequence
from importlib import import_module

from invoke.collection import Collection
from invoke.tasks import Task

MODULES = {
    "deploy": ("deploy",),
    "diff": ("diff",),
    "drift": ("drift",),
    "adopt": ("adopt",),
    "compare": ("compare",),
    "import_host": ("import",),
    "releases": ("releases", "rollback", "recover"),
    "render": ("render",),
    "init": ("init",),
    "apache": ("check-apache", "reload-apache", "restart-apache"),
    "maintenance": ("maintenance",),
    "status": ("status",),
    "versions": ("versions", "install", "uninstall"),
    "workers": ("workers",),
    "programs": (
        "start-programs",
        "stop-programs",
        "restart-programs",
        "reload-programs",
        "reload-uwsgi",
        "start-supervisord",
        "stop-supervisord",
    ),
    "logs": ("tail-logs", "fetch-logs"),
    "shell": ("shell",),
    "run": ("run",),
    "hosts": ("hosts",),
    "certs": ("certs",),
    "doctor": ("doctor",),
    "boot": ("start-at-boot",),
    "trust": ("trust",),
    "lab": ("lab.up", "lab.down", "lab.status"),
}


def collection(words: Sequence[str]) -> Collection:
    """The tasks in `words`, the command line after `fab`; all tasks where it names none, or is a completion."""
    named = [module for module, verbs in MODULES.items() if set(verbs) & set(words)]
    if not named or "--complete" in words:
        named = [*MODULES]
    found = Collection()
    for name in named:
        module = import_module(f"tasks.{name}")
        if hasattr(module, "namespace"):
            found.add_collection(module.namespace, name)
            continue
        for task in vars(module).values():
            if isinstance(task, Task):
                found.add_task(task)
    return found
