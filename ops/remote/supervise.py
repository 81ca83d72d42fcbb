# supervise.py: send a request to supervisord over its XML-RPC socket; runs on the host, under the Python that supervisor
# itself runs under (2.7 or 3), so it uses only what both know.
# Usage: supervise.py SUPERVISORCTL CONF ACTION SOCKET TAKEN [NAME ...]; CONF is supervisord's file, where a user name and password
# for its socket may stand (supervisor_library.py, supervisord_login.py, log_zones.py and supervise_checks.py, joined to this); TAKEN is a folder that holds, for each program, an empty
# file as old as its last start or reload by us. Prints one JSON object a line; exits 1 with a sentence when it failed.
import json
import os
import sys
import time

try:
    from http.client import HTTPException
    from xmlrpc.client import Fault, ProtocolError, ServerProxy
except ImportError:
    from httplib import HTTPException
    from xmlrpclib import Fault, ProtocolError, ServerProxy

SETTLE = 15  # seconds after a program's startsecs within which it must reach RUNNING
RESTART = 60  # seconds within which supervisord must answer again


UNAUTHORIZED = 401  # of HTTP


def connect(socket, login=None):
    """Its server; with the user name and password that it takes, where it wants some and they can be read."""
    user, password = login or (None, None)
    server = ServerProxy("http://127.0.0.1", transport=SupervisorTransport(user, password, "unix://" + socket))
    if login is None:
        try:
            server.supervisor.getAPIVersion()
        except ProtocolError as refused:
            for pair in logins(CONF, os.path.dirname(TAKEN)) if refused.errcode == UNAUTHORIZED else []:
                server = connect(socket, pair)
                try:
                    server.supervisor.getAPIVersion()
                    return server
                except ProtocolError:
                    pass
            raise
        except (OSError, IOError, Fault, HTTPException):  # who asks for more gets to know, on a line of its own
            server = ServerProxy("http://127.0.0.1", transport=SupervisorTransport(user, password, "unix://" + socket))
    return server


def tell(**facts):
    print(json.dumps(facts, sort_keys=True))
    sys.stdout.flush()


def took(name):
    """Record that program `name` has just read its files."""
    with open(os.path.join(TAKEN, name.replace("/", "_")), "w"):
        pass


def is_newer(path, name):
    """Whether `path` changed since program `name` last read its files, as far as we know."""
    try:
        noted = os.path.getmtime(os.path.join(TAKEN, name.replace("/", "_")))
    except OSError:
        return True
    return os.path.getmtime(path) > noted


def full_name(info):
    if info["group"] == info["name"]:
        return info["name"]
    return info["group"] + ":" + info["name"]


def programs(server):
    return dict((full_name(info), info) for info in server.supervisor.getAllProcessInfo())


def changed_groups(server):
    """(added, changed, removed) names of groups, after supervisord has read its configuration again."""
    return server.supervisor.reloadConfig()[0]


def start_settings(server):
    """Name of a program to what the configuration on disk says of its start; empty for an old supervisor."""
    try:
        return dict((item["name"], item) for item in server.supervisor.getAllConfigInfo())
    except Fault:
        return {}


def ended_well(info, settings):
    expected = settings.get(info["name"], {}).get("exitcodes", [0])
    return info["statename"] == "EXITED" and info["exitstatus"] in expected


def settle(server, names):
    """Wait until each of `names` is RUNNING, or has ended as its configuration allows."""
    settings = start_settings(server)
    fallen = []
    for name in names:
        begun = time.time()
        limit = settings.get(name.split(":")[-1], {}).get("startsecs", 10) + SETTLE
        while True:
            info = server.supervisor.getProcessInfo(name)
            if info["statename"] not in ("STARTING", "BACKOFF", "STOPPING") or time.time() - begun > limit:
                break
            time.sleep(0.1)
        tell(program=name, state=info["statename"], pid=info["pid"])
        if info["statename"] not in ("RUNNING", "STOPPED") and not ended_well(info, settings):
            why = info["spawnerr"] or "it ended with status %s" % info["exitstatus"]
            fallen.append("program %s is %s: %s" % (name, info["statename"], why))
    if fallen:
        raise SystemExit("\n".join(fallen))


