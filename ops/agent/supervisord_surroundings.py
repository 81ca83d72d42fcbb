"""What supervisord's file takes from elsewhere: the files that it includes, and variables of supervisord's own.

Source: the supervisor manual, "[include] Section Settings" and "Environment Variables".
"""

import glob
import os
import re

from ops.agent.host_processes import environment_of, read_bytes
from ops.agent.service_messages import Surroundings
from ops.agent.supervisord_login import settings

VARIABLE = re.compile(r"%\(ENV_(\w+)\)s")


def surroundings(conf: str, pid: int) -> Surroundings:
    """For the file of the running supervisord `pid`; 0: none runs, and no variable is known."""
    folder, found = os.path.dirname(conf), Surroundings()
    texts = [_text(conf)]
    for pattern in settings(conf).get(("include", "files"), "").split():
        for path in sorted(glob.glob(os.path.join(folder, pattern))):
            texts.append(_text(path))
            found.included.append((path, texts[-1]))
    own = environment_of(pid) if pid else {}
    names = {name for text in texts for name in VARIABLE.findall(text)}
    found.variables = {name: own[name] for name in sorted(names) if name in own}
    return found


def _text(path: str) -> str:
    return read_bytes(path).decode("utf-8", "replace")
