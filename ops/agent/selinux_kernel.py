"""SELinux's mode, and the kernel's answer to one question of access.

Source: selinux_check_access(3); Linux, security/selinux/selinuxfs.c.
"""

import os

from ops.agent.processes import NOT_STARTED, run

FOLDER = "/sys/fs/selinux"
ANSWER = 64  # bytes, at the most
MODES = ("Enforcing", "Permissive", "Disabled")
NONE = "none"  # the kernel has no SELinux
ALLOWED, DENIED, UNKNOWN = "allowed", "denied", "unknown"
NO_TOOL, NO_LABEL, NO_ANSWER = "no-tool", "no-label", "no-answer"  # why it is unknown


def mode() -> str:
    """One of MODES, or NONE. getenforce is a tool of libselinux-utils; the kernel's own file needs none."""
    told = run(["getenforce"])
    if told.code == 0 and told.text in MODES:
        return told.text
    return {"1": "Enforcing", "0": "Permissive"}.get(_read("enforce"), NONE)


def decide(active: str, labels: "tuple[str, str]", of_class: str, does: str) -> "tuple[str, str]":
    """May the first label do this to the class of the second? The verdict, and if it is unknown, why.

    While SELinux is permissive, selinux_check_access grants everything; then the kernel's own file is used.
    """
    if not all(labels):
        return UNKNOWN, NO_LABEL
    if active == "Permissive":
        return _kernels_file(labels, of_class, does)
    told = run(["selinux_check_access", *labels, of_class, does])
    if told.code == NOT_STARTED:
        return UNKNOWN, NO_TOOL
    if told.code == 0:
        return ALLOWED, ""
    return (DENIED, "") if "Permission denied" in told.text else (UNKNOWN, NO_ANSWER)


def _kernels_file(labels: "tuple[str, str]", of_class: str, does: str) -> "tuple[str, str]":
    """The kernel answers "ALLOWED DECIDED …"; the first is a hexadecimal mask of permissions."""
    index, place = _read(f"class/{of_class}/index"), _read(f"class/{of_class}/perms/{does}")
    try:
        file = os.open(os.path.join(FOLDER, "access"), os.O_RDWR)
        try:
            os.write(file, f"{labels[0]} {labels[1]} {int(index)}".encode())
            mask = int(os.read(file, ANSWER).split()[0], 16)
        finally:
            os.close(file)
        granted = mask >> (int(place) - 1) & 1
    except (OSError, ValueError, IndexError):
        return UNKNOWN, NO_ANSWER
    return (ALLOWED if granted else DENIED), ""


def _read(name: str) -> str:
    try:
        with open(os.path.join(FOLDER, name)) as file:
            return file.read().strip()
    except OSError:
        return ""
