"""The requirements of a deploy: each checked on a host's facts, with what to do where one is not met."""

import re
import shlex
import time
from collections.abc import Callable, Iterator

from ops.deploy import selinux
from ops.errors import INSTALL_PYTHON, LOCKABLE
from ops.formats.apps import views
from ops.inventory.validation_levels import LEVELS, MEANING, is_less
from ops.monitoring import door_findings, maintenance_findings
from ops.monitoring.certificates import KINDS, Expiry
from ops.monitoring.doctor_facts import TOOLS, Facts, sudo_commands
from ops.monitoring.findings import ERROR, OK, WARNING, Finding, of_app
from ops.monitoring.versions import assess_versions
from ops.schema import Host
from ops.services import maintenance_state, restart_cost, standby, supervisord_state, supervisord_survival

APACHE_NEEDED = (2, 4, 37)  # for TLSv1.3 in SSLProtocol; older ones have RequestHeader expressions, mod_proxy_uwsgi
SHIB_NEEDED = (3, 0)
MODULES = (
    *("ssl_module", "headers_module", "setenvif_module", "rewrite_module", "alias_module"),
    *("proxy_module", "proxy_uwsgi_module", "mod_shib"),
)
MIN_DISK_KB, MIN_INODES = 102_400, 1000  # kB; files
WARN_SKEW_SECONDS, MAX_SKEW_SECONDS = 5, 300  # for a warning, for an error: Kerberos refuses more


def diagnose(host: Host, facts: Facts, endings: list[Expiry]) -> list[Finding]:
    """The findings on all facts."""
    checks: list[Callable[[Host, Facts], Iterator[Finding]]] = [
        *(_account, _sudo, _writable, _locks, _temporary, _tools, _python, _products, _supervisord, _stays),
        *(_versions, _standbys, _boot, _apache),
        *(_shibboleth, _validation, _authorities, _lists, _ports, _app, _through_apache, _maintenance),
        *(_selinux, _disk, _clock),
    ]
    pairs = [(check, view) for check in checks for view in (views(host) if check in OF_EACH_APP else [host])]
    found = [of_app(view, finding) for check, view in pairs for finding in check(view, facts)]
    found += [of_app(view, finding) for view in views(host) for finding in door_findings.open_sockets(view)]
    for one in endings:
        if one.is_due(host.certificates.warn_days):
            level = ERROR if one.problem or (one.days or 0) < 0 else WARNING
            stale = one.kind == "served" or (one.kind == "revocations" and one.problem)
            advice = f"fab -H {host.name} reload-apache" if stale else "renew it; a host certificate needs root"
            found.append(Finding("certificates", level, f"{KINDS[one.kind]} {one.path}: {one.describe()}", advice))
    if not any(finding.what == "certificates" for finding in found):
        found.append(
            Finding("certificates", OK, f"{len(endings)}, none expires within {host.certificates.warn_days} days")
        )
    return found


def _account(host: Host, facts: Facts) -> Iterator[Finding]:
    found = facts.account
    if found.account != host.account:
        advice = f"log in as {host.account}: see account in the inventory"
        yield Finding("login", ERROR, f"SSH logs in as {found.account}, the inventory wants {host.account}", advice)
    else:
        yield Finding("login", OK, f"{host.account}, shell {found.shell}; logged in as {facts.login.who}")


def _sudo(host: Host, facts: Facts) -> Iterator[Finding]:
    for grant in facts.account.grants:
        name, words = grant.name, shlex.join(sudo_commands(host)[grant.name])
        quoted = f"; sudo says: {grant.said}" if grant.said else ""
        rule = f"{host.account} ALL=(root) NOPASSWD: {words} (with the full path)"
        if grant.granted == "yes":
            yield Finding("sudo", OK, f"{name}: {words}")
        elif grant.granted == "password":
            advice = (
                f"fab --prompt-for-sudo-password doctor shows more; or root adds to /etc/sudoers.d: {rule}. If it is "
                f"there, sudo wants a password to list it: root adds 'Defaults:{host.account} listpw=any'"
            )
            yield Finding("sudo", ERROR, f"{name} is not granted without a password: {words}{quoted}", advice)
        else:
            advice = f"root adds to /etc/sudoers.d: {rule}"
            yield Finding("sudo", ERROR, f"{name} is not granted: {words}{quoted}", advice)
    if not host.apache.reload:
        advice = "root grants 'service httpd graceful' too; then set it as apache.reload"
        settings = facts.apache.restart
        cost = (restart_cost.restart_cost(settings) if settings else restart_cost.LOST).describe()
        yield Finding(
            "sudo", WARNING, f"only a restart is granted: with each change of Apache's files {cost}", advice
        )


