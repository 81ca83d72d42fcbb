"""The requirements of a deploy: each checked on a host's facts, with what to do where one is not met."""

import base64
import re
import shlex
import time
from collections.abc import Callable, Iterator

from ops.deploy import selinux
from ops.errors import INSTALL_PYTHON, LOCKABLE
from ops.inventory.validation_levels import LEVELS, MEANING, is_less
from ops.monitoring.certificates import KINDS, Expiry
from ops.monitoring.doctor_facts import Facts, sudo_commands
from ops.monitoring.findings import ERROR, OK, WARNING, Finding
from ops.schema import Host
from ops.services import restart_cost, standby, supervisord_state, supervisord_survival

APACHE_NEEDED = (2, 4, 37)  # for TLSv1.3 in SSLProtocol; older ones have RequestHeader expressions, mod_proxy_uwsgi
SHIB_NEEDED = (3, 0)
MODULES = ("ssl_module", "headers_module", "setenvif_module", "proxy_module", "proxy_uwsgi_module", "mod_shib")
TOOLS = ("openssl", "flock", "base64", "sha256sum", "unshare", "ip")
MIN_DISK_KB, MIN_INODES = 102_400, 1000  # kB; files
WARN_SKEW_SECONDS, MAX_SKEW_SECONDS = 5, 300  # for a warning, for an error: Kerberos refuses more


def diagnose(host: Host, facts: Facts, endings: list[Expiry]) -> list[Finding]:
    """The findings on all facts."""
    checks: list[Callable[[Host, Facts], Iterator[Finding]]] = [
        *(_account, _sudo, _writable, _locks, _temporary, _tools, _python, _products, _supervisord, _stays),
        *(_standbys, _boot, _apache),
        *(_shibboleth, _validation, _authorities, _lists, _ports, _app, _through_apache, _selinux, _disk, _clock),
    ]
    found = [finding for check in checks for finding in check(host, facts)]
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
    shell = facts.one("shell")
    if facts.one("account") != host.account:
        advice = f"log in as {host.account}: see account in the inventory"
        yield Finding(
            "login", ERROR, f"SSH logs in as {facts.one('account')}, the inventory wants {host.account}", advice
        )
    else:
        yield Finding("login", OK, f"{host.account}, shell {shell}; logged in as {facts.one('who')}")


def _sudo(host: Host, facts: Facts) -> Iterator[Finding]:
    said = {name: words for name, words in facts.pairs("sudo_said") if words}
    for granted, name in facts.pairs("sudo"):
        words = shlex.join(sudo_commands(host)[name])
        quoted = f"; sudo says: {said[name]}" if name in said else ""
        rule = f"{host.account} ALL=(root) NOPASSWD: {words} (with the full path)"
        if granted == "yes":
            yield Finding("sudo", OK, f"{name}: {words}")
        elif granted == "password":
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
        told = facts.one("restart_cost")
        cost = (restart_cost.parse(told) if told else restart_cost.LOST).describe()
        yield Finding(
            "sudo", WARNING, f"only a restart is granted: with each change of Apache's files {cost}", advice
        )


def _writable(host: Host, facts: Facts) -> Iterator[Finding]:
    barred = [path for may, path in facts.pairs("write") if may == "no"]
    if not barred:
        yield Finding("places", OK, f"all {len(facts.pairs('write'))} are writable")
    for path in barred:
        yield Finding(
            "places", ERROR, f"{path} is not writable", f"root gives {host.account} the file, or its folder"
        )


def _tools(_: Host, facts: Facts) -> Iterator[Finding]:
    missing = [name for there, name in facts.pairs("tool") if there == "no"]
    for name in missing:
        if name in TOOLS:
            yield Finding("tools", ERROR, f"{name} is missing", "root installs it")
    if not set(missing) & {*TOOLS}:
        yield Finding("tools", OK, ", ".join(TOOLS))


def _locks(host: Host, facts: Facts) -> Iterator[Finding]:
    had, _space, why = facts.one("lock").partition(" ")
    if had == "no":
        yield Finding("locks", ERROR, f"cannot take a lock in {host.state_dir}: {why}", LOCKABLE)


def _temporary(_: Host, facts: Facts) -> Iterator[Finding]:
    made, _space, why = facts.one("temporary").partition(" ")
    if made == "no":
        advice = "root frees space in /tmp, or fixes its mode"
        yield Finding("temporary files", ERROR, f"cannot create one: {why}", advice)
    elif made:
        yield Finding("temporary files", OK, "one was created and removed")


def _python(_: Host, facts: Facts) -> Iterator[Finding]:
    found, text = facts.one("agent").partition(" ")[::2]
    if found == "no":
        yield Finding("Python", ERROR, f"none is 3.6 or newer; tried: {text}", INSTALL_PYTHON)
    elif text:
        yield Finding("Python", OK, text)


