"""Commands of the inventory's, such as Apache's restart, with sudo where their first word is "sudo"."""

from ops.agent.processes import NOT_STARTED, TIMED_OUT, Ended, run

SECONDS = 300.0
SUDO = "sudo"


def run_command(words: "list[str]", sudo_password: str = "", seconds: float = SECONDS) -> Ended:
    """Run a command without input.

    sudo never asks for a password; one that the operator gave is only written to sudo's standard input. A command of
    root's that does not end within `seconds` cannot be ended by this account: it goes on alone.
    """
    if words[0] != SUDO:
        return run(words, b"", seconds)
    password = f"{sudo_password}\n".encode()
    if sudo_password:
        run([SUDO, "-S", "-p", "", "-v"], password)
    if not sudo_password or run([SUDO, "-n", "-v"]).code == 0:
        ended = run([SUDO, "-n", "--", *words[1:]], b"", seconds)
    else:  # a site that keeps no ticket
        ended = run([SUDO, "-S", "-p", "", "--", *words[1:]], password, seconds)
    if ended.code == TIMED_OUT:
        said = f"{ended.text}\n'{' '.join(words)}' has not ended after {seconds:.0f} seconds, and still runs"
        return Ended(TIMED_OUT, said.strip().encode())
    return ended


def is_unknown(ended: Ended) -> bool:
    """Whether the command came to no answer of its own: sudo refused it, it is not there, or took too long."""
    return ended.code in (TIMED_OUT, NOT_STARTED, 126) or ended.text.startswith("sudo: ")
