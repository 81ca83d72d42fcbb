# supervisord_facts.py: find our supervisord if its socket does not answer, and the programs that a killed one left running.
# Uses the kernel's facts: bound sockets, the arguments of processes, their parents. Joined to supervisord_ask.py and
# supervisord_login.py; under Python 2.7 or 3.
# Usage: supervisord_facts.py - state|orphans CONF SOCKET STATE_DIR. Prints the state as supervisord.sh tells of it, or process ids.
# Source: proc(5); supervisor/http.py, which binds SOCKET.PID and then links it to SOCKET; supervisor/options.py.
import binascii
import os
import re
import sys
import time

LISTENS = 0x10000  # __SO_ACCEPTCON among the flags of /proc/net/unix
PATIENCE = 6  # seconds for one that is only starting, restarting or shutting down
NO_VALUE = "hnstvk"  # supervisord's short options that take none


def read(path):
    try:
        with open(path, "rb") as opened:
            data = opened.read()
    except (OSError, IOError):
        return ""
    return data if str is bytes else os.fsdecode(data)


def stat_of(pid):
    """Parent, process group and session of a process; zeros where it is gone, or dead and not waited for."""
    fields = read("/proc/%d/stat" % pid).rpartition(")")[2].split()
    return tuple(map(int, fields[1:4])) if fields and fields[0] != "Z" else (0, 0, 0)


def own_processes():
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.stat("/proc/" + name).st_uid == os.geteuid():
                found.append(int(name))
        except OSError:
            pass
    return found


def words_of(pid):
    return read("/proc/%d/cmdline" % pid).split("\0")[:-1]


def environment_of(pid):
    return dict(pair.split("=", 1) for pair in read("/proc/%d/environ" % pid).split("\0") if "=" in pair)


def place_of(words):
    """Where in a command's words the program supervisord stands; None where it is another program."""
    for number, word in enumerate(words[:5]):
        if re.match(r"supervisord(-?[0-9.]+)?(\.py)?$", os.path.basename(word)) or word == "supervisor.supervisord":
            return number
        if number == 0 and not re.match(r"(platform-)?(python|pypy)", os.path.basename(word)):
            return None  # one that reads or edits it, perhaps
    return None


def is_supervisord(pid):
    return place_of(words_of(pid)) is not None or bound_as_ours(pid)


def sockets():
    """The inode of each unix socket that somebody listens on, and its path."""
    found = {}
    for line in read("/proc/net/unix").split("\n")[1:]:
        fields = line.split(None, 7)
        if len(fields) == 8 and int(fields[3], 16) & LISTENS:
            found["socket:[%s]" % fields[6]] = fields[7]
    return found


def listens_on(pid):
    """The paths of the unix sockets that a process of ours listens on, as it bound them."""
    folder, known, found = "/proc/%d/fd" % pid, sockets(), []
    try:
        for name in os.listdir(folder):
            path = known.get(os.readlink(os.path.join(folder, name)))
            if path:
                found.append(os.path.join(link("/proc/%d/cwd" % pid), path))
    except OSError:
        pass
    return found


def link(path):
    try:
        return os.readlink(path)
    except OSError:
        return "/"


def as_named(path):
    """The path of a socket that supervisord bound as SOCKET.PID."""
    return re.sub(r"\.[0-9]+$", "", path)


def same(path, other):
    """Whether two names of a socket, which may be gone, are of one place."""
    return path == other or where(path) == where(other)


def where(path):
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def is_ours(path):
    """Whether it is our socket, bound in the way that only supervisord does."""
    return path != as_named(path) and same(as_named(path), SOCKET)


def bound_as_ours(pid):
    return any(is_ours(path) for path in listens_on(pid))


def files_of(pid):
    """The configuration files that a supervisord may have been given: one, as seen from each folder it may have begun in."""
    words = words_of(pid)
    place = place_of(words)
    if place is None:
        return []
    folders = [link("/proc/%d/cwd" % pid), environment_of(pid).get("PWD", "/")]
    given = option_c(words[place + 1 :])
    if given is not None:
        return [os.path.join(folder, given) for folder in folders]
    product = os.path.dirname(os.path.dirname(words[place]))
    names = [os.path.join(product, "etc/supervisord.conf"), os.path.join(product, "supervisord.conf")]
    names += ["supervisord.conf", "etc/supervisord.conf", "/etc/supervisord.conf", "/etc/supervisor/supervisord.conf"]
    there = [[os.path.join(folder, name) for name in names] for folder in folders]
    return [path for paths in there for path in [path for path in paths if os.path.exists(path)][:1]]


