"""How to start a program as supervisord starts it: with the version that is deployed.

The script start-program sets that environment, if the host has it; otherwise the products' `activate` does.
"""

import os

from ops.agent.products import account_environment, activated, what_lacks


class DeployedCommand:
    """The first words of a program, and their environment; `lack` says why there is no such program, or is ""."""

    def __init__(self, name: str, start_program: str, activate: str) -> None:
        if start_program and os.path.exists(start_program):
            self.words = ["/bin/bash", start_program, name]
            self.environment = account_environment()
            self.lack = ""
            return
        self.environment = activated(activate).environment
        self.words = [name]
        self.lack = what_lacks(activate, name)
