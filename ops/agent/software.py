"""The installed versions of the app, and the current one: a chain of UPS, or a link to a release folder.

Source: what was measured of UPS 6: `ups exist` is the only command whose exit code says whether a version is there;
`ups list -aK+` prints a line of quoted words per version: name, version, flavor, qualifiers, chains.
"""

import os
import re

from ops.agent import durable
from ops.agent.products import run_with_products
from ops.agent.step_failed import StepFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.processes import Ended
    from ops.agent.service_messages import Software

SECONDS = 60.0  # for a command of UPS
UNFINISHED = "installing"  # in the state folder: a file for each version whose installation has not succeeded
WORD = re.compile(r'"([^"]*)"')


class Version:
    """One installed version, with its folder; `chains`: "current" and others that lead to it, or the link."""

    def __init__(self, name: str, chains: "list[str]", folder: str) -> None:
        self.name = name
        self.chains = chains
        self.folder = folder


def versions(software: "Software") -> "list[Version]":
    """Those that are installed, whole or not. Raises StepFailed if that is not known."""
    return _declared(software) if software.product else _folders(software)


def current(software: "Software") -> str:
    """The version that a chain or a link leads to; "" if none does. Raises StepFailed if that is not known."""
    if software.product:
        if not software.chain:
            return ""
        return next((one.name for one in _declared(software) if software.chain in one.chains), "")
    return _linked(software)


def is_installed(software: "Software", version: str, state_dir: str) -> bool:
    """Whether a version is there as a whole. Raises StepFailed if that is not known."""
    return not os.path.exists(unfinished(state_dir, version)) and is_there(software, version)


def is_there(software: "Software", version: str) -> bool:
    """Whether there is a version, whole or not. Raises StepFailed if that is not known."""
    if software.product:  # the exit code of a UPS that does not work is also not 0
        if _ups(software, ["exist", software.product, version]).code == 0:
            return True
        return any(one.name == version for one in _declared(software))
    path = os.path.join(software.folder, version)
    return os.path.isdir(path) and not os.path.islink(path)


def unfinished(state_dir: str, version: str) -> str:
    """The file that exists from the beginning of an installation until it has succeeded."""
    return os.path.join(state_dir, UNFINISHED, f"{version}.version")


def set_current(software: "Software", version: str) -> None:
    """Let the chain or the link lead to a version; "": to none. Raises StepFailed, or OSError."""
    if software.product:
        chain = ["-c"] if software.chain == "current" else ["-g", software.chain]
        if not version and not current(software):
            return
        does = ["declare", *chain, software.product, version] if version else ["undeclare", *chain, software.product]
        ended = _ups(software, does)
        if ended.code:
            raise StepFailed(f"{ended.text}\nups cannot {does[0]} {software.product} {version} {software.chain}")
    elif version:
        _link(software.link, os.path.join(software.folder, version))
    else:
        durable.remove(software.link)


def _declared(software: "Software") -> "list[Version]":
    columns = "version:chain:prod_dir"
    ended = _ups(software, ["list", "-a", "-K", columns, software.product])
    if ended.code:
        raise StepFailed(f"{ended.text}\nups does not list the versions of {software.product}")
    found = []
    for line in ended.output.decode("utf-8", "replace").splitlines():
        words = WORD.findall(line)
        if len(words) == 3:
            found.append(Version(words[0], [chain for chain in words[1].split(":") if chain], words[2]))
    return found


def _folders(software: "Software") -> "list[Version]":
    try:
        names = sorted(os.listdir(software.folder))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StepFailed(str(error)) from None
    linked = _linked(software)
    folders = [(name, os.path.join(software.folder, name)) for name in names if not name.startswith(".")]
    return [
        Version(name, ["current"] if name == linked else [], path)
        for name, path in folders
        if os.path.isdir(path) and not os.path.islink(path)
    ]


def _linked(software: "Software") -> str:
    if not software.link:
        return ""
    try:
        target = os.path.join(os.path.dirname(software.link), os.readlink(software.link))
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise StepFailed(f"{software.link} is no link: {error}") from None
    folder, name = os.path.split(os.path.normpath(target))
    return name if folder == software.folder else target


def _link(link: str, target: str) -> None:
    """Replace the link by rename; a target in the link's own folder is written as a relative path."""
    parent = os.path.dirname(link)
    new = f"{link}.poms-ops-new"
    durable.remove(new)
    os.symlink(os.path.relpath(target, parent), new)
    os.rename(new, link)
    durable.sync_folder(parent)


def _ups(software: "Software", words: "list[str]") -> "Ended":
    return run_with_products(software.setup, ["ups", *words], seconds=SECONDS)
