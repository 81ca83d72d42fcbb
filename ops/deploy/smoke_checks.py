"""Smoke checks: requests to the service from outside, before a deploy and again before its commit.

If this machine cannot reach the port, the request goes through the SSH connection; if that fails too, the check is
"not asked", which is not "failed". What answers with the maintenance page is neither: the app was not reached.
"""

import http.client
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import paramiko
from invoke.exceptions import ThreadException

from ops.formats.apps import is_main, views, with_pages
from ops.schema import Check, Host
from ops.ssh.session import Remote

PASSED, FAILED, NOT_ASKED = "passed", "failed", "not asked"
MAINTENANCE = "not judged"  # the maintenance page has answered
MARK = ("X-Poms-Ops", "maintenance")  # the header of Apache's maintenance page (templates/httpd/_vhost.conf.j2)
TUNNEL_TRIES = 40
SETTLE = 10.0  # seconds for a check that passed before to pass again


@dataclass(frozen=True)
class CheckResult:
    """The result of one check: its name, PASSED, FAILED, NOT_ASKED or MAINTENANCE, and the response."""

    name: str
    state: str
    got: str


def checks_of(host: Host) -> list[Check]:
    """Apache's two ports, with the pages of each app, and the checks of the inventory."""
    found = []
    for view in views(host):
        if path := view.app.path:
            of = "" if is_main(view) else f" of {view.app_name}"
            login = Check(name=f"443 sends to login{of}", port=host.apache.port, path=path, status=[302, 303])
            name = f"8443 refuses without a certificate{of}"
            found += [login, Check(name=name, port=host.apache.cert_port, path=path, status=[0])]
    return [*found, *host.checks]


def page_checks(host: Host) -> list[Check]:
    """Those that ask for a page of an app which maintenance closes."""
    apps, left = [f"{view.app.path}/" for view in with_pages(host)], host.maintenance.paths
    asked = [(check, check.path.partition("?")[0]) for check in checks_of(host) if 0 not in check.status]
    return [check for check, path in asked if path not in left and any(f"{path}/".startswith(app) for app in apps)]


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
            with context.wrap_socket(plain, server_hostname=host.apache.server_name) as line:
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
