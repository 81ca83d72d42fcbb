# supervise_checks.py: the checks of supervise.py, which change nothing. A part of supervise.py, whose functions and imports
# it uses.
import os
import re
import socket
import sys
import time


def is_due(_server, names):
    """Whether file `names[1]` changed since program `names[0]` read it, as the exit code."""
    sys.exit(not (os.path.exists(names[1]) and is_newer(names[1], names[0])))


def is_changed(server, names):
    """Whether group `names[0]` is to be started with other settings than it has, as the exit code."""
    added, changed, _removed = changed_groups(server)
    sys.exit(names[0] not in list(added) + list(changed))


def is_open(_server, names):
    """Whether somebody listens on the unix socket that is named, as the exit code."""
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(5)
    sys.exit(line.connect_ex(names[0]) != 0)


def is_running(server, names):
    """Whether all of `names` run, as the exit code."""
    sys.exit(any(started_state(server, name) != "RUNNING" for name in names))


def baseline(server, names):
    """Write down, in the file that is named, which programs run."""
    with open(names[0], "w") as noted:
        for name, info in programs(server).items():
            if info["statename"] == "RUNNING":
                noted.write(name + "\n")


def compare(server, names):
    """Every program that ran at the baseline, and is still there, runs."""
    with open(names[0]) as noted:
        before = noted.read().split("\n")
    now = programs(server)
    settle(server, [name for name in before if name in now])
    fallen = [name for name in before if name in now and programs(server)[name]["statename"] != "RUNNING"]
    if fallen:
        raise SystemExit("running before, but not now: " + ", ".join(fallen))


def parse(_server, names):
    """Let supervisor's own parser read a candidate for its configuration."""
    from supervisor.options import ServerOptions

    options = ServerOptions()
    options.realize(["-c", names[0]])
    if not options.process_group_configs:
        raise SystemExit("supervisor finds no program in %s" % names[0])


def stop_note(name):
    """Where programs.sh notes who stopped a program."""
    return os.path.join(os.path.dirname(TAKEN), "stopped", name.replace("/", "_"))


def describe(server, _names):
    """The programs' states for a reader, on standard output."""
    for info in server.supervisor.getAllProcessInfo():
        print("%-32s %-9s %s" % (full_name(info), info["statename"], info["spawnerr"] or info["description"]))
