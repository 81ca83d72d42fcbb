"""Requests sent byte by byte, over TLS with HTTP/1.1 and HTTP/2: nothing here mends what a client would not send."""

import contextlib
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError

REFUSED_HANDSHAKE = 0  # what stands for a status where TLS let nobody in
CLOSED = 1  # the connection or the stream was ended without an answer
WITHOUT_HEAD = 9  # an answer of HTTP/0.9, which has no status

_HUNG_UP = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)

Fields = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Answer:
    """What came back: the status, or one of the three numbers above."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Door:
    """Where to knock, and with what: an address, and a TLS context that may hold a certificate.

    One protocol at a time: the clients below write theirs into the context.
    """

    address: str
    port: int
    server_name: str
    context: ssl.SSLContext
    session: ssl.SSLSession | None = None  # of an earlier connection, to be resumed


def context(certificate: str | None = None, key: str | None = None) -> ssl.SSLContext:
    """TLS that does not care who the server is; with the client's own certificate where one is given."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    if certificate:
        made.load_cert_chain(certificate, key)
    return made


class _Line:
    """One connection at a time, opened when it is needed and again once it was closed."""

    protocol = ""

    def __init__(self, door: Door) -> None:
        self.door = door
        self._socket: ssl.SSLSocket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        if self._socket:
            self._socket.close()
        self._socket = None

    def session(self) -> ssl.SSLSession | None:
        """The TLS session, once an answer has come."""
        return self._socket.session if self._socket else None

    def resumed(self) -> bool:
        """Whether the TLS session is an earlier one."""
        return bool(self._socket and self._socket.session_reused)

    def _open(self) -> ssl.SSLSocket:
        if self._socket is None:
            self.door.context.set_alpn_protocols([self.protocol])
            plain = socket.create_connection((self.door.address, self.door.port), 20)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self._socket = self.door.context.wrap_socket(
                    plain, server_hostname=self.door.server_name, session=self.door.session
                )
            except OSError:
                plain.close()
                raise
            if self.protocol == "h2":
                assert self._socket.selected_alpn_protocol() == "h2", "this server does not speak HTTP/2"
        return self._socket


class Http1(_Line):
    """A client of HTTP/1.1."""

    protocol = "http/1.1"

    def send(self, part: bytes) -> None:
        """Send the beginning of a request."""
        self._open().sendall(part)

    def ask(self, request: bytes) -> Answer:
        """Send the bytes as they are and read one answer."""
        return self._talk(request, whole=False)[0]

    def ask_all(self, request: bytes) -> list[Answer]:
        """Send the bytes, which must have the server close at their end, and read every answer to them."""
        self.close()
        try:
            return self._talk(request, whole=True)
        finally:
            self.close()

    def _talk(self, request: bytes, *, whole: bool) -> list[Answer]:
        used = self._socket is not None
        try:
            line = self._open()
            with contextlib.suppress(*_HUNG_UP):  # why, is in what comes back
                line.sendall(request)
            first = line.recv(65536)
        except _HUNG_UP:
            first = b""
        except ssl.SSLError:  # with TLS 1.3 the refusal arrives where the answer is awaited
            self.close()
            return [Answer(REFUSED_HANDSHAKE, {})]
        if not first:
            self.close()
            if used:  # the server had hung up after the last answer, as it may
                return self._talk(request, whole=whole)
            return [Answer(CLOSED, {})]
        data, found = bytearray(first), []
        while data:
            answer, keep = self._read(line, data, head=request.startswith(b"HEAD "))
            found.append(answer)
            if not keep:
                self.close()
                break
            if not whole:
                assert not data, f"an answer that nobody asked for: {bytes(data[:200])!r}"
                break
            if not data:
                data += _more(line)
        return found

    def _read(self, line: ssl.SSLSocket, data: bytearray, *, head: bool) -> tuple[Answer, bool]:
        """The first answer in `data`, taken out of it, and whether the connection stays."""
        while b"\r\n\r\n" not in data:
            if not data.startswith(b"HTTP/"[: len(data)]):
                return Answer(WITHOUT_HEAD, {}, bytes(data) + _rest(line)), False
            more = _more(line)
            if not more:
                return Answer(CLOSED, {}, bytes(data)), False
            data += more
        top, _, rest = bytes(data).partition(b"\r\n\r\n")
        lines = top.decode("latin-1").split("\r\n")
        status, headers = int(lines[0].split()[1]), _headers(lines[1:])
        data[:] = rest
        if status == 100:
            return self._read(line, data, head=head)
        if head or status in (204, 304):
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body = self._chunks(line, data)
        elif "content-length" in headers:
            body = _take(line, data, int(headers["content-length"]))
        else:
            return Answer(status, headers, bytes(data) + _rest(line)), False
        return Answer(status, headers, body), headers.get("connection", "").lower() != "close"

    def _chunks(self, line: ssl.SSLSocket, data: bytearray) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in data:
                data += _more(line)
            size, _, rest = bytes(data).partition(b"\r\n")
            data[:] = rest
            chunk = _take(line, data, int(size, 16) + 2)[:-2]
            if not chunk:
                return body
            body += chunk


