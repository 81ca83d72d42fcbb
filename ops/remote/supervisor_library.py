# supervisor_library.py: supervisor's own library, by way of its launcher where need be. A part of supervise.py and
# supervisor_version.py; runs under Python 2.7 or 3.
import os
import sys

try:
    from supervisor.xmlrpc import SupervisorTransport
except ImportError:  # only the launcher knows where its library is: let it print its help into nowhere, then look again
    import runpy

    arguments, output = sys.argv, sys.stdout
    sys.argv, sys.stdout = [arguments[1], "--help"], open(os.devnull, "w")
    try:
        runpy.run_path(arguments[1], run_name="__main__")
    except SystemExit:
        pass
    sys.argv, sys.stdout = arguments, output
    from supervisor.xmlrpc import SupervisorTransport


