# door.py: the identity probe of a trial Apache, in its own network: it sends forged requests, and replaces the app to
# record the user of each request. Runs under Python 2.7 or 3.
# Usage: door.py FOLDER SOCKET; FOLDER/door has the requests (ops/deploy/identity_probe.py); SOCKET is Apache's path for an
# app on a Unix socket. Writes the number of requests to FOLDER/door.asked, and those that do not apply to this host to
# FOLDER/door.left_out.
# Prints a sentence for each failure. Exits 3 if a forged request is accepted, 4 if only a valid one is rejected.
import json
import os
import socket
import ssl
import struct
import sys
import threading

FOLDER, SOCKET = sys.argv[1:3]
SHIBD = ("/run/shibboleth/shibd.sock", "/var/run/shibboleth/shibd.sock")
NUMBER = "HTTP_X_POMS_OPS_QUESTION"
told = {}  # number of a request: the environment that the app received


def patience():
    """Seconds for a visitor without a login: mod_shib answers at once, or looks for a shibd it cannot reach for long."""
    for path in SHIBD:
        line = socket.socket(socket.AF_UNIX)
        try:
            line.connect(path)
            return 10.0
        except (OSError, IOError):
            continue
        finally:
            line.close()
    return 1.0


def stand_in(listen):
    if listen.startswith("/"):
        server = socket.socket(socket.AF_UNIX)
        server.bind(SOCKET)
    else:
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        host, _, port = listen.rpartition(":")
        server.bind((host, int(port)))
    server.listen(64)
    return server


def serve(server):
    while True:
        line, _ = server.accept()
        thread = threading.Thread(target=take, args=(line,))
        thread.daemon = True
        thread.start()


def take(line):
    """One request of the uwsgi protocol: a head of 4 bytes, then names and values with their lengths before them."""
    size = struct.unpack("<BHB", exactly(line, 4))[1]
    data, at, words = exactly(line, size), 0, []
    while at < size:
        length = struct.unpack("<H", data[at : at + 2])[0]
        words.append(data[at + 2 : at + 2 + length].decode("latin-1"))
        at += 2 + length
    told_now = dict(zip(words[::2], words[1::2]))
    told[told_now.get(NUMBER)] = told_now
    line.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
    line.close()


def exactly(line, size):
    data = b""
    while len(data) < size:
        part = line.recv(size - len(data))
        if not part:
            break
        data += part
    return data


def context(certificate, pems):
    made = ssl.SSLContext(getattr(ssl, "PROTOCOL_TLS_CLIENT", ssl.PROTOCOL_SSLv23))
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if certificate is not None:
        path = os.path.join(FOLDER, "door.client")
        with open(path, "w") as file:
            file.write(pems[certificate][0] + pems[certificate][1])
        made.load_cert_chain(path)
    return made


def ask(number, request, tls, seconds):
    """Send it, and wait until it is answered, the line is closed or it took too long."""
    head = ["%s %s HTTP/1.1" % (request["method"], request["path"]), "Host: localhost", "Connection: close"]
    head += ["X-Poms-Ops-Question: %d" % number] + request["lines"]
    try:
        line = socket.create_connection(("127.0.0.1", request["port"]), seconds, (request["source"], 0))
        try:
            line = tls.wrap_socket(line)
            line.sendall(("\r\n".join(head) + "\r\n\r\n").encode("utf-8"))
            while line.recv(65536):
                pass
        finally:
            line.close()
    except (OSError, IOError):  # refused, reset, or too slow: the app received nothing
        pass


def say(text):
    print(text.encode("ascii", "backslashreplace").decode("ascii"))


def judge(number, request, believed, spoofed):
    """3: a forged identity was accepted; 4: a valid one was rejected; 0: as expected."""
    environ = told.get(str(number))
    asked = u"port %d, %s, %s" % (request["port"], request["path"], request["name"])
    if environ is None:
        if request["user"] is None:
            return 0
        say("%s: REJECTED, but must be accepted as %s" % (asked, request["user"]))
        return 4
    user = environ.get("HTTP_X_SHIB_USERID")
    for header in believed:
        value = environ.get("HTTP_" + header.upper().replace("-", "_"), "")
        if spoofed in value.lower():
            say("%s: GOT IN, and the app was told %s: %s" % (asked, header, value))
            return 3
    if request["nameless"] and user is None:
        return 0
    if request["user"] is None or (user is not None and user != request["user"]):
        say("%s: GOT IN as %s" % (asked, user or "a visitor without a name"))
        return 3
    if user is None:
        say("%s: REJECTED, but must be accepted as %s" % (asked, request["user"]))
        return 4
    return 0


def main():
    with open(os.path.join(FOLDER, "door")) as file:
        asked = json.load(file)
    server = threading.Thread(target=serve, args=(stand_in(asked["listen"]),))
    server.daemon = True
    server.start()
    contexts, strangers, seconds = {}, [], patience()
    others = os.path.exists(os.path.join(FOLDER, "door.others"))
    requests = [each for each in asked["requests"] if others or not each["needs_another_ca"]]
    with open(os.path.join(FOLDER, "door.left_out"), "w") as file:
        file.write("".join(each["name"] + "\n" for each in asked["requests"] if each not in requests))
    for number, request in enumerate(requests):
        certificate = request["certificate"]
        if certificate not in contexts:
            contexts[certificate] = context(certificate, asked["certificates"])
        if certificate is None:  # may take long, so in parallel
            strangers.append(threading.Thread(target=ask, args=(number, request, contexts[certificate], seconds)))
            strangers[-1].start()
        else:
            ask(number, request, contexts[certificate], 10.0)
    for thread in strangers:
        thread.join()
    ends = [judge(number, each, asked["believed"], asked["spoofed"]) for number, each in enumerate(requests)]
    if 3 in ends:
        sys.exit(3)
    if 4 in ends:
        sys.exit(4)
    with open(os.path.join(FOLDER, "door.asked"), "w") as file:
        file.write("%d\n" % len(ends))


main()
