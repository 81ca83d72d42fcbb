# standby_requests.py: the number of requests that a standby has in progress. The kernel knows it: its processes hold the
# sockets that the app listens on, and each request is a connection to one of them. An ending uWSGI reports nothing itself.
# Usage: standby_requests.py - SESSION, the session of its processes; Python 2.7 or 3. Prints a number.
# Source: proc(5); include/net/tcp_states.h for 01, established, and 0A, listening; SS_CONNECTED, 03, of linux/net.h.
import os
import sys


def fields_of(path):
    try:
        with open(path) as opened:
            return [line.split() for line in opened][1:]
    except (OSError, IOError):
        return []


def session_of(pid):
    try:
        with open("/proc/%s/stat" % pid) as opened:
            return opened.read().rpartition(")")[2].split()[3]
    except (OSError, IOError, IndexError):
        return ""


def sockets_of(pid):
    found = set()
    try:
        for name in os.listdir("/proc/%s/fd" % pid):
            found.add(os.readlink("/proc/%s/fd/%s" % (pid, name)))
    except OSError:
        pass
    return set(link[len("socket:[") : -1] for link in found if link.startswith("socket:["))


held = set()
for process in os.listdir("/proc"):
    if process.isdigit() and session_of(process) == sys.argv[2]:
        held |= sockets_of(process)
listening, connected = set(), []
for fields in fields_of("/proc/net/tcp") + fields_of("/proc/net/tcp6"):
    port = fields[1].rpartition(":")[2]
    if fields[9] in held and fields[3] == "0A":
        listening.add(port)
    elif fields[9] in held and fields[3] == "01":
        connected.append(port)
for fields in fields_of("/proc/net/unix"):
    if len(fields) > 7 and fields[6] in held:
        if fields[3] == "00010000":
            listening.add(fields[7])
        elif fields[5] == "03":
            connected.append(fields[7])
print(sum(place in listening for place in connected))