class Http2(_Line):
    """A client of HTTP/2 that checks nothing of what it is told to send."""

    protocol = "h2"

    def __init__(self, door: Door) -> None:
        super().__init__(door)
        self._state: H2Connection | None = None

    def close(self) -> None:
        """Hang up."""
        super().close()
        self._state = None

    def ask(self, fields: Fields, body: bytes | None = None, trailers: Fields = ()) -> Answer:
        """One request on a stream of its own: its header fields, a body, fields behind that; and its answer."""
        try:
            line, state = self._ready()
            stream = state.get_next_available_stream_id()
            state.send_headers(stream, list(fields), end_stream=body is None and not trailers)
            if body is not None:
                state.send_data(stream, body, end_stream=not trailers)
            if trailers:
                state.send_headers(stream, list(trailers), end_stream=True)
            with contextlib.suppress(*_HUNG_UP):
                line.sendall(state.data_to_send())
            return self._read(line, state, stream)
        except (*_HUNG_UP, ProtocolError):
            self.close()
            return Answer(CLOSED, {})
        except ssl.SSLError:
            self.close()
            return Answer(REFUSED_HANDSHAKE, {})

    def _ready(self) -> tuple[ssl.SSLSocket, H2Connection]:
        line = self._open()
        if self._state is None:
            lenient = H2Configuration(
                client_side=True,
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
                validate_inbound_headers=False,
            )
            self._state = H2Connection(lenient)
            self._state.initiate_connection()
        return line, self._state

    def _read(self, line: ssl.SSLSocket, state: H2Connection, stream: int) -> Answer:
        status, headers, body = CLOSED, {}, b""
        while True:
            received = line.recv(65536)
            if not received:
                self.close()
                return Answer(CLOSED, {})
            events: list[Event] = state.receive_data(received)
            for event in events:
                if isinstance(event, ConnectionTerminated):
                    self.close()
                    return Answer(CLOSED, {})
                if isinstance(event, ResponseReceived) and event.stream_id == stream:
                    headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
                    status = int(headers[":status"])
                elif isinstance(event, DataReceived):
                    body += event.data if event.stream_id == stream else b""
                    state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, StreamReset) and event.stream_id == stream:
                    return Answer(CLOSED, {})
                elif isinstance(event, StreamEnded) and event.stream_id == stream:
                    line.sendall(state.data_to_send())
                    return Answer(status, headers, body)
            line.sendall(state.data_to_send())


def _headers(lines: list[str]) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines)
    return {name.lower(): value.strip() for name, _, value in pairs}


def _more(line: ssl.SSLSocket) -> bytes:
    """What comes next; nothing where the other end has hung up."""
    try:
        return line.recv(65536)
    except (ConnectionError, ssl.SSLError):
        return b""


def _rest(line: ssl.SSLSocket) -> bytes:
    return b"".join(iter(lambda: _more(line), b""))


def _take(line: ssl.SSLSocket, data: bytearray, length: int) -> bytes:
    end = time.monotonic() + 20
    while len(data) < length:
        assert time.monotonic() < end, "the answer is cut"
        data += _more(line)
    taken = bytes(data[:length])
    del data[:length]
    return taken
