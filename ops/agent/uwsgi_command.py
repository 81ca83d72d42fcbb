"""How to start a uWSGI of our own as the program starts its own: with the version that is deployed.

The script start-program sets that environment, if the host has it; otherwise the products' `activate` does.
"""

import os

from ops.agent.processes import clean_environment
from ops.agent.products import activated, program_in, what_lacks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.service_messages import App


class UwsgiCommand:
    """The words before uWSGI's own, and the environment; `lack` says why there is no uWSGI, or is ""."""

    def __init__(self, app: "App", activate: str) -> None:
        if app.start_program and os.path.exists(app.start_program):
            self.words = ["/bin/bash", app.start_program, "uwsgi"]
            self.environment = clean_environment()
            self.lack = ""
            return
        self.environment = activated(activate).environment
        self.words = [program_in(self.environment, "uwsgi") or "uwsgi"]
        self.lack = what_lacks(activate, "uwsgi")
