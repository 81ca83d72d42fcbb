# supervisor_version.py: whether supervisorctl's Python gives supervisor's library, and which Python that is.
# Usage: supervisor_version.py SUPERVISORCTL (supervisor_library.py, joined to this)
import sys

assert SupervisorTransport
print("%s, Python %d.%d" % ((sys.executable,) + sys.version_info[:2]))
