# ask_programs.py: which programs supervisord has, asked on its own socket, in few lines: the probe carries them always.
# Runs on the host, under Python 2.7 or 3.
# Usage: ask_programs.py SUPERVISORCTL SOCKET CONF, the file for the user name and password that the socket may want.
import base64
import re
import socket
import sys

try:
    from xmlrpc.client import dumps, loads
except ImportError:
    from xmlrpclib import dumps, loads

line, head, body = socket.socket(socket.AF_UNIX), "", dumps((), "supervisor.getAllProcessInfo")
try:
    text = open(sys.argv[3]).read().partition("[unix_http_server")[2].partition("\n[")[0]
    name, secret = (re.search(r"(?m)^%s\s*[=:]\s*(.*?)(\s+[;#].*|\s*)$" % key, text).group(1) for key in ("username", "password"))
    head = "Authorization: Basic %s\r\n" % base64.b64encode((name + ":" + secret).encode()).decode()
except (AttributeError, IOError, OSError, ValueError):
    pass  # it wants none
line.settimeout(20)
try:
    line.connect(sys.argv[2])
    line.sendall(("POST /RPC2 HTTP/1.0\r\n%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body)).encode())
    data = b"".join(iter(lambda: line.recv(65536), b""))
    answer = loads(data.partition(b"\r\n\r\n")[2])[0][0]
except Exception as error:
    status = data.partition(b"\r\n")[0].decode("ascii", "replace") if "data" in dir() else ""
    sys.exit(" ".join(("%s %s" % (status, error)).split()))
print("programs")
for one in answer:
    print("program %s %s %s" % (one["statename"], one["group"], one["name"]))
