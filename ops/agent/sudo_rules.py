"""What sudo grants this account, without running it."""

from ops.agent.commands import SUDO
from ops.agent.processes import Ended, run

GRANTED, DENIED, PASSWORD = "yes", "no", "password"  # the last: sudo wants one before it says


def grant_of(words: "list[str]", sudo_password: str) -> "tuple[str, str]":
    """Whether sudo grants the words behind it, and if not, the last line of what it says."""
    ended = _listed(words)
    granted = GRANTED if ended.code == 0 else DENIED
    if granted == DENIED and sudo_password:
        ended = run([SUDO, "-S", "-p", "", "-l", "--", *words], f"{sudo_password}\n".encode())
        granted = GRANTED if ended.code == 0 else DENIED
    elif granted == DENIED and "password" in ended.text:  # or it grants nothing at all: sudo does not say which
        granted = PASSWORD
    return granted, "" if granted == GRANTED else (ended.text.splitlines() or [""])[-1]


def why_barred(words: "list[str]", sudo_password: str) -> str:
    """Why the account cannot run a command of the inventory's; "" if it can, or if only its run tells."""
    if words[:1] != [SUDO] or sudo_password:
        return ""
    ended = _listed(words[1:])
    if ended.code == 0:
        return ""
    command = " ".join(words[1:])
    needs = f"the account cannot run '{command}' without a password"
    return f"{ended.text}\n{needs}: add a sudo rule, or use --prompt-for-sudo-password".strip()


def _listed(words: "list[str]") -> Ended:
    return run([SUDO, "-n", "-l", "--", *words])