def _products(host: Host, facts: Facts) -> Iterator[Finding]:
    missing = [name for there, name in facts.pairs("product") if there == "no"]
    has_python, _space, python = facts.one("supervisor_python").partition(" ")
    if has_python == "no" and "supervisorctl" not in missing:
        advice = (
            "a deploy queries supervisord with it: install supervisor so that supervisorctl is a script of its Python"
        )
        yield Finding("products", ERROR, f"supervisorctl's Python cannot be used: {python}", advice)
    if missing:
        advice = f"install them with UPS, or fix activate in the inventory: {host.activate}"
        yield Finding("products", ERROR, f"not found after activate: {', '.join(missing)}", advice)
    elif has_python != "no":
        yield Finding("products", OK, ", ".join(["supervisord, supervisorctl, uwsgi", *filter(None, [python])]))


def _boot(host: Host, facts: Facts) -> Iterator[Finding]:
    found = supervisord_survival.assess_boot(host, _survival(facts), facts.one("boot"))
    yield Finding("boot", OK if found.ok else WARNING, found.found, found.advice)


def _survival(facts: Facts) -> supervisord_survival.Survival:
    return supervisord_survival.parse(facts.values.get("survival", []))


def _stays(host: Host, facts: Facts) -> Iterator[Finding]:
    """Whether supervisord survives a logout: the running one, or one that a deploy would start."""
    if refused := supervisord_survival.refusal(host, facts.one("start")):
        yield Finding("supervisord", ERROR, *refused)
    if "kills unknown" in facts.values.get("survival", []):
        found = "unknown whether a logout ends it: logind does not report its KillUserProcesses"
        yield Finding("supervisord", WARNING, found, "root: loginctl show-user, and /etc/systemd/logind.conf")
    if place := supervisord_survival.assess_place(host, _survival(facts)):
        yield Finding("supervisord", WARNING, place.found, place.advice)


def _apache(_host: Host, facts: Facts) -> Iterator[Finding]:
    version, _, path = facts.one("httpd").partition(" ")
    if version == "absent":
        yield Finding("Apache", ERROR, f"there is no {path}", "root installs httpd, or fix apache.configtest")
        return
    needed = ".".join(map(str, APACHE_NEEDED))
    if _numbers(version) < APACHE_NEEDED:
        advice = f"the templates need {needed} (RHEL 8) for TLS 1.3, and were never tested on an older one"
        yield Finding("Apache", ERROR, f"{version} is too old", advice)
    else:
        yield Finding("Apache", OK, f"{version} {path}")
    if facts.one("modules_unknown"):
        yield Finding("modules", ERROR, facts.one("modules_unknown"), "fix Apache's files: it cannot read them")
        return
    missing = [name for name in MODULES if name not in facts.one("modules").split()]
    for name in missing:
        yield Finding("modules", ERROR, f"{name} is not loaded", "root installs and loads it, in conf.modules.d")
    if not missing:
        yield Finding("modules", OK, ", ".join(MODULES))


def _shibboleth(_: Host, facts: Facts) -> Iterator[Finding]:
    found = re.search(r"\d+(\.\d+)+", facts.one("shibd_version"))
    if not found:
        yield Finding("shibd", ERROR, "it is not installed", "root installs shibboleth 3 with its Apache module")
    elif _numbers(found[0]) < SHIB_NEEDED:
        yield Finding("shibd", ERROR, f"{found[0]} is too old", "the templates need 3.0, and were never tested on 2")
    elif facts.one("shibd") == "hidden":
        said = f"{found[0]}; this account cannot see other accounts' processes, and no shibd socket is open"
        yield Finding("shibd", WARNING, said, "root: service shibd status")
    elif facts.one("shibd") not in ("runs", "listens"):
        yield Finding("shibd", ERROR, "it does not run: nobody can log in on 443", "root: service shibd start")
    else:
        yield Finding("shibd", OK, f"{found[0]}, {facts.one('shibd')}")


def _supervisord(host: Host, facts: Facts) -> Iterator[Finding]:
    found = supervisord_state.parse(facts.one("supervisord"))
    wrong = supervisord_state.trouble(host, found, facts.one("orphans"))
    if wrong is None:
        yield Finding("supervisord", OK, f"answers on {host.supervisor.socket}, process {found.pid}")
    elif found.state == supervisord_state.DOWN and not facts.one("orphans"):
        yield Finding("supervisord", WARNING, "is not running: normal before the first deploy", wrong[1])
    else:
        yield Finding("supervisord", ERROR, *wrong)


def _standbys(_: Host, facts: Facts) -> Iterator[Finding]:
    for text in facts.values.get("standby", []):
        words = standby.parse(text.split()).describe()
        yield Finding("standby", WARNING, words, "nothing to do: it ends by itself")


