# log_entries.py: the entries of a log (lines that belong together), and the shown part of a line. A part of log_reader.py.
import re

LONGEST_ENTRY = 500  # lines; beyond, each line without a time is taken by itself
SHOWN = 4096  # characters of a line: 20 to 50 lines of a terminal
TRACEBACK = b"Traceback (most recent call last)"
CHAINED = (b"During handling of the above exception", b"The above exception was the direct cause")
COMPLAINT = re.compile(br"ERROR|CRIT|FATAL|WARN|[Ee]rror|[Ee]xception")


def is_indented(line):
    return line[:1] in (b" ", b"\t")


def lines_of(data):
    """(place, line) of each line in a text."""
    place = 0
    found = data[:-1].split(b"\n") if data.endswith(b"\n") else data.split(b"\n")
    for line in found if data else []:
        yield place, line
        place += len(line) + 1


def shortened(line, more=0):
    """What is shown of a line of which `more` characters are not in `line`, and its length where that is not all."""
    if len(line) <= SHOWN and not more:
        return line, 0
    text = line.decode("utf-8", "replace")
    length = len(text) + more
    return (line, 0) if length <= SHOWN else (text[:SHOWN].encode("utf-8", "replace"), length)


class Entries(object):
    """Is told the lines of one file, one after the other, and says which of them begin an entry.

    A line with a time begins one. What follows one of Python's logging (or supervisord's, shibd's) without a time
    belongs to it. Behind a request, or where lines have no times, only what is indented does, and tracebacks.
    """

    def __init__(self):
        self.forget()

    def forget(self):
        self.head, self.length, self.before = None, 0, b""
        self.in_traceback = self.is_chained = False

    def begins(self, line, has_time):
        begins = self.is_head(line, has_time)
        if begins:
            self.head, self.length = line[:300], 0
        self.length += 1
        if line.startswith(TRACEBACK):
            self.in_traceback, self.is_chained = True, False
        elif line and not is_indented(line):
            self.in_traceback, self.is_chained = False, line.startswith(CHAINED)
        self.before = line[:300] or self.before
        return begins

    def is_head(self, line, has_time):
        if self.head is None or self.length >= LONGEST_ENTRY:
            return True
        if not line or is_indented(line):
            return False
        if has_time:  # the last line of a traceback may speak of one
            return not self.in_traceback or line[:1] in b"0123456789["
        if self.in_traceback or line.startswith(CHAINED):
            return False
        found = TIMES.search(self.head, 0, 300)
        if found and found.group(1):
            return False
        return not (line.startswith(TRACEBACK) and (self.is_chained or COMPLAINT.search(self.before)))


class Showing(object):
    """What becomes of the lines of a file: an entry is shown as a whole where a line of it is asked for.

    What comes before that line is held, since offset `held_from`.
    """

    def __init__(self):
        self.entries = Entries()
        self.is_shown = self.is_later = False
        self.held, self.held_from = [], None

    def prime(self, lines, is_shown):
        """Take in the lines before those to come; `is_shown`: their last entry is."""
        for line, own in lines:
            self.entries.begins(line, own is not None)
        self.is_shown = is_shown

    def take(self, piece, begins, is_asked, is_later):
        """The pieces to show, now that this one is there; `is_later`: than anything that is asked for."""
        if begins:
            self.is_shown, self.is_later, self.held, self.held_from = False, is_later, [], piece.start
        if self.is_later:
            return []
        self.held.append(piece)
        self.is_shown = self.is_shown or is_asked
        if not self.is_shown:
            return []
        pieces, self.held, self.held_from = self.held, [], None
        return pieces


class Piece(object):
    """A line on its way: from offset `start` to `end`, with the text before that by which its place is known again."""

    def __init__(self, start, end, tail, line, more, begins):
        self.start, self.end, self.tail, self.begins = start, end, tail, begins
        self.text, self.length = shortened(line, more)

    def fact(self, number, position, seconds):
        length = b",%d" % self.length if self.length else b""
        kind = b"line" if self.begins else b"more"
        return b"%s %d %s %.3f%s " % (kind, number, position.encode(), seconds, length) + self.text
