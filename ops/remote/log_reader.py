# log_reader.py: reads a host's logs, rotated files included. Runs on the host's own Python, 2.7 or 3.
# Asked, an argument each: "alive PID" (ends with that process), "lines N" (the last of each log) or "since SECONDS" ago
#   or "since_time TIME" (as logs write it), "until SECONDS" or "until_time TIME" (the last of an entry that is shown),
#   "pattern TEXT" (a basic regular expression, for grep), "case ignored", "mode show", "follow" or "bundle"; for each log "log PATH", then "writer NAME" where one of
#   supervisord's programs, or "supervisord", writes it, and "from POSITION" as told before, to go on behind it
# Answers: "line N POSITION TIME TEXT" of the Nth log (TIME in seconds since the epoch, its own or of a line before it;
#   "TIME,LENGTH" where TEXT is the beginning of so many characters); "more N POSITION TIME TEXT" of one that belongs to
#   the line before it; "reversed": until is before since;
#   "at N POSITION": read as far as that; "missing N", "unreadable N", "nofile N"; "cut N": emptied while it was read;
#   "spoiled N WHY NAME": of its file NAME not all is read: "torn" (it ends in the midst), "broken", or "unknown" (by what
#   it is compressed: nothing of it is read); "gap N": the file of POSITION is gone; "refused MESSAGE" of grep; "live": from here on what is written now; "beat"
#   Of a bundle "total BYTES" before compression, "data BASE64" of a tar.gz, with "done BYTES" between; then end
import heapq
import io
import os
import subprocess
import sys
import time

EVERY = 0.2  # seconds between two looks at the logs
BEAT = 3.0  # seconds between two signs of life
UNTIMED = 20  # lines of a log without times that are shown of it since whenever
out = io.open(1, "wb", 64 * 1024, closefd=False)
last_beat = [time.time()]


def say(*words):
    out.write(b" ".join(word if isinstance(word, bytes) else str(word).encode() for word in words) + b"\n")


def beat():
    if time.time() - last_beat[0] >= BEAT:
        say("beat")
        out.flush()
        last_beat[0] = time.time()


def finder(pattern, ignore_case):
    """What gives the numbers, from 1, of the lines in a text that match; None: all. Ends the program for a bad pattern."""
    if not pattern:
        return None
    command = ["grep", "-a", "-n"] + (["-i"] if ignore_case else []) + ["-e", pattern]

    def numbers(data):
        grepping = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        found, message = grepping.communicate(data)
        if grepping.returncode > 1:
            say("refused", message.replace(b"\n", b" "))
            out.flush()
            sys.exit()
        return set(int(line.split(b":", 1)[0]) for line in found.split(b"\n")[:-1])

    numbers(b"")
    return numbers


def pour(logs, wanted, live=False, last=False):
    for _, _, fact in heapq.merge(*[log.lines(wanted, live, last) for log in logs]):
        say(fact)


def follow(logs, wanted, alive):
    pour(logs, wanted)
    for log in logs:
        log.tell_position()
    say("live")
    while True:
        out.flush()
        time.sleep(EVERY)
        os.kill(alive, 0)  # raises OSError, and ends this, where that process has ended
        for log in logs:
            log.look()
        pour(logs, wanted, live=True)
        if time.time() - last_beat[0] >= BEAT:
            for log in logs:
                log.tell_position()
            beat()


def main(arguments):
    asked = {"lines": b"20", "mode": b"show", "pattern": b"", "case": b"", "alive": b"0"}
    logs, zones = [], None
    for argument in arguments:
        key, _, value = (argument if isinstance(argument, bytes) else os.fsencode(argument)).partition(b" ")
        key = key.decode()
        if key == "log":
            logs.append(Log(len(logs) + 1, value))
        elif key == "writer":
            zones = zones_of_programs() if zones is None else zones
            logs[-1].zone = zones.get(value.decode(), zones.get("supervisord", HOST))
        elif key == "from":
            logs[-1].positions.append(value.decode())
        else:
            asked[key] = value
    since = time.time() - int(asked["since"]) if "since" in asked else None
    if "since_time" in asked:
        since = time_of(asked["since_time"]) or float("inf")  # None: it is yet to come
    until = time.time() - int(asked["until"]) if "until" in asked else None
    if "until_time" in asked:
        until = time_of(asked["until_time"])
    if since is not None and until is not None and until < since:
        say("reversed")
        return
    if asked["mode"] == b"bundle":
        for log in logs:
            log.open(log.path)  # tells where it cannot be
        bundle(logs, since)
        say("end")
        return
    wanted = Wanted(finder(asked["pattern"], asked["case"] == b"ignored"), until)
    for log in logs:
        if log.positions:
            log.resume()
        else:
            log.begin(since, UNTIMED if since is not None else int(asked["lines"]), wanted)
    if asked["mode"] == b"follow":
        follow(logs, wanted, int(asked["alive"]))
    elif asked["lines"] != b"0" or since is not None:
        pour(logs, wanted, last=True)
    say("end")


try:
    main(sys.argv[1:])
    out.flush()
except (IOError, OSError) as error:
    if error.errno not in (errno.EPIPE, errno.ESRCH):
        raise
    os._exit(0)  # nobody is there any more
