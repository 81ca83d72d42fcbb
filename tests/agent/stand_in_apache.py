"""A STAND-IN for Apache with files of its own: its test fails on BROKEN; it serves TLS on each port of a Listen."""

import sys
from dataclasses import dataclass
from pathlib import Path

from ops.agent.apache_messages import ApacheConfiguration
from ops.agent.staged_tree import StagedFile
from tests.agent.shells import executable

PROGRAM = """#!@PYTHON@
import os, re, socket, ssl, struct, sys
root = sys.argv[sys.argv.index("-d") + 1] if "-d" in sys.argv else "@ROOT@/etc"
places = [os.path.join(root, "conf.d", name) for name in sorted(os.listdir(root + "/conf.d"))]
places.insert(0, root + "/conf/httpd.conf")
text = "".join(open(path).read() for path in places if path.endswith(".conf"))
if "-V" in sys.argv:
    print(' -D SERVER_CONFIG_FILE="conf/httpd.conf"')
elif "-M" in sys.argv or "-v" in sys.argv:
    print("Server version: Apache/2.4.62 (Unix)\\n ssl_module (shared)")
elif "-t" in sys.argv:
    if "DUMP_INCLUDES" in sys.argv:
        print("\\n".join(" (1) " + path for path in places))
    if "BROKEN" in text:
        print("Syntax error")
        sys.exit(1)
else:
    pair = [re.search(name + ' "?([^"\\n]+)', text).group(1) for name in ("CertificateFile", "KeyFile")]
    open("@ROOT@/log/error_log", "a").write("cannot start\\n")
    if "ENDS" in text:
        sys.exit(1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    servers = []
    for port in re.findall(r"(?m)^Listen (\\d+)", text):
        servers.append(context.wrap_socket(socket.create_server(("", int(port))), server_side=True))
    def ask_app(user, number):
        variables = {"HTTP_X_POMS_OPS_QUESTION": number} | ({"HTTP_X_SHIB_USERID": user} if user else {})
        words = [word.encode() for pair in variables.items() for word in pair]
        body = b"".join(struct.pack("<H", len(word)) + word for word in words)
        app = socket.socket(socket.AF_UNIX)
        app.connect(re.search(r"unix:([^|]+)", text).group(1))
        app.sendall(struct.pack("<BHB", 0, len(body), 0) + body)
        app.recv(99)
    def serve(server):
        while True:
            try:
                line = server.accept()[0]
                said = line.recv(65536).decode()
                number = re.search(r"Question: (\\d+)", said)
                user = re.search(r"X-Shib-Userid: (\\w+)", said)
                if number and "LET IN" in text:
                    ask_app(user and user[1], number[1])
                elif number and "/right" in said and "REJECT" not in text:
                    ask_app("p", number[1])
                line.sendall(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
                line.close()
            except OSError:
                pass
    import threading
    threads = [threading.Thread(target=serve, args=(server,)) for server in servers]
    [thread.start() for thread in threads]
"""
CONF = """Listen 443
SSLCertificateFile "{root}/cert.pem"
SSLCertificateKeyFile {root}/key.pem
ErrorLog {root}/log/error_log
ProxyPass unix:{root}/app.sock|uwsgi://x/
"""


@dataclass
class StandInApache:
    """Its folders are below `root`."""

    root: Path

    def __post_init__(self) -> None:
        for folder in ("etc/conf.d", "etc/conf", "run", "log", "work"):
            (self.root / folder).mkdir(parents=True)
        (self.root / "etc/run").symlink_to(self.root / "run")
        (self.root / "etc/logs").symlink_to(self.root / "log")
        (self.root / "etc/conf/httpd.conf").write_text(f'ServerRoot "{self.root}/etc"\n')
        self.conf.write_text(self.text)
        executable(self.root / "httpd", PROGRAM.replace("@ROOT@", str(self.root)).replace("@PYTHON@", sys.executable))

    @property
    def conf(self) -> Path:
        """The file that the tests change."""
        return self.root / "etc/conf.d/ssl.conf"

    @property
    def text(self) -> str:
        """What lies there at first."""
        return CONF.format(root=self.root)

    @property
    def work(self) -> str:
        """An empty folder."""
        return str(self.root / "work")

    def configuration(self, *ports: int) -> ApacheConfiguration:
        """What a request says of it."""
        return ApacheConfiguration(
            httpd=str(self.root / "httpd"),
            server_root=str(self.root / "etc"),
            log_dir=str(self.root / "log"),
            ports=[*(ports or (443,))],
        )

    def staged(self, text: str | None, name: str = "conf.d/ssl.conf") -> list[StagedFile]:
        """That file with this text; None: it would be gone."""
        content = self.root / "new.1"
        if text is not None:
            content.write_text(text)
        return [StagedFile(f"{self.root}/etc/{name}", "0644", None if text is None else str(content))]
