"""uWSGI's log of requests: how the parts of a line are found, by the host's log-format."""

import re
from collections.abc import Collection

from ops.schema import Host

# The parts of a line, as uWSGI writes them (uwsgi_lf_* in core/logging.c).
_WRITTEN = {
    "vsz": r"\d+",
    "vszM": r"\d+",
    "pid": r"\d+",
    "epoch": r"\d{9,12}",
    "ctime": r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}",
    "ltime": r"\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}",
    "status": r"[1-5]\d\d",
    "msecs": r"\d{1,12}",
    "micros": r"\d{1,12}",
    "secs": r"\d{1,12}",
}
_OF_CLIENTS = ("uri", "method", "proto", "host", "uagent", "referer")
RECORD = ("vsz", "vszM", "pid", "epoch", "ctime", "ltime")  # how large a process was, and when
ANSWER = (*RECORD, "status", "msecs", "micros", "secs")  # and how a request was answered
# uWSGI's own format (core/logging.c, uwsgi_log_request) with memory-report; it has msecs, or micros with log-micros.
_OWN = (
    *("{address space usage: %(vsz) bytes/", "[pid: %(pid)|", "[%(ctime)]"),
    *(" bytes in %(msecs) msecs (", " bytes in %(micros) micros ("),
)
_OWN_STATUS = r"s \(HTTP/\d\.\d ([1-5]\d\d)\) "


def patterns(host: Host, parts: Collection[str]) -> dict[str, str]:
    """For each of the `parts` in the host's log-format, a regular expression for it and the text around it.

    Its last match in a line is the part, whatever a client has written into its request: what stands between two
    parts that clients write is left out. Each runs in linear time, and has one group.
    """
    written = host.uwsgi.options.get("log-format", host.uwsgi.options.get("logformat"))
    found = {"status": _OWN_STATUS} if written is None and "status" in parts else {}
    for text in [written] if isinstance(written, str) else _OWN:
        pieces = re.split(r"%\(([\w.]+)\)", text)  # text, name, text, name, ..., text
        names = pieces[1::2]
        for number, name in enumerate(names):
            kind = "epoch" if name == "time" else name
            before, after = pieces[2 * number][-24:], pieces[2 * number + 2][:24]
            first, last = number == 0 and not before, number == len(names) - 1 and not after
            if kind in parts and (before.strip() or after.strip() or first or last):
                left, right = "^" if first else re.escape(before), "$" if last else re.escape(after)
                if any(map(_is_of_clients, names[number:])):
                    if any(map(_is_of_clients, names[:number])):
                        continue
                    left = left if first else f"^.*?{left}"  # the first one
                found[kind] = f"{left}({_WRITTEN[kind]}){right}"
    return found


def _is_of_clients(name: str) -> bool:
    """Whether a client writes this part of a line."""
    return name in _OF_CLIENTS or name.startswith("var.")
