"""Whether another account may enter a folder or write to a socket. Source: acl(5), "Access check algorithm"."""

import os
import stat

from ops.agent.processes import run

SHIFTS = {"user": 6, "group": 3, "other": 0}


def may(account: str, right: str, path: str) -> bool:
    """Whether `account` has permission `right`, "x" or "w", on `path`; yes if unknown."""
    import grp
    import pwd

    try:
        found, entry = os.stat(path), pwd.getpwnam(account)
    except (OSError, KeyError):
        return True
    groups = {entry.pw_gid, *(group.gr_gid for group in grp.getgrall() if account in group.gr_mem)}
    names = {group.gr_name for group in grp.getgrall() if group.gr_gid in groups}
    rights = _rights(path, found.st_mode)
    mask = next((value for kind, _, value in rights if kind == "mask"), "rwx")
    own = {(kind, name): value for kind, name, value in rights}
    if entry.pw_uid == found.st_uid:
        return right in own["user", ""]
    if ("user", account) in own:
        return right in own["user", account] and right in mask
    ours = [
        value
        for kind, name, value in rights
        if kind == "group" and (name in names or (not name and found.st_gid in groups))
    ]
    if ours:
        return right in "".join(ours) and right in mask
    return right in own["other", ""]


def _rights(path: str, mode: int) -> "list[tuple[str, str, str]]":
    """(kind, name, rights): of its access list, or of its mode if this host has no getfacl."""
    said = run(["getfacl", "-cp", "--", path])
    fields = [line.partition("#")[0].strip().split(":") for line in said.text.splitlines()]
    found = [(field[0], field[1], field[2]) for field in fields if len(field) == 3]
    if said.code or not found:
        bits = stat.S_IMODE(mode)
        found = [(kind, "", _letters(bits >> shift)) for kind, shift in SHIFTS.items()]
    return found


def _letters(bits: int) -> str:
    return "".join(letter for letter, bit in (("r", 4), ("w", 2), ("x", 1)) if bits & bit)
