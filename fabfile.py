"""poms-ops: deploy and run POMS, and any service of the same build. `fab --list` shows the verbs."""

import atexit
import gc
import sys

import fabric.main

sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)  # as Python has it; fab would compile us every time
sys.setswitchinterval(0.0005)  # a login and what is loaded beside it take turns; each took 5 ms (decisions/speed.md)
gc.disable()  # until a verb runs: what is loaded stays, and looking through it takes a tenth of the time

from tasks._index import collection  # noqa: E402 - after those two
from tasks._pipe import end_with_the_output  # noqa: E402 - after those two
from tasks._verb import take_over  # noqa: E402 - after those two

take_over(fabric.main.program)
end_with_the_output()
atexit.register(gc.freeze)  # nor is it looked through once more when it ends
namespace = collection(sys.argv[1:])