def _writable(host: Host, facts: Facts) -> Iterator[Finding]:
    if not facts.account.unwritable:
        yield Finding("places", OK, f"all {facts.places} are writable")
    for path in facts.account.unwritable:
        yield Finding(
            "places", ERROR, f"{path} is not writable", f"root gives {host.account} the file, or its folder"
        )


def _tools(_: Host, facts: Facts) -> Iterator[Finding]:
    for name in facts.account.missing_tools:
        yield Finding("tools", ERROR, f"{name} is missing", "root installs it")
    if not facts.account.missing_tools:
        yield Finding("tools", OK, ", ".join(TOOLS))


def _locks(host: Host, facts: Facts) -> Iterator[Finding]:
    if why := facts.account.lock_problem:
        yield Finding("locks", ERROR, f"cannot take a lock in {host.state_dir}: {why}", LOCKABLE)


def _temporary(_: Host, facts: Facts) -> Iterator[Finding]:
    if why := facts.account.temporary_problem:
        advice = "root frees space in /tmp, or fixes its mode"
        yield Finding("temporary files", ERROR, f"cannot create one: {why}", advice)
    else:
        yield Finding("temporary files", OK, "one was created and removed")


def _python(_: Host, facts: Facts) -> Iterator[Finding]:
    yield Finding("Python", OK, facts.login.python)


def without_python(tried: str) -> list[Finding]:
    """The only finding on a host whose facts no Python can collect; `tried` names those that were looked for."""
    return [Finding("Python", ERROR, f"none is 3.6 or newer; tried: {tried}", INSTALL_PYTHON)]


def _products(host: Host, facts: Facts) -> Iterator[Finding]:
    missing, problem = facts.products.missing, facts.products.python_problem
    if problem and "supervisorctl" not in missing:
        advice = (
            "a deploy queries supervisord with it: install supervisor so that supervisorctl is a script of its Python"
        )
        yield Finding("products", ERROR, f"supervisorctl's Python cannot be used: {problem}", advice)
    if missing:
        advice = f"install them with UPS, or fix activate in the inventory: {host.activation}"
        yield Finding("products", ERROR, f"not found after activate: {', '.join(missing)}", advice)
    elif not problem:
        yield Finding("products", OK, f"supervisord, supervisorctl, uwsgi, {facts.products.python}")


def _versions(host: Host, facts: Facts) -> Iterator[Finding]:
    if host.software is None:
        return
    found = list(assess_versions(host, facts.products.software))
    yield from found or [Finding("version", OK, f"{host.software.version}: installed, current and running")]


def _boot(host: Host, facts: Facts) -> Iterator[Finding]:
    found = supervisord_survival.assess_boot(host, _survival(facts), facts.supervisord.survival.starter)
    yield Finding("boot", OK if found.ok else WARNING, found.found, found.advice)


def _survival(facts: Facts) -> supervisord_survival.Survival:
    return supervisord_survival.read(facts.supervisord.survival)


def _stays(host: Host, facts: Facts) -> Iterator[Finding]:
    """Whether supervisord survives a logout: the running one, or one that a deploy would start."""
    if refused := supervisord_survival.refusal(host, facts.supervisord.start):
        yield Finding("supervisord", ERROR, *refused)
    if facts.supervisord.survival.kills == "unknown":
        found = "unknown whether a logout ends it: logind does not report its KillUserProcesses"
        yield Finding("supervisord", WARNING, found, "root: loginctl show-user, and /etc/systemd/logind.conf")
    if place := supervisord_survival.assess_place(host, _survival(facts)):
        yield Finding("supervisord", WARNING, place.found, place.advice)


def _apache(host: Host, facts: Facts) -> Iterator[Finding]:
    version, path = facts.apache.version, host.apache.configtest[0]
    if version is None:
        yield Finding("Apache", ERROR, f"there is no {path}", "root installs httpd, or fix apache.configtest")
        return
    needed = ".".join(map(str, APACHE_NEEDED))
    if _numbers(version) < APACHE_NEEDED:
        advice = f"the templates need {needed} (RHEL 8) for TLS 1.3, and were never tested on an older one"
        yield Finding("Apache", ERROR, f"{version} is too old", advice)
    else:
        yield Finding("Apache", OK, f"{version} {path}")
    if facts.apache.modules_problem:
        yield Finding("modules", ERROR, facts.apache.modules_problem, "fix Apache's files: it cannot read them")
        return
    missing = [name for name in MODULES if name not in facts.apache.modules]
    for name in missing:
        yield Finding("modules", ERROR, f"{name} is not loaded", "root installs and loads it, in conf.modules.d")
    if not missing:
        yield Finding("modules", OK, ", ".join(MODULES))


