"""Logging in at the lab's identity provider without a browser: a client that keeps cookies and fills in forms."""

import http.client
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from lab.host import read_records
from lab.place import PROVIDER
from tests.lab.site import Site


@dataclass(frozen=True)
class Form:
    """A form of a page: where it goes, and what is filled in."""

    action: str
    fields: dict[str, str]

    def filled(self, **fields: str) -> "Form":
        """The same with these fields filled in."""
        return Form(self.action, self.fields | fields)


@dataclass(frozen=True)
class Page:
    """What came of a request, redirects followed: the last answer, and where it came from."""

    status: int
    url: str
    text: str

    @property
    def form(self) -> Form:
        """The page's only form."""
        reader = _FormReader()
        reader.feed(self.text)
        return Form(urljoin(self.url, reader.action), reader.fields)

    @property
    def host(self) -> str:
        """The name of the host that answered."""
        return urlsplit(self.url).hostname or ""


@dataclass
class Visitor:
    """Somebody at a computer of their own: their cookies, and where the lab's hosts are."""

    site: Site
    cookies: CookieJar = field(default_factory=CookieJar)

    def get(self, url: str) -> Page:
        """Open a page."""
        return self._open(urllib.request.Request(url))

    def send(self, form: Form) -> Page:
        """Send a form that was filled in."""
        return self._open(urllib.request.Request(form.action, urlencode(form.fields).encode()))

    def answer(self, user: str, host: str = "pomsgpvm01", path: str = "/poms") -> Form:
        """Go to a page of the host's, log in at the provider, and stop before its answer is sent on to the host."""
        page = self.get(f"https://{host}.poms.example{path}")
        assert page.host == f"{PROVIDER}.poms.example", f"{page.status} {page.url}"
        page = self.send(page.form.filled(user=user, password=self.site.lab.password.read_text().strip()))
        assert page.status == 200, page.text
        return page.form

    def cookie_header(self, host: str = "pomsgpvm01") -> str:
        """What a browser would say to the host behind `Cookie:`."""
        names = (host, f"{host}.poms.example")
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.cookies if cookie.domain in names)

    def _open(self, request: urllib.request.Request) -> Page:
        addresses = {record.server_name: record.address for record in read_records(self.site.lab)}
        trust = ssl.create_default_context(cafile=str(self.site.lab.certificates / "ca.pem"))
        opener = urllib.request.build_opener(
            _Https(addresses, trust),
            urllib.request.HTTPCookieProcessor(self.cookies),
            urllib.request.ProxyHandler({}),
        )
        try:
            response = opener.open(request, timeout=30)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            return Page(response.status, response.url, response.read().decode())


def session(site: Site, user: str, host: str = "pomsgpvm01") -> str:
    """Log in as this user; the value of the header `Cookie` that is from then on all that the host asks for."""
    visitor = Visitor(site)
    page = visitor.send(visitor.answer(user, host))
    assert (page.status, page.host) == (200, f"{host}.poms.example"), f"{page.status} {page.url} {page.text}"
    return visitor.cookie_header(host)


class _FormReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = found["action"]
        elif tag == "input" and "name" in found:
            self.fields[found["name"]] = found.get("value", "")


class _Https(urllib.request.HTTPSHandler):
    """Knows the lab's hosts by name, and no others."""

    def __init__(self, addresses: Mapping[str, str], trust: ssl.SSLContext) -> None:
        super().__init__()
        self._addresses, self._trust = addresses, trust

    def https_open(self, req: urllib.request.Request) -> Any:
        """Open a connection to the host's address."""

        def connection(host: str, /, **settings: Any) -> http.client.HTTPSConnection:
            return _Connection(host, self._addresses, self._trust, **settings)

        return self.do_open(connection, req)


class _Connection(http.client.HTTPSConnection):
    def __init__(self, host: str, addresses: Mapping[str, str], trust: ssl.SSLContext, **settings: Any) -> None:
        super().__init__(host, context=trust, **settings)
        self._addresses, self._trust = addresses, trust

    def connect(self) -> None:
        """TLS to the address that the name has in the lab."""
        line = socket.create_connection((self._addresses[self.host], self.port), self.timeout)
        self.sock = self._trust.wrap_socket(line, server_hostname=self.host)
