"""Smoke checks: requests to the service from outside, before a deploy and again before its commit.

If this machine cannot reach the port, the request goes through the SSH connection; if that fails too, the check is
"not asked", which is not "failed". What answers with the maintenance page is neither: the app was not reached.
"""

import http.client
import re
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import paramiko
from invoke.exceptions import ThreadException

from ops.door_tables import ANYONE, CERTIFICATE, LOGIN, TOKEN
from ops.formats.apache import maintenance_paths
from ops.formats.locations import door_ports, locations_on
from ops.schema import Check, Host
from ops.ssh.session import Remote

PASSED, FAILED, NOT_ASKED = "passed", "failed", "not asked"
MAINTENANCE = "not judged"  # the maintenance page has answered
MARK = ("X-Poms-Ops", "maintenance")  # the header of Apache's maintenance page (templates/httpd/_vhost.conf.j2)
FILES_STATUS = [200, 301, 403, 404]  # of a folder of files: it has a page, or none for its own path
TUNNEL_TRIES = 40
SETTLE = 10.0  # seconds for a check that passed before to pass again


@dataclass(frozen=True)
class CheckResult:
    """The result of one check: its name, PASSED, FAILED, NOT_ASKED or MAINTENANCE, and the response."""

    name: str
    state: str
    got: str


def checks_of(host: Host) -> list[Check]:
    """Apache's two ports, the locations and doors that this machine can judge, and the checks of the inventory."""
    login = Check(name="443 sends to login", port=host.apache.port, path=host.app.path, status=[302, 303])
    refusal = Check(
        name="8443 refuses without a certificate", port=host.apache.cert_port, path=host.app.path, status=[0]
    )
    return [login, refusal, *_door_checks(host), *host.checks]


def _door_checks(host: Host) -> Iterator[Check]:
    """Each location as somebody without a login, a certificate or a token meets it.

    Not on the door of certificates, which refuses every such visitor, and not where only some addresses may come.
    """
    for door, port in door_ports(host).items():
        for one in locations_on(host, door) if door != CERTIFICATE else []:
            name = f"{port}{one.path}"
            if one.addresses:
                continue
            if one.allow == ANYONE:
                name, status = f"{name} answers", one.status or (FILES_STATUS if one.folder else [200])
            elif door == LOGIN and one.allow != CERTIFICATE:
                name, status = f"{name} sends to login", [302, 303]
            else:
                name = f"{name} refuses without {'a token' if door == TOKEN else 'a certificate'}"
                status = [401, 403]
            yield Check(name=name, port=port, path=one.path, status=status)
    if host.apache.redirect_from:
        name = f"{host.apache.redirect_from} sends to https"
        yield Check(name=name, port=host.apache.redirect_from, path=host.app.path, status=[301])


def page_checks(host: Host) -> list[Check]:
    """Those that ask for a page of the app which maintenance closes."""
    closed = re.compile(maintenance_paths(host))
    return [
        check
        for check in checks_of(host)
        if 0 not in check.status
        and check.port != host.apache.redirect_from
        and closed.match(check.path.partition("?")[0])
    ]


def run_smoke_checks(remote: Remote, checks: list[Check] | None = None) -> list[CheckResult]:
    """Run every check of the host, or these, once, in parallel."""
    checks = checks_of(remote.host) if checks is None else checks
    with ThreadPoolExecutor(len(checks)) as pool:
        return list(pool.map(lambda check: _ask(remote, check), checks))


def find_regressions(remote: Remote, before: list[CheckResult], last: list[CheckResult]) -> list[CheckResult]:
    """The checks that passed before and fail now, after at most SETTLE seconds of retries.

    `last` receives the results of the last run.
    """
    end = time.monotonic() + SETTLE
    while True:
        last[:] = run_smoke_checks(remote)
        worse = [now for was, now in zip(before, last, strict=True) if was.state == PASSED and now.state == FAILED]
        if not worse or time.monotonic() > end:
            return worse
        time.sleep(0.5)


def _ask(remote: Remote, check: Check) -> CheckResult:
    try:
        return _assess(check, _get(remote.host, check, (remote.connection.host, check.port)))
    except OSError as error:
        return _ask_through_ssh(remote, check, f"from here: {error}")


def _ask_through_ssh(remote: Remote, check: Check, reason: str) -> CheckResult:
    """Run a check through SSH: the host connects to its own address."""
    address = remote.connection.host
    try:
        remote.connection.transport.open_channel("direct-tcpip", (address, check.port), ("", 0), timeout=5).close()
    except paramiko.ChannelException as error:
        refused = error.code == 2  # RFC 4254: the connect failed; with any other code, sshd itself refuses
        return CheckResult(check.name, FAILED if refused else NOT_ASKED, f"{reason}; through SSH: {error.text}")
    except (paramiko.SSHException, OSError, EOFError) as error:
        return CheckResult(check.name, NOT_ASKED, f"{reason}; through SSH: {error}")
    port = _free_port()
    try:
        with remote.connection.forward_local(local_port=port, remote_port=check.port, remote_host=address):
            for _ in range(TUNNEL_TRIES):
                try:
                    return _assess(check, _get(remote.host, check, ("127.0.0.1", port)))
                except ConnectionRefusedError:  # the tunnel does not listen yet
                    time.sleep(0.05)
        return CheckResult(check.name, NOT_ASKED, f"{reason}; through SSH: no tunnel")
    except (ThreadException, OSError) as error:
        return CheckResult(check.name, NOT_ASKED, f"{reason}; through SSH: {type(error).__name__}")


@dataclass(frozen=True)
class _Response:
    """Status (0: the TLS handshake was refused; negative: no answer) and body, or why there is none."""

    status: int
    body: str
    is_maintenance: bool = False


def _get(host: Host, check: Check, address: tuple[str, int]) -> _Response:
    """Ask for the page. Raises OSError if it cannot connect."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # this checks whether the service answers, not who it is
    context.verify_mode = ssl.CERT_NONE
    if check.certificate:
        context.load_cert_chain(check.certificate, check.key)
    with socket.create_connection(address, check.seconds) as plain:
        try:
            is_plain = check.port == host.apache.redirect_from
            with plain if is_plain else context.wrap_socket(plain, server_hostname=host.apache.server_name) as line:
                connection = http.client.HTTPConnection(host.apache.server_name, check.port)
                connection.sock = line
                connection.request("GET", check.path, headers={"User-Agent": "poms-ops"})
                answer = connection.getresponse()
                is_maintenance = answer.status == 503 and answer.headers.get(MARK[0]) == MARK[1]
                return _Response(answer.status, answer.read(100_000).decode(errors="replace"), is_maintenance)
        except ssl.SSLError as error:
            return _Response(0, error.reason or str(error))
        except (http.client.HTTPException, ConnectionError) as error:
            return _Response(-1, str(error) or type(error).__name__)


def _assess(check: Check, found: _Response) -> CheckResult:
    status, body = found.status, found.body
    if found.is_maintenance:
        return CheckResult(check.name, MAINTENANCE, f"behind the maintenance page (status {status})")
    if status == 0:
        got = f"the handshake was refused ({body})"
    elif status < 0:
        got = f"the connection was closed without an answer ({body})"
    else:
        got = f"status {status}"
    if status not in check.status:
        return CheckResult(check.name, FAILED, f"{got}, wanted {' or '.join(map(str, check.status))}")
    if check.text and check.text not in body:
        return CheckResult(check.name, FAILED, f"{got}, without the text {check.text!r}")
    return CheckResult(check.name, PASSED, got)


def _free_port() -> int:
    """A free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