def running(server, names):
    """Those of `names` that nobody has stopped on purpose."""
    now = programs(server)
    return [name for name in names if name in now and now[name]["statename"] not in ("STOPPED", "STOPPING")]


def replace_group(server, group):
    server.supervisor.stopProcessGroup(group)
    server.supervisor.removeProcessGroup(group)
    server.supervisor.addProcessGroup(group)
    took(group)


def members(server, groups):
    return [name for name, info in programs(server).items() if info["group"] in groups]


def apply(server, only):
    """Take in the configuration on disk: only groups that changed (and are in `only`, where that names some), and none
    that an operator stopped."""
    added, changed, removed = [
        [group for group in groups if not only or group in only] for groups in changed_groups(server)
    ]
    settings = start_settings(server)
    for group in removed:
        server.supervisor.stopProcessGroup(group)
        server.supervisor.removeProcessGroup(group)
        tell(program=group, did="removed")
    taken = []
    for group in changed:
        own = members(server, [group])
        autostart = any(settings.get(name.split(":")[-1], {}).get("autostart", True) for name in own)
        if autostart and not running(server, own):
            tell(program=group, did="left stopped")
            continue
        replace_group(server, group)
        tell(program=group, did="restarted with its new configuration")
        taken.append(group)
    for group in added:
        server.supervisor.addProcessGroup(group)
        took(group)
        tell(program=group, did="added")
        taken.append(group)
    time.sleep(1.1)  # supervisord starts what is new on its next tick
    settle(server, running(server, members(server, taken)))


def start(server, names):
    """Start `names`; a group whose configuration changed is taken in first."""
    added, changed, _removed = changed_groups(server)
    there = programs(server)
    unknown = [name for name in names if name not in there and name.split(":")[0] not in added]
    known(server, unknown)
    for name in names:
        group = name.split(":")[0]
        if group in added:
            server.supervisor.addProcessGroup(group)
        elif group in changed:
            replace_group(server, group)
        else:
            continue
        added, changed = [g for g in added if g != group], [g for g in changed if g != group]
    for name in names:
        was = server.supervisor.getProcessInfo(name)["statename"]
        if was in ("RUNNING", "STARTING"):
            tell(program=name, did="was running")
            continue
        try:
            server.supervisor.startProcess(name, False)
        except Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise
        took(name)
        tell(program=name, did="started")
    settle(server, names)


def stop_one(server, name):
    """Stop a program, whatever its state; whether it was alive."""
    try:
        server.supervisor.stopProcess(name)
        return True
    except Fault as fault:
        if "NOT_RUNNING" not in fault.faultString:
            raise
        return False


def stop(server, names):
    known(server, names)
    for name in names:
        tell(program=name, did="stopped" if stop_one(server, name) else "was stopped")


def stop_all(server, _names):
    stop(server, list(programs(server)))


def known(server, names):
    """Fail before anything is touched where a name is not supervisord's."""
    there = programs(server)
    unknown = [name for name in names if name not in there]
    if unknown:
        raise SystemExit("supervisord does not know %s: deploy its configuration first" % ", ".join(unknown))


def restart(server, names):
    """One after the other, so that no failure leaves the next one stopped."""
    changed_groups(server)
    known(server, names)
    failures = []
    for name in names:
        try:
            stop_one(server, name)
            start(server, [name])
            tell(program=name, did="restarted")
        except (SystemExit, Fault) as failure:
            failures.append(str(getattr(failure, "faultString", failure)))
    if failures:
        raise SystemExit("\n".join(failures))


def restart_running(server, names):
    """Restart those of `names` that are not stopped on purpose."""
    known(server, names)
    alive = running(server, names)
    for name in names:
        if name not in alive:
            tell(program=name, did="left stopped")
    restart(server, alive)


def started_state(server, name):
    """A program's state, "" where there is none; of one that is starting once it has: it may have read its old file."""
    end = time.time() + SETTLE + start_settings(server).get(name.split(":")[-1], {}).get("startsecs", 10)
    while True:
        there = programs(server).get(name)
        state = there["statename"] if there else ""
        if state != "STARTING" or time.time() > end:
            return state
        time.sleep(0.2)


