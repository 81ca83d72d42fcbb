# workers.py: what uWSGI's stats server says of the workers, and what its log remembers of them: how much address space
# each process had when, and why workers were replaced. Runs on the host, under Python 2.7 or 3.
# Usage: workers.py SUPERVISORCTL "stats PATH" ["log PATH" | "end_of_log PATH"] ["pattern FIELD REGEX" ...]
# Prints one JSON object. Only numbers and words of ours are in it: the stats server shows the headers of requests that run,
# and the log their addresses.
import calendar
import json
import os
import re
import socket
import sys
import time

PIECES, PIECE, TAIL = 24, 32768, 524288  # bytes read from all over the log, and from its end
SHORT_TAIL = 131072
POINTS = 60  # for each process
NUMBERS = (
    "pid", "requests", "exceptions", "harakiri_count", "rss", "vsz", "avg_rt", "respawn_count", "last_spawn",
)
STATES = ("idle", "busy", "cheap", "pause")
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def read_stats(path):
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(5)
    line.connect(path)
    received = b""
    while True:
        part = line.recv(65536)
        if not part:
            return json.loads(received.decode("utf-8", "replace"))
        received += part


def worker(number, said):
    found = dict((name, int(said.get(name, 0))) for name in NUMBERS)
    found["id"] = number  # the server's is 0 until the first start
    state = said.get("status", "")
    found["state"] = state if state in STATES else "busy" if state[:3] == "sig" else "unknown"
    found["cores"] = len(said.get("cores", []))
    found["busy_cores"] = len([core for core in said.get("cores", []) if core.get("in_request")])
    if found["busy_cores"]:  # uWSGI calls one cheap that was sent away and still has a request to end
        found["state"] = "busy"
    return found