def _shibboleth(_: Host, facts: Facts) -> Iterator[Finding]:
    found = re.search(r"\d+(\.\d+)+", facts.apache.shibd_version)
    if not found:
        yield Finding("shibd", ERROR, "it is not installed", "root installs shibboleth 3 with its Apache module")
    elif _numbers(found[0]) < SHIB_NEEDED:
        yield Finding("shibd", ERROR, f"{found[0]} is too old", "the templates need 3.0, and were never tested on 2")
    elif facts.apache.shibd == "hidden":
        said = f"{found[0]}; this account cannot see other accounts' processes, and no shibd socket is open"
        yield Finding("shibd", WARNING, said, "root: service shibd status")
    elif facts.apache.shibd not in ("runs", "listens"):
        yield Finding("shibd", ERROR, "it does not run: nobody can log in on 443", "root: service shibd start")
    else:
        yield Finding("shibd", OK, f"{found[0]}, {facts.apache.shibd}")


def _supervisord(host: Host, facts: Facts) -> Iterator[Finding]:
    found, orphans = supervisord_state.read(facts.supervisord.state), " ".join(map(str, facts.supervisord.orphans))
    wrong = supervisord_state.trouble(host, found, orphans)
    if wrong is None:
        yield Finding("supervisord", OK, f"answers on {host.supervisor.socket}, process {found.pid}")
    elif found.state == supervisord_state.DOWN and not orphans:
        yield Finding("supervisord", WARNING, "is not running: normal before the first deploy", wrong[1])
    else:
        yield Finding("supervisord", ERROR, *wrong)


def _standbys(_: Host, facts: Facts) -> Iterator[Finding]:
    for one in facts.supervisord.standbys:
        words = standby.read(one).describe()
        yield Finding("standby", WARNING, words, "nothing to do: it ends by itself")


def _validation(host: Host, facts: Facts) -> Iterator[Finding]:
    """How far a deploy's validation gets on this host, found by running it with the rendered files."""
    minimum, reached = host.deploy.validation, facts.validation.reached
    if taken := facts.validation.taken:
        yield Finding("ports", ERROR, taken, "a deploy of Apache's files stops there and changes nothing")
    if said := facts.validation.fault:
        advice = "a deploy of these files stops there and changes nothing; fix what it names"
        yield Finding("trial start", ERROR, f"Apache cannot use the new files: {said}", advice)
    elif not reached:
        yield Finding("trial start", WARNING, "not run: no Apache here, or no Apache file to deploy", "see above")
    elif not is_less(reached, minimum):
        reason = f"; deploy.validation is {minimum}: {host.deploy.validation_reason}" if minimum != LEVELS[-1] else ""
        yield Finding("trial start", OK, f"{reached}: {MEANING[reached]}{reason}")
    else:
        obstacle = facts.validation.obstacle or "unknown"
        found = f"{reached}, but deploy.validation requires {minimum}; obstacle: {obstacle}"
        advice = (
            "a deploy of Apache's files stops and changes nothing. If sysctl shows "
            "user.max_user_namespaces = 0, root sets it to 15000 (Debian: kernel.unprivileged_userns_clone to 1); "
            "if that is not possible, set deploy.validation and deploy.validation_reason"
        )
        yield Finding("trial start", ERROR, found, advice)
    for what in facts.validation.unvalidated:
        yield Finding("trial start", WARNING, f"cannot be validated: {what}", "see docs/guide/validation.md")


def _lists(host: Host, facts: Facts) -> Iterator[Finding]:
    """What reloads Apache after revocation lists have changed."""
    reloaded = facts.apache.lists_reloaded
    if reloaded == "nobody":
        words = shlex.join(host.apache.reload or host.apache.restart)
        line = f"17 */6 * * * {words}"
        found = f"nothing reloads Apache when the lists in {host.apache.revocation_dir} change"
        yield Finding(
            "revocation lists", WARNING, found, f"add to the account's crontab: {line} (docs/guide/certs.md)"
        )
    elif reloaded:
        yield Finding("revocation lists", OK, f"Apache is reloaded by {reloaded}")


def _authorities(host: Host, facts: Facts) -> Iterator[Finding]:
    count, path = facts.apache.authorities, host.apache.ca_dir
    if count is None:
        yield Finding("trusted CAs", ERROR, f"{path} cannot be read", "root creates it, with the CAs' certificates")
    elif not count:
        yield Finding(
            "trusted CAs", ERROR, f"{path} has no CA file named by its hash", f"root: openssl rehash {path}"
        )
    else:
        yield Finding("trusted CAs", OK, f"{count} in {path}")