def send_signal(server, signal, names):
    """Let programs reload; one that has died, of its last reload perhaps, is started."""
    known(server, names)
    for name in names:
        state = started_state(server, name)
        if state == "RUNNING":
            server.supervisor.signalProcess(name, signal)
            took(name)
            tell(program=name, did="reloaded (SIG%s)" % signal)
        elif state in ("STOPPED", "STOPPING"):
            tell(program=name, did="left stopped")
        else:
            start(server, [name])
    time.sleep(1.1)  # a master that cannot read its new file dies of it at once
    settle(server, running(server, names))


def reload_changed(server, words):
    """Take in what changed. `words`: how many programs, their names, and then for each file three more: the program,
    how it reloads ("signal-HUP", "restart-running"), and the file."""
    count = int(words[0])
    apply(server, words[1 : count + 1])
    rest = list(words[count + 1 :])
    while rest:
        name, how, path = rest[:3]
        del rest[:3]
        if os.path.exists(path) and is_newer(path, name):
            act(server, how, [name])


def reload_daemon(server, _names):
    """Restart supervisord itself; what an operator had stopped is stopped again, what he had started is started."""
    stopped = [name for name, info in programs(server).items() if info["statename"] == "STOPPED"]
    alive = running(server, list(programs(server)))
    before = server.supervisor.getPID(), max([info["start"] for info in programs(server).values()] or [0])
    server.supervisor.restart()
    time.sleep(1)
    server = await_daemon(before)
    tell(did="restarted with all its programs")
    now = programs(server)
    for name in now:
        took(name)
    stop(server, [name for name in stopped if name in now])
    for note in [stop_note(name) for name in stopped if os.path.exists(stop_note(name))]:
        os.utime(note, None)  # whoever stopped it then
    time.sleep(1.1)
    start(server, [name for name in alive if name in now])


def await_daemon(before=None):
    """Wait for supervisord, one that is newer than `before`; its server, for a broken connection stays broken."""
    begun = time.time()
    while True:
        try:
            server = connect(SOCKET)
            if server.supervisor.getState()["statename"] == "RUNNING":
                starts = max([info["start"] for info in programs(server).values()] or [0])
                if before is None or starts == 0 or (server.supervisor.getPID(), starts) != before:
                    return server
        except (OSError, IOError, Fault, ProtocolError, HTTPException):
            pass
        if time.time() - begun > RESTART:
            raise SystemExit("supervisord does not answer on its socket within %d seconds" % RESTART)
        time.sleep(0.2)


def await_programs(_server, _names):
    server = await_daemon()
    for name in programs(server):
        took(name)
    time.sleep(1.1)
    settle(server, running(server, list(programs(server))))


def shutdown(server, _names):
    server.supervisor.shutdown()


ACTIONS = {
    "describe": describe,
    "apply": apply, "baseline": baseline, "compare": compare, "parse": parse, "await": await_programs, "reload": reload_daemon, "restart": restart,
    "is-changed": is_changed, "is-due": is_due, "is-open": is_open, "is-running": is_running, "reload-changed": reload_changed, "restart-running": restart_running, "shutdown": shutdown, "start": start, "stop": stop,
    "stop-all": stop_all,
}


def act(server, action, names):
    if action.startswith("signal-"):
        send_signal(server, action[len("signal-"):], names)
    else:
        ACTIONS[action](server, names)


def main(action, names):
    try:
        act(None if action in UNASKED else connect(SOCKET), action, names)
    except ProtocolError as refused:
        if refused.errcode != UNAUTHORIZED:
            raise SystemExit("supervisord answers on %s with %s %s" % (SOCKET, refused.errcode, refused.errmsg))
        raise SystemExit("supervisord's socket needs a user name and password, and %s has none that it accepts" % CONF)
    except Fault as fault:
        raise SystemExit("supervisord rejected '%s': %s" % (action, fault.faultString))
    except (OSError, IOError, HTTPException) as error:
        raise SystemExit("supervisord cannot be reached on %s: %s" % (SOCKET, error))


UNASKED = ("await", "is-due", "is-open", "parse")  # it need not be there for these

CONF, SOCKET, TAKEN = sys.argv[2], sys.argv[4], sys.argv[5]
main(sys.argv[3], sys.argv[6:])