def option_c(words):
    """What -c or --configuration gives; None without it."""
    words = list(words)
    while words:
        word = words.pop(0)
        name, _, value = word.partition("=")
        if word.startswith("--"):
            if len(name) > 3 and "--configuration".startswith(name):
                return value or (words.pop(0) if words else None)
            continue
        for number, letter in enumerate(word[1:] if word.startswith("-") else "", 2):
            if letter == "c":
                return word[number:] or (words.pop(0) if words else None)
            if letter not in NO_VALUE:
                if not word[number:] and words:
                    words.pop(0)
                break
    return None


def has_our_file(pid):
    for path in files_of(pid):
        try:
            if os.path.samefile(path, CONF):
                return True
        except OSError:
            pass
        if os.path.realpath(path) == os.path.realpath(CONF):
            return True
    return False


def holder():
    """The supervisord of this account that listens on our socket; 0 where none does."""
    found = [pid for pid in own_processes() if bound_as_ours(pid)]
    return ([pid for pid in found if stat_of(pid)[0] not in found] or [0])[0]


def asked():
    """As `ask`, with a user name and password where it wants them, and once it is not busy any more."""
    end = time.time() + PATIENCE
    while True:
        said = ask(SOCKET)
        if said[0] == "login":
            for name, password in logins(CONF, STATE_DIR):
                pair = ("%s:%s" % (name, password)).encode("utf-8") if str is not bytes else "%s:%s" % (name, password)
                basic = binascii.b2a_base64(pair).decode().replace("\n", "")
                answer = ask(SOCKET, "Authorization: Basic %s\r\n" % basic)
                if answer[0] != "login":
                    said = answer
                    break
        if said[0] != "busy" or time.time() > end:
            return said
        time.sleep(0.2)


def state():
    said, text = asked()
    if said == "up":
        return "up " + text
    if said in ("silent", "busy"):
        return "silent %d" % holder()
    if said == "login":
        return "refuses %d its socket wants a user name and password, and %s holds none that it takes" % (holder(), CONF)
    if said == "barred":
        return "refuses %d this account may not connect to its socket %s" % (holder(), SOCKET)
    if said == "odd":
        return "refuses %d what answers on %s is no supervisord: %s" % (holder(), SOCKET, " ".join(text.split()))
    return without_socket()


def without_socket():
    """Nobody answers on our socket; does a supervisord of ours run all the same?"""
    end = time.time() + PATIENCE
    while True:
        ours = [pid for pid in own_processes() if place_of(words_of(pid)) is not None and has_our_file(pid)]
        for pid in [holder()] + ours:
            bound = [as_named(path) for path in listens_on(pid)] if pid else []
            if any(same(path, SOCKET) for path in bound):
                return "deaf %d" % pid
            if bound:
                return "elsewhere %d %s" % (pid, bound[0])
        if not ours:
            return "deaf 0" if any(is_ours(path) for path in sockets().values()) else "down"
        if time.time() > end:
            return "refuses %d it listens on no unix socket: %s names none" % (ours[0], CONF)
        time.sleep(0.2)  # it is only starting, or was only ending
        if ask(SOCKET)[0] != "absent":
            return state()


def orphans():
    """Processes of programs whose supervisord, which was behind our socket, is gone."""
    own = own_processes()
    stats = dict((pid, stat_of(pid)) for pid in own)
    left = [pid for pid in own if is_of_our_socket(pid) and not has_supervisord(pid)]
    # One that writes its title over its environment does not show it; they are a session, whose leader is gone.
    sessions = set(stats[pid][2] for pid in left) - set(own)
    sessions |= set(pid for pid in [last_pid()] if pid and not os.path.exists("/proc/%d" % pid))
    return [pid for pid in own if pid in left or (stats[pid][2] in sessions and not has_supervisord(pid))]


def is_of_our_socket(pid):
    url = environment_of(pid).get("SUPERVISOR_SERVER_URL", "")
    return url.startswith("unix://") and same(url[len("unix://") :], SOCKET)


def has_supervisord(pid):
    """Whether a supervisord is among the parents of the process."""
    while pid > 1:
        pid = stat_of(pid)[0]
        if pid > 1 and is_supervisord(pid):
            return True
    return False


def last_pid():
    """What the last supervisord wrote of itself; 0 where it took that with it."""
    path = settings(CONF).get(("supervisord", "pidfile"), "supervisord.pid")
    text = read(os.path.join(os.path.dirname(CONF), path)).strip()
    return int(text) if text.isdigit() else 0


CONF, SOCKET, STATE_DIR = sys.argv[3:6]
if sys.argv[2] == "state":
    print(state())
else:
    print(" ".join(map(str, sorted(orphans()))))
