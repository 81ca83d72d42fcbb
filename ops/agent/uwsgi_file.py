"""uWSGI's file for a second uWSGI beside the running one: without the options that the first one already uses."""

import re

# Options with effects outside the process, or that set the number of workers.
NOT_BESIDE = re.compile(
    r"(socket|uwsgi-socket|.*-socket|socket-.*|http.*|https.*|fd|stats.*|.*pidfile.*|daemonize.*|.*log.*|touch-.*"
    r"|.*reload.*|hook-.*|exec-.*|call-.*|as-user.*|mule.*|farm.*|.*daemon.*|legion.*|.*cron.*"
    r"|.*fifo.*|vacuum|chmod.*|chown.*|cheap.*|workers|processes|threads|master|spooler.*|zerg.*"
    r"|emperor.*|vassal.*|subscri.*|snmp.*|carbon.*|alarm.*|max-.*|min-.*|.*harakiri.*|idle|uid|gid"
    r"|cgroup.*|.*router.*|cache.*|queue.*|sharedarea.*|metrics-dir.*|die-on-idle|strict|unlink.*|print.*)\Z"
)
WITHOUT_EFFECT = re.compile(r"(touch-.*|hook-accepting1-once|uid|gid)\Z")
SCHEME = re.compile(r"[a-z]+:/")
SWITCH_OR_NUMBER = re.compile(r"(true|false|[0-9]*)\Z")
KEPT = "log-format"
SOCKETS = ("socket", "uwsgi-socket", "http-socket")
SERVING = re.compile(r"^hook-accepting1-once = write:(.*) yes$", re.MULTILINE)


def fit_for_standby(text: str) -> str:
    """The file's text for a second uWSGI."""
    lines = [line for line in text.splitlines() if line.startswith("[uwsgi]") or _is_kept(line)]
    return "".join(f"{line}\n" for line in lines)


def left_out_of(text: str) -> "list[tuple[str, str]]":
    """The options that a second uWSGI does without, as (name, path); the path is "" if its value is none.

    The inventory's rules check numbers and switches, and taken_ports.py checks addresses.
    """
    found = []
    for line in text.splitlines():
        name = _name(line)
        if not name or _is_kept(line) or WITHOUT_EFFECT.match(name):
            continue
        value = SCHEME.sub("/", line.partition("=")[2].lstrip(" \t"), count=1)
        if value.startswith("/"):
            found.append((name, value))
        elif not SWITCH_OR_NUMBER.match(value) and not name.endswith("socket"):
            found.append((name, ""))
    return found


def number_of(text: str, option: str) -> int:
    """The number that an option has; 0 if it is not in the file."""
    found = [line.split()[2:3] for line in text.splitlines() if line.split()[:1] == [option]]
    digits = re.match(r"[0-9]+", found[-1][0]) if found and found[-1] else None
    return int(digits.group()) if digits else 0


def socket_count(text: str) -> int:
    """How many sockets the file has for requests, of the uwsgi protocol or HTTP."""
    return sum(line.split()[0] in SOCKETS for line in text.splitlines() if line.strip())


def file_when_serving(text: str) -> str:
    """The file that uWSGI touches when it accepts requests; "" if it touches none."""
    found = SERVING.search(text)
    return found.group(1).replace("%%", "%") if found else ""


def _name(line: str) -> str:
    """The option of a line; "" if it has none."""
    return line.split()[0] if re.match(r"[a-zA-Z0-9]", line) else ""


def _is_kept(line: str) -> bool:
    name = _name(line)
    return bool(name) and (name == KEPT or not NOT_BESIDE.match(name))