def _validation(host: Host, facts: Facts) -> Iterator[Finding]:
    """How far a deploy's validation gets on this host, found by running it with the rendered files."""
    minimum, reached = host.deploy.validation, facts.one("validation")
    if taken := facts.one("taken"):
        yield Finding("ports", ERROR, taken, "a deploy of Apache's files stops there and changes nothing")
    if facts.one("fault"):
        said = base64.b64decode(facts.one("fault")).decode(errors="replace").strip()
        advice = "a deploy of these files stops there and changes nothing; fix what it names"
        yield Finding("trial start", ERROR, f"Apache cannot use the new files: {said}", advice)
    elif not reached:
        yield Finding("trial start", WARNING, "not run: no Apache here, or no Apache file to deploy", "see above")
    elif not is_less(reached, minimum):
        reason = f"; deploy.validation is {minimum}: {host.deploy.validation_reason}" if minimum != LEVELS[-1] else ""
        yield Finding("trial start", OK, f"{reached}: {MEANING[reached]}{reason}")
    else:
        found = f"{reached}, but deploy.validation requires {minimum}; obstacle: {facts.one('obstacle') or 'unknown'}"
        advice = (
            "a deploy of Apache's files stops and changes nothing. If sysctl shows "
            "user.max_user_namespaces = 0, root sets it to 15000 (Debian: kernel.unprivileged_userns_clone to 1); "
            "if that is not possible, set deploy.validation and deploy.validation_reason"
        )
        yield Finding("trial start", ERROR, found, advice)
    for what in facts.values.get("unvalidated", []):
        yield Finding("trial start", WARNING, f"cannot be validated: {what}", "see docs/guide/validation.md")


def _lists(host: Host, facts: Facts) -> Iterator[Finding]:
    """What reloads Apache after revocation lists have changed."""
    reloaded = facts.one("lists_reloaded")
    if reloaded == "nobody":
        words = shlex.join(host.apache.reload or host.apache.restart)
        line = f"17 */6 * * * {words}"
        found = f"nothing reloads Apache when the lists in {host.apache.revocation_dir} change"
        yield Finding(
            "revocation lists", WARNING, found, f"add to the account's crontab: {line} (docs/guide/certs.md)"
        )
    elif reloaded:
        yield Finding("revocation lists", OK, f"Apache is reloaded by {reloaded}")


def _authorities(_host: Host, facts: Facts) -> Iterator[Finding]:
    count, _, path = facts.one("ca_dir").partition(" ")
    if count == "absent":
        yield Finding("trusted CAs", ERROR, f"{path} cannot be read", "root creates it, with the CAs' certificates")
    elif count == "0":
        yield Finding(
            "trusted CAs", ERROR, f"{path} has no CA file named by its hash", f"root: openssl rehash {path}"
        )
    else:
        yield Finding("trusted CAs", OK, f"{count} in {path}")


def _ports(host: Host, facts: Facts) -> Iterator[Finding]:
    ports = {state: [port for found, port in facts.pairs("port") if found == state] for state in ("silent", "closed")}
    if ports["silent"]:
        found = f"{', '.join(ports['silent'])}: a process listens, but does not answer HTTP over TLS"
        yield Finding("ports", ERROR, found, f"fab -H {host.name} check-apache; its error log says more")
    if ports["closed"]:
        advice = "normal before the first deploy; afterwards see fab check-apache"
        yield Finding("ports", WARNING, f"nothing listens on {', '.join(ports['closed'])}", advice)
    if not ports["silent"] and not ports["closed"]:
        listed = ", ".join(port for _state, port in facts.pairs("port"))
        yield Finding("ports", OK, f"TLS answers on {listed}")


def _app(host: Host, _: Facts) -> Iterator[Finding]:
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
    state, _space, found = facts.one("through_apache").partition(" ")
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


def _selinux(_: Host, facts: Facts) -> Iterator[Finding]:
    """Whether the kernel lets Apache reach the app and listen on its ports; nothing without SELinux."""
    answers = [selinux.parse(text) for text in facts.values.get("selinux", [])]
    if allowed := [one.describe() for one in answers if one.verdict == selinux.ALLOWED]:
        yield Finding("SELinux", OK, "; ".join(allowed))
    for one in answers:
        if one.verdict != selinux.ALLOWED:
            certain = one.verdict == selinux.DENIED and one.mode == selinux.ENFORCING
            yield Finding("SELinux", ERROR if certain else WARNING, one.describe(), one.to_do())


def _disk(host: Host, facts: Facts) -> Iterator[Finding]:
    # Some file systems count no inodes.
    kilobytes, inodes = (int(text) if (text := facts.one(name)).isdecimal() else -1 for name in ("disk", "inodes"))
    if 0 <= kilobytes < MIN_DISK_KB:
        yield Finding("disk", ERROR, f"only {kilobytes} kB are free in {host.home}", "free disk space")
    elif 0 <= inodes < MIN_INODES:
        yield Finding(
            "disk", ERROR, f"only {inodes} more files fit in {host.home}", "remove files that are not needed"
        )
    else:
        yield Finding("disk", OK, f"{kilobytes // 1024} MB are free in {host.home}")


def _clock(_: Host, facts: Facts) -> Iterator[Finding]:
    # The host read its clock between the request and now; a slow answer is not skew.
    told, now = int(facts.one("now") or 0), int(time.time())
    asked = int(facts.one("asked") or now)
    skew = max(asked - told, told - now, 0)
    if skew > WARN_SKEW_SECONDS:
        level = ERROR if skew > MAX_SKEW_SECONDS else WARNING
        advice = "set one of the two clocks: Kerberos, certificates and the login depend on it"
        yield Finding("clock", level, f"it differs from this machine's by {skew} seconds", advice)
    else:
        yield Finding("clock", OK, "agrees with this machine's")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