def _ports(host: Host, facts: Facts) -> Iterator[Finding]:
    by_state = {
        state: ", ".join(str(one.port) for one in facts.apache.ports if one.state == state)
        for state in ("silent", "closed", "open")
    }
    if silent := by_state["silent"]:
        found = f"{silent}: a process listens, but does not answer HTTP over TLS"
        yield Finding("ports", ERROR, found, f"fab -H {host.name} check-apache; its error log says more")
    if closed := by_state["closed"]:
        advice = "normal before the first deploy; afterwards see fab check-apache"
        yield Finding("ports", WARNING, f"nothing listens on {closed}", advice)
    if not silent and not closed:
        yield Finding("ports", OK, f"TLS answers on {by_state['open']}")


def _app(host: Host, _: Facts) -> Iterator[Finding]:
    """Who can connect to an app; `host` is its view."""
    if host.app.listen.startswith("/"):
        yield Finding("app", OK, f"the account's own socket, {host.app.listen}")
    else:
        found = f"{host.app.listen}: any local account can connect and impersonate anyone"
        yield Finding("app", WARNING, found, "allow no other logins there, or use a socket: docs/guide/apache.md")
    if host.app.cron_listen and not host.app.cron_listen.startswith("/"):
        found = f"{host.app.cron_listen}, for cron jobs: any local account can connect and impersonate anyone"
        yield Finding("app", WARNING, found, "allow no other logins there; see docs/guide/apache.md")


def _through_apache(host: Host, facts: Facts) -> Iterator[Finding]:
    """Whether Apache reaches the app, found by a request through Apache; and a setting that may prevent it."""
    through = facts.apache.through_apache.get(host.app_name)
    state, found = (through.state, through.found) if through else ("", "")
    if host.app.listen.startswith(("/tmp/", "/var/tmp/")):  # noqa: S108 - only read
        said = f"{host.app.listen}: with PrivateTmp, Red Hat's default, Apache has its own /tmp and /var/tmp"
        level = ERROR if state == "failed" else WARNING
        yield Finding("app", level, said, "set app.listen to a socket in the account's home")
    if state == "ok":
        yield Finding("app through Apache", OK, f"Apache reaches it on {host.app.listen}")
    elif state == "failed":
        advice = "users get that status. Give Apache's account the missing permission, or set another app.listen"
        yield Finding("app through Apache", ERROR, found, advice)
    elif state == "unknown":
        yield Finding("app through Apache", WARNING, found, f"fab -H {host.name} deploy, or diff to see its changes")
    elif not host.app.check_through_apache:
        found = "not checked: app.check_through_apache is false"
        yield Finding("app through Apache", WARNING, found, "see docs/guide/apache.md")


OF_EACH_APP = (_app, _through_apache)


def _maintenance(host: Host, facts: Facts) -> Iterator[Finding]:
    on = maintenance_state.read(facts.apache.maintenance)
    yield from maintenance_findings.state(host, on, facts.account.now)


def _selinux(_: Host, facts: Facts) -> Iterator[Finding]:
    """Whether the kernel lets Apache reach the app and listen on its ports; nothing without SELinux."""
    answers = [selinux.read(one) for one in facts.selinux]
    if allowed := [one.describe() for one in answers if one.verdict == selinux.ALLOWED]:
        yield Finding("SELinux", OK, "; ".join(allowed))
    for one in answers:
        if one.verdict != selinux.ALLOWED:
            certain = one.verdict == selinux.DENIED and one.mode == selinux.ENFORCING
            yield Finding("SELinux", ERROR if certain else WARNING, one.describe(), one.to_do())


def _disk(host: Host, facts: Facts) -> Iterator[Finding]:
    # Some file systems count no inodes.
    kilobytes, inodes = facts.account.free_kilobytes, facts.account.free_inodes
    if kilobytes < MIN_DISK_KB:
        yield Finding("disk", ERROR, f"only {kilobytes} kB are free in {host.home}", "free disk space")
    elif inodes is not None and inodes < MIN_INODES:
        yield Finding(
            "disk", ERROR, f"only {inodes} more files fit in {host.home}", "remove files that are not needed"
        )
    else:
        yield Finding("disk", OK, f"{kilobytes // 1024} MB are free in {host.home}")


def _clock(_: Host, facts: Facts) -> Iterator[Finding]:
    # The host read its clock between the request and now; a slow answer is not skew.
    told, now = facts.account.now, int(time.time())
    skew = max(facts.login.asked - told, told - now, 0)
    if skew > WARN_SKEW_SECONDS:
        level = ERROR if skew > MAX_SKEW_SECONDS else WARNING
        advice = "set one of the two clocks: Kerberos, certificates and the login depend on it"
        yield Finding("clock", level, f"it differs from this machine's by {skew} seconds", advice)
    else:
        yield Finding("clock", OK, "agrees with this machine's")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