def pieces(path):
    """Texts from all over the log, in its order, cut at line breaks; the last one is its end, without a gap."""
    size = os.path.getsize(path)
    rest = max(0, size - TAIL)
    count = min(PIECES, -(-rest // PIECE))
    spans = [(rest * number // count, min(PIECE, rest // count)) for number in range(count)] + [(rest, TAIL)]
    with open(path, "rb") as log:
        for start, length in spans:
            log.seek(start)
            text = log.read(length).decode("utf-8", "replace")
            yield (text if start == 0 else text.partition("\n")[2]).rpartition("\n")[0]


def seconds(field, text):
    """A time of the log, in seconds since 1970: "1767225600", "Thu Jan  1 00:00:00 2026" of uWSGI's zone, or
    "01/Jan/2026:00:00:00 +0000"."""
    if field == "epoch":
        return int(text)
    if field == "ctime":
        _day, month, day, clock, year = text.split()
        return time.mktime(parts(year, month, day, clock) + (0, 0, -1))
    day, month, rest = text.split("/")
    year, clock = rest.split(" ")[0].split(":", 1)
    zone = rest.split(" ")[1]
    ahead = int(zone[:1] + "1") * (int(zone[1:3]) * 3600 + int(zone[3:5]) * 60)
    return calendar.timegm(parts(year, month, day, clock) + (0, 0, 0)) - ahead


def parts(year, month, day, clock):
    hour, minute, second = clock.split(":")
    return int(year), MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second)


class Record:
    """What the lines of a log tell, read in their order."""

    def __init__(self, patterns):
        self.patterns = patterns
        self.points = {}  # process id to [[seconds, bytes], ...]
        self.reasons = {}  # worker to {reason: how often}
        self.last = {}  # worker to the last of its reasons
        self.due = {}  # worker to why it is about to be replaced

    def measure(self, line):
        found = {}
        for field, pattern in self.patterns:
            told = pattern.findall(line)
            if told:
                found[field] = told[-1]
        size = int(found["vsz"]) if "vsz" in found else int(found.get("vszM", 0)) * 1048576
        times = [field for field in ("epoch", "ctime", "ltime") if field in found]
        if size and times and "pid" in found:
            try:
                moment = seconds(times[0], found[times[0]])
            except (ValueError, OverflowError):
                return
            self.points.setdefault(int(found["pid"]), []).append([int(moment), size])

    def note(self, line):
        """One of uWSGI's own lines (core/master_checks.c, core/master.c and core/uwsgi.c of 2.0.31), if it is."""
        for pattern, reason in EVENTS:
            match = pattern.match(line)
            if not match:
                continue
            number = int(match.group(1))
            if reason == "spawned":  # by a master that has begun anew: so does its count
                for told in (self.reasons, self.last, self.due):
                    told.pop(number, None)
            elif reason == "respawned":
                why = self.last[number] = self.due.pop(number, "unknown")
                counts = self.reasons.setdefault(number, {})
                counts[why] = counts.get(why, 0) + 1
            elif reason == "done":  # no reason is named where a worker ends after its request: its size tells
                points = self.points.get(int(match.group(2)), [])
                self.due.setdefault(number, "size %d" % max([point[1] for point in points[-20:]] or [0]))
            elif reason == "signal":
                self.due.setdefault(number, "signal %d" % int(match.group(2)))
            else:
                self.due[number] = reason
            return


EVENTS = [  # from the line's beginning, which no request can write
    (re.compile(r"(?:\w{3} \w{3} [ \d]\d [\d:]{8} \d{4} - )?" + text), reason)
    for text, reason in (
        (r"\*\*\* EVIL RELOAD ON WORKER (\d+) ADDRESS SPACE", "evil"),
        (r"\*\*\* EVIL RELOAD ON WORKER (\d+) RSS", "evil-rss"),
        (r"\*\*\* HARAKIRI ON WORKER (\d+) ", "harakiri"),
        (r"worker (\d+) lifetime reached", "lifetime"),
        (r"\.\.\. monitored exception detected, respawning worker (\d+) ", "exception"),
        (r"uWSGI worker (\d+) cheaped", "cheap"),
        (r"worker (\d+) killed successfully \(pid: (\d+)\)", "done"),
        (r"DAMN ! worker (\d+) \(pid: \d+\) .*killed by signal (\d+) ", "signal"),
        (r"DAMN ! worker (\d+) \(pid: \d+\) died :\(", "died"),
        (r"Respawned uWSGI worker (\d+) ", "respawned"),
        (r"spawned uWSGI worker (\d+) ", "spawned"),
    )
]


def thinned(points):
    step = -(-len(points) // POINTS)
    return points[::-1][:: max(1, step)][::-1]


def read_log(path, patterns, alive, answer):
    """Put into `answer` what the log tells of the processes `alive`, and why workers were replaced."""
    record = Record(patterns)
    for text in pieces(path):
        for line in text.split("\n"):
            record.measure(line[-4000:])
    # Without a gap, or what came before a worker's end is not what stands before it.
    for line in text.split("\n"):
        record.note(line)
    answer["points"] = dict((pid, thinned(record.points[pid])) for pid in alive if pid in record.points)
    answer["reasons"], answer["last"] = record.reasons, record.last


def read_reasons(path, answer):
    """Put into `answer` why workers were replaced of late."""
    record = Record([])
    with open(path, "rb") as log:
        size = os.path.getsize(path)
        log.seek(max(0, size - SHORT_TAIL))
        lines = log.read(SHORT_TAIL).decode("utf-8", "replace").split("\n")
    for line in lines[1:] if size > SHORT_TAIL else lines:
        record.note(line)
    answer["reasons"], answer["last"] = record.reasons, record.last


def main(words):
    asked = [word.partition(" ")[::2] for word in words]
    given = dict(asked)
    answer = {"now": int(time.time()), "workers": []}
    try:
        stats = read_stats(given["stats"])
        answer["workers"] = [worker(number, said) for number, said in enumerate(stats["workers"], 1)]
        use_zone(zone_of(stats.get("pid", 0)))
        answer["queue_errors"] = int(stats.get("listen_queue_errors", 0))
    except (OSError, IOError) as error:
        answer["problem"] = error.strerror or str(error)
    except (ValueError, LookupError):
        answer["problem"] = "it does not answer as uWSGI's stats server does"
    try:
        if "log" in given:
            patterns = [value.partition(" ")[::2] for kind, value in asked if kind == "pattern"]
            alive = [one["pid"] for one in answer["workers"]]
            read_log(given["log"], [(field, re.compile(text)) for field, text in patterns], alive, answer)
        elif "end_of_log" in given:
            read_reasons(given["end_of_log"], answer)
    except (OSError, IOError) as error:
        answer["log_problem"] = error.strerror or str(error)
    print(json.dumps(answer, sort_keys=True))


main(sys.argv[2:])
