"""poms-ops: deploy and run POMS, and any service of the same build. `fab --list` shows the tasks."""

import sys

import fabric.main

from tasks._interpreter import prepare

prepare()  # before the other imports

from tasks._fabric import install  # noqa: E402 - after prepare()
from tasks._registry import collection  # noqa: E402 - after prepare()
from tasks._sigpipe import end_with_the_output  # noqa: E402 - after prepare()

install(fabric.main.program)
end_with_the_output()
namespace = collection(sys.argv[1:])
