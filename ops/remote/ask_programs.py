# ask_programs.py: list supervisord's programs, by its own socket; short, because every probe sends it.
# Runs on the host, under Python 2.7 or 3.
# Usage: ask_programs.py SUPERVISORCTL SOCKET CONF STATE_DIR, the files for the user name and password that the socket may
# want (supervisord_login.py, joined to this).
import base64
import socket
import sys

try:
    from xmlrpc.client import dumps, loads
except ImportError:
    from xmlrpclib import dumps, loads

BODY = dumps((), "supervisor.getAllProcessInfo")


def answer(path, login):
    """What supervisord says, head and all; `login` is its user name and password, or None."""
    word = "Authorization: Basic %s\r\n" % base64.b64encode((":".join(login)).encode()).decode() if login else ""
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(20)
    line.connect(path)
    line.sendall(("POST /RPC2 HTTP/1.0\r\n%sContent-Length: %d\r\n\r\n%s" % (word, len(BODY), BODY)).encode())
    return b"".join(iter(lambda: line.recv(65536), b""))


data = b""
try:
    for login in [None] + logins(*sys.argv[3:5]):
        data = answer(sys.argv[2], login)
        if data.split(b" ")[1:2] != [b"401"]:
            break
    found = loads(data.partition(b"\r\n\r\n")[2])[0][0]
except Exception as error:  # whatever it is, nothing is known of its programs, and the plan says so with these words
    sys.exit(" ".join(("%s %s" % (data.partition(b"\r\n")[0].decode("ascii", "replace"), error)).split()))
print("programs")
for one in found:
    print("program %s %s %s" % (one["statename"], one["group"], one["name"]))
    if one["pid"]:
        print("started %d %s" % (one["start"], one["group"] if one["group"] == one["name"] else one["group"] + ":" + one["name"]))
