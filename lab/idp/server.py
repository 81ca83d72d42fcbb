"""The lab's SAML identity provider: a login form, and a signed answer to the service that sent the visitor.

usage: server.py FOLDER   (FOLDER holds what lab/idp/__init__.py writes there)
"""

import hmac
import html
import json
import shutil
import socket
import ssl
import sys
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

FORM = """<!DOCTYPE html>
<title>The lab's identity provider</title>
<h1>Who are you?</h1>
<p>{service} wants to know. {said}</p>
<form method="post" action="/sso">
<input type="hidden" name="SAMLRequest" value="{request}">
<input type="hidden" name="RelayState" value="{state}">
<p><label>User <input name="user" autofocus></label>
<p><label>Password <input name="password" type="password"></label>
<p><button>Log in</button>
</form>
"""


class Refused(Exception):
    """The request is not from a service of the lab."""


class Provider(ThreadingHTTPServer):
    """The web server, with its settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings: dict[str, Any] = json.loads((folder / "settings.json").read_text())
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(folder / "tls.pem", folder / "tls.key")
        super().__init__((self.settings["address"], 443), Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """The next connection; the thread that serves it does the handshake, which may be slow."""
        line, address = super().get_request()
        return self._tls.wrap_socket(line, server_side=True, do_handshake_on_connect=False), address

    def read(self, request: str) -> dict[str, Any]:
        """The service in the request, and the address for the answer. Raises Refused."""
        from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, SAMLError, s_utils

        try:
            message = self._saml().parse_authn_request(request, BINDING_HTTP_REDIRECT).message
            found: dict[str, Any] = self._saml().response_args(message, bindings=[BINDING_HTTP_POST])
        except (SAMLError, s_utils.SamlException, s_utils.OtherError, s_utils.UnravelError) as error:
            raise Refused(f"This is no request of a service of the lab: {error}") from None
        return found

    def answer(self, asked: dict[str, Any], user: str, state: str) -> str:
        """A page that sends the visitor back to the service, with a signed assertion of their identity."""
        from saml2 import BINDING_HTTP_POST, authn_context, xmldsig

        how = {"class_ref": authn_context.PASSWORDPROTECTEDTRANSPORT, "authn_auth": self.settings["entity"]}
        strong = {"sign_alg": xmldsig.SIG_RSA_SHA256, "digest_alg": xmldsig.DIGEST_SHA256}
        saml, known = self._saml(), self.settings["people"][user]
        said = saml.create_authn_response(known, userid=user, authn=how, sign_assertion=True, **strong, **asked)
        page = saml.apply_binding(BINDING_HTTP_POST, str(said), asked["destination"], state, response=True)
        return str(page["data"])

    def _saml(self) -> Any:
        """pysaml2's server, with the services that are registered now."""
        return self._knowing(tuple(sorted(map(str, (self.folder / "services").glob("*.xml")))))

    @cache  # noqa: B019  (there is one provider, as long as its process lives)
    def _knowing(self, services: tuple[str, ...]) -> Any:
        """The same with these services. The import of pysaml2 is slow, so only a login waits for it."""
        from saml2 import BINDING_HTTP_REDIRECT, saml
        from saml2.config import IdPConfig
        from saml2.server import Server

        entry = (self.settings["sso"], BINDING_HTTP_REDIRECT)
        policy = {"lifetime": {"minutes": 5}, "name_form": saml.NAME_FORMAT_URI}
        settings = {
            "entityid": self.settings["entity"],
            "key_file": str(self.folder / "signing.key"),
            "cert_file": str(self.folder / "signing.pem"),
            "xmlsec_binary": shutil.which("xmlsec1"),
            "metadata": {"local": services},
            "service": {"idp": {"endpoints": {"single_sign_on_service": [entry]}, "policy": {"default": policy}}},
        }
        return Server(config=IdPConfig().load(settings))


class Handler(BaseHTTPRequestHandler):
    """Shows the login form, and reads it."""

    server: Provider
    timeout = 30

    def do_GET(self) -> None:
        """Answer a visitor that a service has sent."""
        path, _, query = self.path.partition("?")
        if path == "/sso":
            self._ask(dict(parse_qsl(query)))
        else:
            self._say(404, "There is nothing here but /sso, where services send their visitors.")

    def do_POST(self) -> None:
        """Read the form and answer it."""
        length = min(int(self.headers.get("Content-Length", 0)), 100_000)
        given = dict(parse_qsl(self.rfile.read(length).decode("latin-1")))
        settings, password = self.server.settings, given.get("password", "").encode()
        right = hmac.compare_digest(password, settings["password"].encode())
        if not right or given.get("user") not in settings["people"]:
            self._ask(given, 403, "No such user, or another password.")
            return
        try:
            asked = self.server.read(given.get("SAMLRequest", ""))
            self._say(200, self.server.answer(asked, given["user"], given.get("RelayState", "")))
        except Refused as error:
            self._say(400, html.escape(str(error)))

    def _ask(self, given: dict[str, str], status: int = 200, said: str = "") -> None:
        request, state = given.get("SAMLRequest", ""), given.get("RelayState", "")
        try:
            service = self.server.read(request)["sp_entity_id"]
        except Refused as error:
            self._say(400, html.escape(str(error)))
            return
        values = {"service": service, "said": said, "request": request, "state": state}
        self._say(status, FORM.format(**{name: html.escape(value) for name, value in values.items()}))

    def _say(self, status: int, page: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(page.encode())


if __name__ == "__main__":
    Path("/proc/self/comm").write_text("idp")  # the name in lists of processes
    Provider(Path(sys.argv[1])).serve_forever()
